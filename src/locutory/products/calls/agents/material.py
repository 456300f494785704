"""What agents look at: a call's transcript, its figures, and the variables of their prompts."""

from dataclasses import dataclass
from typing import Any

from locutory.capabilities.analysis.api import Judged, judged
from locutory.capabilities.analysis.contract import Template
from locutory.capabilities.interactions.contract import Transcript
from locutory.kernel.auth.queries import find_tenant_by_id
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Database
from locutory.products.calls.findings import service as findings
from locutory.products.calls.findings.moments import Matched, match_all
from locutory.products.calls.leads.cards import card
from locutory.products.calls.records import queries
from locutory.products.calls.records.models import CallAnalysis, CallRecord
from locutory.products.calls.records.transcripts import transcript_of
from locutory.products.calls.reviews.service.scores import template_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A call as its agents see it; `moments` are those of the rules that match its transcript.

    `earlier` is its newest analysis, `crm_context` what the new one keeps of the lead.
    """

    record: CallRecord
    transcript: Transcript
    transcript_version: int
    metrics: dict[str, Any]
    variables: dict[str, Any]
    moments: tuple[Matched, ...]
    template: Template
    earlier: Judged | None
    crm_context: dict[str, Any] | None = None


async def find_material(db: Database, record: CallRecord, secrets: Secrets) -> Material | None:
    """The call's material, None while it has no transcript."""
    async with db.read() as session:
        row = await queries.transcript(session, record.id, record.transcript_version)
        metric = await queries.metric(session, record.id)
        analysis = await queries.latest_analysis(session, record.id)
        known = await findings.vocabulary(session)
        template = await template_for(session, record)
        lead = await card(session, record.lead_id, secrets)
    if row is None:
        return None
    transcript = transcript_of(row)
    moments = tuple(match_all(known.moments, transcript))
    return Material(
        record=record,
        transcript=transcript,
        transcript_version=row.version,
        metrics={} if metric is None else metric.figures,
        variables={
            **_variables(record),
            "business": await _business(db),
            "objection_types": known.prompt_types,
            "template": template,
            "moments": sorted({one.watched.key for one in moments}),
            "crm": {} if lead is None else lead.variables,
        },
        crm_context=None if lead is None else lead.context,
        moments=moments,
        template=template,
        earlier=None if analysis is None else _earlier(analysis),
    )


def _variables(record: CallRecord) -> dict[str, Any]:
    return {
        "call": {
            "callid": record.callid,
            "kind": record.kind,
            "direction": record.direction,
            "disposition": record.disposition,
            "started_at": record.started_at.isoformat(),
            "duration_s": (record.audio_ms or 0) / 1000,
            "tags": record.tags,
        },
        "floor_agent": {"id": record.agent_id, "name": record.agent_name},
    }


async def _business(db: Database) -> dict[str, Any]:
    if db.tenant_id is None:
        return {}
    async with db.bound_to(None).read() as session:
        tenant = await find_tenant_by_id(session, db.tenant_id)
    if tenant is None:
        return {}
    return {
        "bid": tenant.slug,
        "name": tenant.name,
        "timezone": tenant.timezone,
        "currency": tenant.currency,
        "country_code": tenant.country_code,
    }


def _earlier(analysis: CallAnalysis) -> Judged:
    return judged(analysis.analysis, analysis.meta)
