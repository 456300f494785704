"""Leads from a file that somebody puts in a place: read whole whenever it has changed."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import BinaryIO, ClassVar, Final

from locutory.engines.crm.base import (
    Activity,
    Checked,
    CrmUnsupported,
    Lead,
    LeadFault,
    LeadPage,
    Note,
    Window,
)
from locutory.engines.crm.rows import LeadFileInvalid, leads_in
from locutory.kernel.clock import to_ms
from locutory.kernel.errors import EngineConfigError

NAME: Final = "csv"
_PAGE: Final = 5000
_SAMPLE: Final = 100


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that was opened, and when it was changed or put there last."""

    file: BinaryIO
    changed_at: datetime


Opener = Callable[[], AbstractContextManager[OpenFile]]


class CsvFile:
    """A file of leads. There is nobody to write to, and nothing is known of activities."""

    provider: ClassVar[str] = NAME
    writes: ClassVar[bool] = False

    def __init__(self, opener: Opener) -> None:
        """`opener` opens the file as it is now. Blocking; raises OSError, EngineConfigError."""
        self._opener = opener

    async def check(self) -> Checked:
        """Open the file and read its first rows."""
        return await asyncio.to_thread(self._check)

    async def recently_modified(self, window: Window, cursor: str | None) -> LeadPage:
        """A page of rows if the file was changed since; rows without a time have the file's."""
        return await asyncio.to_thread(self._page, window, cursor)

    async def by_phone(self, phone: str) -> Sequence[Lead]:
        """None: all that the file knows is in the cache."""
        return ()

    async def activities(self, lead_id: str, *, limit: int) -> Sequence[Activity]:
        """Not here."""
        raise CrmUnsupported("a file has no activities")

    async def write(self, note: Note) -> str:
        """Not here."""
        raise CrmUnsupported("nothing is written into a file")

    async def find(self, note: Note) -> str | None:
        """Not here."""
        raise CrmUnsupported("nothing is written into a file")

    def _check(self) -> Checked:
        with self._opened() as opened:
            rows = list(islice(leads_in(opened.file), _SAMPLE))
        leads = sum(isinstance(row, Lead) for row in rows)
        faults = [row for row in rows if isinstance(row, LeadFault)]
        if faults and not leads:
            raise EngineConfigError(f"line {faults[0].place}: {faults[0].reason}", engine=NAME)
        return Checked("the file can be read", leads)

    def _page(self, window: Window, cursor: str | None) -> LeadPage:
        version, _, place = (cursor or "").partition(":")
        with self._opened() as opened:
            if opened.changed_at < window.since:
                return LeadPage(leads=())
            now = str(to_ms(opened.changed_at))
            begin = int(place) if version == now else 0  # another file is read from its top
            rows = list(islice(leads_in(opened.file), begin, begin + _PAGE))
        leads = [
            replace(row, modified_at=row.modified_at or opened.changed_at)
            for row in rows
            if isinstance(row, Lead)
        ]
        faults = [row for row in rows if isinstance(row, LeadFault)]
        following = f"{now}:{begin + _PAGE}" if len(rows) == _PAGE else None
        return LeadPage(leads=tuple(leads), cursor=following, faults=tuple(faults))

    @contextmanager
    def _opened(self) -> Iterator[OpenFile]:
        try:
            with self._opener() as opened:
                yield opened
        except LeadFileInvalid as error:
            raise EngineConfigError(error.detail, engine=NAME) from error
        except OSError as error:
            words = f"the file cannot be read: {error.strerror or error}"
            raise EngineConfigError(words, engine=NAME) from error
