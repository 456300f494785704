"""An export of chosen calls, as a deed of `POST /call-records/{bid}/bulk`."""

from collections.abc import Mapping, Sequence
from typing import Any

from locutory.kernel.db import Session
from locutory.products.calls.exchange import service
from locutory.products.calls.exchange.schemas import BulkExport, ExportFilter
from locutory.products.calls.records.bulk import BulkAction
from locutory.products.calls.records.models import CallRecord


async def _is_there(tx: Session, record: CallRecord, params: Mapping[str, Any], actor: str) -> None:
    """A call that is gone meanwhile was refused before this; there is no more to ask."""


async def _export(
    tx: Session, callids: Sequence[str], params: Mapping[str, Any], actor: str
) -> None:
    asked = BulkExport(**params)
    chosen = asked.model_copy(update={"filter": ExportFilter(callids=list(callids))})
    await service.create(tx, chosen, actor=actor)


EXPORT_CHOSEN = BulkAction(
    name="export", run=_is_there, scope="calls:export", params=BulkExport, end=_export
)
