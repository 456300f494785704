"""What offered calls are judged by as they come in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.products.calls.pipeline.contract import NO_RECORDING
from locutory.products.calls.pipeline.filters import Facts, Filters, refusal
from locutory.products.calls.pipeline.lead_filter import LeadMode, Standing
from locutory.products.calls.pipeline.queries import intake_filters
from locutory.products.calls.pipeline.service.leads import NOT_SOUGHT, Sought, seek, standing
from locutory.products.calls.records.contract import Consent, LeadMatch
from locutory.products.calls.sources.contract import CallOffer

NO_LEAD: Mapping[str, Any] = {
    "lead_id": None,
    "lead_match": LeadMatch.UNKNOWN,
    "phone_key": None,
    "phone_tail_key": None,
}
"""The columns of a call whose number is another one by now."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What offers are judged by: the business's filters, and the leads that have their numbers."""

    filters: Filters
    standing: Standing
    leads: Mapping[str, Sought]

    def sought(self, callid: str) -> Sought:
        """What came of looking for a call's lead."""
        return self.leads.get(callid, NOT_SOUGHT)


async def admission_of(tx: Session, offers: Sequence[CallOffer], secrets: Secrets) -> Admission:
    """Look up what these offers are judged by."""
    filters, asked = await intake_filters(tx)
    found: Mapping[str, Sought] = {}
    if asked.mode is not LeadMode.OFF:
        phones = {offer.callid: offer.customer_phone for offer in offers if offer.customer_phone}
        found = await seek(tx, phones, secrets)
    return Admission(filters, await standing(tx, asked), found)


def why_skipped(offer: CallOffer, admission: Admission, *, matched: bool) -> str | None:
    """Why a new call is not worked: it has nothing to hear, or the business's filters say so."""
    if not (offer.audio or offer.audio_url or offer.sidecar_key):
        return NO_RECORDING
    started, ended = offer.started_at, offer.ended_at
    duration_s = None
    if started is not None and ended is not None and ended > started:
        duration_s = (ended - started).total_seconds()
    return refusal(
        admission.filters,
        Facts(
            callid=offer.callid,
            direction=offer.direction,
            disposition=offer.disposition,
            agent_id=offer.agent_id,
            duration_s=duration_s,
            consent=offer.consent or Consent.UNKNOWN,
            lead_matched=matched,
        ),
        admission.standing,
    )
