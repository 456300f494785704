"""PostgreSQL connections that wait for an answer so long and no longer.

A server that stands still, or a network that swallows packets, sends no error: without this a
request would wait for hours, and hold its connection all the while.
"""

from typing import Any, ClassVar, TypeVar

import psycopg
from psycopg import errors

RV = TypeVar("RV")


class PatientConnection(psycopg.AsyncConnection[Any]):
    """Gives up a connection whose server does not answer within `answer_s`."""

    answer_s: ClassVar[float] = 30.0

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """See `psycopg.AsyncConnection`. Raises OperationalError, with the connection closed."""
        try:
            return await super().wait(gen, interval, timeout or self.answer_s)
        except errors._WaitTimeout as error:
            if timeout is not None:
                raise  # whoever asked for this one knows what to do
            self.pgconn.finish()  # nobody could tell whose answer comes next
            raise psycopg.OperationalError(f"no answer within {self.answer_s:.0f} s") from error


def patient(answer_s: float) -> type[PatientConnection]:
    """The class for connections with that much patience."""
    return type("PatientConnection", (PatientConnection,), {"answer_s": answer_s})
