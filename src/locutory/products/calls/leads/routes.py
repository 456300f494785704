"""Leads over HTTP."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.dependencies import SecuredRouter, access
from locutory.kernel.crypto import Secrets
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.leads import service
from locutory.products.calls.leads.schemas import (
    ActivityList,
    ActivityPage,
    LeadList,
    LeadPage,
    LeadRead,
)
from locutory.products.calls.records.schemas import CallList, CallPage
from locutory.products.calls.records.service import list_calls
from locutory.products.calls.records.sight import Reader, reader_of

router = SecuredRouter(tags=["calls crm"], dependencies=[rate_limit("default")])
Looker = Annotated[Access, access("calls:ingest", "calls:export")]  # supervisors and analysts
LeadId = Annotated[str, Path(min_length=1, max_length=200)]


def _secrets(request: Request) -> Secrets:
    secrets: Secrets = request.app.state.services.get(Secrets)
    return secrets


async def _reader(looker: Looker) -> Reader:
    return await reader_of(looker)


TheSecrets = Annotated[Secrets, Depends(_secrets)]


@router.get("/crm/{bid}/leads")
async def list_leads(
    looker: Looker, ask: Annotated[LeadList, Query()], secrets: TheSecrets
) -> LeadPage:
    """The leads that are known here, names and numbers masked."""
    return await service.list_leads(looker, ask, secrets)


@router.get("/crm/{bid}/leads/{lead_id}")
async def get_lead(looker: Looker, lead_id: LeadId, secrets: TheSecrets) -> LeadRead:
    """One lead; who the person is takes `pii:read`, and is audited."""
    return await service.get_lead(looker, lead_id, secrets)


@router.get("/crm/{bid}/leads/{lead_id}/activities")
async def list_lead_activities(
    looker: Looker,
    lead_id: LeadId,
    ask: Annotated[ActivityList, Query()],
    secrets: TheSecrets,
) -> ActivityPage:
    """What happened with a lead in the CRM, newest first; asked for once a call has the lead."""
    return await service.list_activities(looker, lead_id, ask, secrets)


@router.get("/crm/{bid}/leads/{lead_id}/calls")
async def list_lead_calls(
    looker: Looker,
    reader: Annotated[Reader, Depends(_reader)],
    lead_id: LeadId,
    ask: Annotated[ActivityList, Query()],
    secrets: TheSecrets,
) -> CallPage:
    """The calls with a lead, newest first."""
    await service.require_lead(looker, lead_id)
    wanted = CallList(lead_id=lead_id, limit=ask.limit, cursor=ask.cursor)
    return await list_calls(reader, wanted, secrets)
