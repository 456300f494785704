"""Wake-ups from other processes through PostgreSQL's LISTEN; losing one costs a poll interval."""

import asyncio

import structlog
from sqlalchemy.engine import make_url

from locutory.kernel.errors import first_line
from locutory.kernel.signals import Signals

log = structlog.get_logger(__name__)

CHANNEL = "locutory"
_AGAIN_S = 2.0


async def listen(url: str, signals: Signals) -> None:
    """Pass notifications on to this process, until cancelled; reconnect when the server goes."""
    import psycopg

    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(
                address, autocommit=True
            ) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                async for notice in connection.notifies():
                    signals.notify(notice.payload.split(","))
        except psycopg.OperationalError as error:
            log.warning("not listening to the database", reason=first_line(error))
        await asyncio.sleep(_AGAIN_S)
