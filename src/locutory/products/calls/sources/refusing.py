"""Rows of a source that are no calls: kept as dead letters, each once."""

from uuid import UUID

from locutory.kernel.db import Session
from locutory.kernel.errors import ErrorClass
from locutory.kernel.http.gate import UrlBlockedError
from locutory.kernel.jobs import Failure
from locutory.kernel.jobs.letters import bury
from locutory.products.calls.pipeline.addresses import note_blocked
from locutory.products.calls.sources.contract import CALLID, ROW, SYNC
from locutory.products.calls.sources.mapping import TableMapping
from locutory.products.calls.sources.passes import MarkUnusable, mark_of
from locutory.products.calls.sources.tablerows import Row, letter_key, shown, text_of
from locutory.products.calls.sources.watching import actor_of


async def refuse(tx: Session, source_id: UUID, mapping: TableMapping, row: Row) -> bool:
    """Keep a row that is no call; False for one that lies there already, unchanged."""
    assert row.error is not None
    callid = text_of(row.values.get(mapping.callid))
    try:
        row_id = str(mark_of(row.values.get(mapping.row_id)))[:200]
    except MarkUnusable:
        row_id = ""
    new = await bury(
        tx,
        queue=SYNC,
        kind=ROW,
        payload={
            "source_id": str(source_id),
            "row_id": row_id,
            "row": shown(row.values, mapping),
        },
        subject=callid if callid is not None and CALLID.fullmatch(callid) else None,
        failure=Failure(cls=ErrorClass.PERMANENT_INPUT, code=row.error.error_code, detail=row.why),
        dedupe_key=letter_key(source_id, row.values),
    )
    if new and isinstance(row.error, UrlBlockedError):
        actor = actor_of(source_id)
        await note_blocked(tx, callid or "", row.error.detail, actor=actor)
    return new
