"""A lead as agents and a call's page see it."""

from dataclasses import dataclass
from typing import Any

from locutory.kernel.clock import rfc3339
from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.kernel.redact import redact
from locutory.products.calls.leads import queries
from locutory.products.calls.leads.contract import LAST_ACTIVITIES
from locutory.products.calls.leads.keeping import data_of, person_of


@dataclass(frozen=True, slots=True)
class Card:
    """`variables` are what prompts may name as `crm`; `context` is what the analysis keeps."""

    variables: dict[str, Any]
    context: dict[str, Any]


async def card(session: Session, lead_id: str | None, secrets: Secrets) -> Card | None:
    """The card of a call's lead with the last of what happened, None where there is no lead.

    Numbers and addresses are not among it, and texts of the CRM are redacted: models see it. The
    analysis keeps no name and no text, since it is not encrypted.
    """
    if lead_id is None:
        return None
    lead = await queries.find_lead(session, lead_id)
    if lead is None:
        return None
    last = await queries.activities(session, lead, limit=LAST_ACTIVITIES)
    person = person_of(lead, secrets)
    brief, full = [], []
    for one in last[:LAST_ACTIVITIES]:
        told = {"event": one.event_name, "at": rfc3339(one.occurred_at)}
        brief.append(told)
        full.append({**told, "data": _redacted(data_of(one, secrets))})
    shown = {"lead_id": lead.lead_id, "stage": lead.stage, "owner": lead.owner}
    return Card(
        variables={
            "lead": {
                **shown,
                "name": person["name"],
                "source": lead.source,
                "attributes": _redacted(person["attributes"]),
            },
            "activities": full,
        },
        context={**shown, "matched_by": "phone", "activities": brief},
    )


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value).text
    if isinstance(value, dict):
        return {key: _redacted(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_redacted(part) for part in value]
    return value
