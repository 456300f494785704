"""Trying a source database: what is there, what is missing, and what a call would look like."""

from collections import Counter
from datetime import UTC

from locutory.engines.databases import Column, DatabaseFault, Fault, Index, Query, Rows
from locutory.kernel.clock import utc_now
from locutory.kernel.http.client import HttpClient
from locutory.kernel.services import Services
from locutory.products.calls.sources.connecting import entered, zone_of
from locutory.products.calls.sources.describing import mapping_of
from locutory.products.calls.sources.mapping import TableMapping
from locutory.products.calls.sources.models import CallSource
from locutory.products.calls.sources.polling import ADVICE
from locutory.products.calls.sources.source_schemas import ColumnRead, Finding, SourceTest
from locutory.products.calls.sources.tablerows import judged, shown

_SAMPLE = 3
_SKEW_S = 60.0
_ADVISED = frozenset({"read_only", "index", "preset"})
"""Findings that tell of a risk; the source can be read all the same."""


async def tried(source: CallSource, services: Services) -> SourceTest:
    """Connect, look and read three rows; nothing is taken in."""
    attempt = _Attempt(source, mapping_of(source), services)
    try:
        async with entered(source, services) as rows:
            await attempt.go_through(rows)
    except DatabaseFault as error:
        attempt.note(_check_of(error), ok=False, detail=_told(error))
    ok = all(finding.ok or finding.check in _ADVISED for finding in attempt.findings)
    attempt.result.ok = ok
    return attempt.result


def _told(error: DatabaseFault) -> str:
    return f"{error.error_code}: {error.detail} {ADVICE[error.fault]}"


def _check_of(error: DatabaseFault) -> str:
    named = {Fault.TABLE: "table", Fault.COLUMN: "columns", Fault.GRANT: "grants"}
    return named.get(error.fault, "read" if error.fault is Fault.TIMEOUT else "open")


class _Attempt:
    def __init__(self, source: CallSource, mapping: TableMapping, services: Services) -> None:
        self._source = source
        self._mapping = mapping
        self._services = services
        self.result = SourceTest(ok=False, findings=[])

    @property
    def findings(self) -> list[Finding]:
        return self.result.findings

    def note(self, check: str, *, ok: bool, detail: str) -> None:
        self.findings.append(Finding(check=check, ok=ok, detail=detail))

    async def go_through(self, rows: Rows) -> None:
        mapping = self._mapping
        before = utc_now()
        theirs = (await rows.now()).astimezone(UTC)
        after = utc_now()
        self.note("open", ok=True, detail="the server answers and the account may log in")
        skew = (theirs - (before + (after - before) / 2)).total_seconds()
        self.result.clock_skew_s = round(skew, 3)
        if abs(skew) > _SKEW_S:
            detail = f"its clock is {skew:+.0f} s from ours"
            self.note("clock", ok=False, detail=detail)
        columns = {c.name: c for c in await rows.columns(mapping.table, mapping.schema_name)}
        self.result.columns = [ColumnRead(name=c.name, type=c.type) for c in columns.values()]
        if not columns and not await self._may_see(rows, mapping.named()):
            return
        self.note("table", ok=True, detail=f"{len(columns)} columns in {mapping.table}")
        missing = [name for name in mapping.named() if name not in columns]
        if self._source.preset is not None:
            detail = f"{self._source.preset} is a guess: see that the rows below are right"
            self.note("preset", ok=not missing, detail=detail)
        for name in missing:
            await self._may_see(rows, [name])
        self._look_at(columns)
        self._look_at_indexes(await rows.indexes(mapping.table, mapping.schema_name))
        if await rows.may_write(mapping.table, mapping.schema_name):
            detail = "the account may also write; one that may only SELECT is enough"
            self.note("read_only", ok=False, detail=detail)
        if not missing:
            await self._read(rows)

    async def _may_see(self, rows: Rows, names: object) -> bool:
        """Let the server say what is wrong with columns that it does not list."""
        asked = Query(
            table=self._mapping.table,
            schema=self._mapping.schema_name,
            columns=tuple(names),  # type: ignore[arg-type] # an iterable of names
            limit=1,
        )
        try:
            await rows.page(asked)
        except DatabaseFault as error:
            if error.fault not in (Fault.TABLE, Fault.COLUMN, Fault.GRANT):
                raise
            self.note(_check_of(error), ok=False, detail=_told(error))
            return False
        return True

    def _look_at(self, columns: dict[str, Column]) -> None:
        mapping = self._mapping
        changes = columns.get(mapping.updated_at or "")
        if changes is not None and not changes.is_time:
            detail = f"{changes.name} is {changes.type}, no date and time; leave updated_at out"
            self.note("columns", ok=False, detail=detail)
        began = columns.get(mapping.started_at or "")
        if mapping.updated_at is None and (began is None or not began.is_time):
            detail = "without updated_at and a started_at of date and time, changes go unnoticed"
            self.note("changes", ok=False, detail=detail)

    def _look_at_indexes(self, indexes: list[Index]) -> None:
        mapping = self._mapping
        if not any(one.unique and one.columns == (mapping.row_id,) for one in indexes):
            detail = f"{mapping.row_id} is not known to be unique: rows that share it may be missed"
            self.note("row_id", ok=False, detail=detail)
        first = mapping.updated_at or mapping.row_id
        if not any(one.columns[:1] == (first,) for one in indexes):
            detail = f"no index begins with {first}: each poll reads the whole table"
            self.note("index", ok=False, detail=detail)

    async def _read(self, rows: Rows) -> None:
        mapping = self._mapping
        found = await rows.page(
            Query(
                table=mapping.table,
                schema=mapping.schema_name,
                columns=mapping.wanted(),
                where=mapping.conditions(),
                limit=_SAMPLE,
            )
        )
        self.result.rows = [shown(values, mapping) for values in found]
        gate, zone = self._services.get(HttpClient).gate, zone_of(self._source)
        looked = [judged(values, mapping, zone, gate) for values in found]
        good = sum(row.offer is not None for row in looked)
        self.note("read", ok=True, detail=f"{len(found)} rows read")
        if good < len(looked):
            whys = Counter(row.why for row in looked if row.error is not None)
            detail = f"{good} of {len(looked)} rows are calls: {'; '.join(whys)}"
            self.note("rows", ok=good > 0, detail=detail[:500])
