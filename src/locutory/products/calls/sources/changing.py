"""Taking in what changed in a source's table, as events tell it in place of a poll."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from locutory.kernel.clock import utc_now
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Database, Session
from locutory.kernel.db.locks import hold
from locutory.kernel.errors import InvalidError, LocutoryError
from locutory.kernel.http.gate import Gate
from locutory.products.calls.sources import queries
from locutory.products.calls.sources.changes import (
    REASONS,
    Change,
    Ignored,
    change_of,
    passes,
)
from locutory.products.calls.sources.connecting import zone_of
from locutory.products.calls.sources.contract import Outcome, SourceKind, SourceNotMapped, Taken
from locutory.products.calls.sources.describing import mapping_of
from locutory.products.calls.sources.mapping import TableMapping
from locutory.products.calls.sources.models import CallSource, SeenChange
from locutory.products.calls.sources.refusing import refuse
from locutory.products.calls.sources.schemas import ChangesResult, ItemResult
from locutory.products.calls.sources.service import take_by_age
from locutory.products.calls.sources.tablerows import Row, judged

MOST = 500


@dataclass(slots=True)
class Looked:
    """An event as it was looked at by itself: a row, what it is instead, or why it is ignored."""

    change: Change | None = None
    row: Row | None = None
    ignored: Ignored | None = None

    @property
    def digest(self) -> str | None:
        """What the call is known by where its order is kept: erased calls leave no name there."""
        if self.change is None or self.change.callid is None:
            return None
        return hashlib.sha256(self.change.callid.encode(errors="replace")).hexdigest()


@dataclass(slots=True)
class Batch:
    """A request's events for one source."""

    source: CallSource
    mapping: TableMapping
    looked: list[Looked] = field(default_factory=list)


async def look_through(db: Database, reference: str, data: Any, gate: Gate) -> Batch:
    """Look at each event by itself; `reference` is the source's id or name.

    Raises SourceNotFound, SourceNotMapped, InvalidError.
    """
    events = data if isinstance(data, list) else [data]
    if not 1 <= len(events) <= MOST:
        message = f"1 to {MOST} events"
        raise InvalidError(message, errors=[_fault("body", message)])
    async with db.read() as session:
        source = await queries.get_source_by(session, reference)
    if source.mapping is None:
        raise SourceNotMapped
    batch = Batch(source, mapping_of(source))
    batch.looked = [_look(event, batch, gate) for event in events]
    _supersede(batch.looked)
    return batch


def _look(event: Any, batch: Batch, gate: Gate) -> Looked:
    source, mapping = batch.source, batch.mapping
    try:
        change = change_of(event, mapping)
    except LocutoryError as error:
        return Looked(row=Row(_raw(event), error=error))
    if isinstance(change, Ignored):
        return Looked(ignored=change)
    if change.deleted:
        return Looked(change=change, ignored=Ignored.DELETED)
    folded = source.kind != SourceKind.POSTGRESQL
    if not passes(mapping.filters, change.values, folded=folded):
        return Looked(change=change, ignored=Ignored.FILTERED)
    row = judged(change.values, mapping, zone_of(source), gate)
    if row.offer is not None and row.offer.began_before(source.since):
        return Looked(change=change, ignored=Ignored.TOO_OLD)
    return Looked(change=change, row=row)


def _raw(event: Any) -> Mapping[str, Any]:
    """What can be shown of an event that is none, as a row: the row in it if there is one."""
    if isinstance(event, Mapping):
        envelope = event.get("payload", event)
        row = envelope.get("after") if isinstance(envelope, Mapping) else None
        if isinstance(row, Mapping):
            return row
    return {"event": orjson.dumps(event, default=str).decode()}


def _supersede(looked: Sequence[Looked]) -> None:
    """Of several changes of a call only the last one counts, of equally late ones the later."""
    last: dict[str, Looked] = {}
    for one in looked:
        if one.digest is None or one.change is None:
            continue
        before = last.get(one.digest)
        if before is None or before.change is None or before.change.at_ms <= one.change.at_ms:
            last[one.digest] = one
    for one in looked:
        if one.digest is not None and last[one.digest] is not one and one.ignored is None:
            one.ignored, one.row = Ignored.SUPERSEDED, None


async def store(tx: Session, batch: Batch, *, actor: str, secrets: Secrets) -> ChangesResult:
    """Register the calls of a request, keep what is none, and answer for each event."""
    await hold(tx, f"changes:{batch.source.id}")
    await _guard(tx, batch)
    taken = await _take(tx, batch, actor, secrets)
    for one in batch.looked:
        if one.row is not None and one.row.error is not None:
            await refuse(tx, batch.source.id, batch.mapping, one.row)
    results = [_result(one, taken) for one in batch.looked]
    counted = [one.result for one in results]
    known = (Outcome.CREATED, Outcome.UPDATED, Outcome.SOURCE_CHANGED)
    return ChangesResult(
        accepted=sum(counted.count(outcome) for outcome in known),
        duplicates=counted.count(Outcome.DUPLICATE),
        rejected=counted.count("rejected"),
        ignored=counted.count("ignored"),
        items=results,
    )


async def _guard(tx: Session, batch: Batch) -> None:
    """Leave out what is older than what was taken, and note how far each call's changes are."""
    digests = {one.digest for one in batch.looked if one.digest is not None}
    seen = await queries.seen_changes(tx, batch.source.id, sorted(digests))
    for one in batch.looked:
        change, digest = one.change, one.digest
        if change is None or digest is None or (one.row is None and not change.deleted):
            continue
        before = seen.get(digest)
        if before is not None and before.at_ms > change.at_ms:
            one.ignored, one.row = Ignored.STALE, None
            continue
        if one.row is not None and one.row.offer is None:
            continue
        if before is None:
            before = seen[digest] = SeenChange(source_id=batch.source.id, call_digest=digest)
            tx.add(before)
        before.at_ms, before.deleted = change.at_ms, change.deleted
    await tx.flush()


async def _take(tx: Session, batch: Batch, actor: str, secrets: Secrets) -> dict[str, Taken]:
    offers = [one.row.offer for one in batch.looked if one.row is not None and one.row.offer]
    taken = await take_by_age(tx, offers, actor=actor, secrets=secrets, now=utc_now())
    return {one.callid: one for one in taken}


def _result(one: Looked, taken: Mapping[str, Taken]) -> ItemResult:
    callid = None if one.change is None else one.change.callid
    shown = None if callid is None else callid[:128]
    if one.ignored is not None:
        error: dict[str, Any] = {"error_code": one.ignored, "detail": REASONS[one.ignored]}
        return ItemResult(callid=shown, result="ignored", id=None, error=error)
    assert one.row is not None
    if one.row.offer is None:
        assert one.row.error is not None
        error = {"error_code": one.row.error.error_code, "detail": one.row.why}
        return ItemResult(callid=shown, result="rejected", id=None, error=error)
    was = taken[one.row.offer.callid]
    return ItemResult(callid=was.callid, result=was.outcome, id=was.id, error=None)


def _fault(name: str, message: str) -> dict[str, str]:
    return {"field": name, "code": "INVALID", "message": message}
