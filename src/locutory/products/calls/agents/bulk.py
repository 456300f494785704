"""Judging many calls anew, as deeds of `POST /call-records/{bid}/bulk`."""

from collections.abc import Mapping
from typing import Any

from locutory.kernel.db import Session
from locutory.products.calls.agents.contract import NothingDegraded
from locutory.products.calls.agents.schemas import Reanalyze
from locutory.products.calls.agents.service import reanalyze, upgrade_degraded
from locutory.products.calls.records.bulk import BulkAction
from locutory.products.calls.records.models import CallRecord


async def _reanalyze(
    tx: Session, record: CallRecord, params: Mapping[str, Any], actor: str
) -> None:
    await reanalyze(tx, record.callid, Reanalyze(**params), actor=actor)


async def _upgrade(tx: Session, record: CallRecord, params: Mapping[str, Any], actor: str) -> None:
    """Exactly the degraded results; a call without any, or with work ahead, says so."""
    upgraded = await upgrade_degraded(tx, [record.id], actor=actor)
    if not upgraded.queued:
        raise NothingDegraded("its pipeline runs" if upgraded.busy else None)


ACTIONS = (
    BulkAction(name="reanalyze", run=_reanalyze, params=Reanalyze),
    BulkAction(name="upgrade_degraded", run=_upgrade),
)
