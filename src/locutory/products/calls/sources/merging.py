"""Offers that tell of a part of a call: the rest is what earlier ones told."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from locutory.kernel.crypto import Secrets
from locutory.kernel.db import Session
from locutory.products.calls.pipeline.addresses import audio_url
from locutory.products.calls.records import queries
from locutory.products.calls.records.contract import Direction
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.sources.contract import CallOffer
from locutory.products.calls.sources.service import phone_of


async def merged(
    tx: Session,
    offer: CallOffer,
    told: Collection[str],
    guessed: Mapping[str, Any],
    secrets: Secrets,
) -> CallOffer:
    """The offer with what it does not tell filled in from the call, if that is known.

    `told` are the fields that the offer does tell; `guessed` holds values that only count where
    nobody told better ones. So parts may come in any order and give the same call.
    """
    record = await queries.find(tx, offer.callid)
    if record is None:
        return replace(offer, **{name: v for name, v in guessed.items() if name not in told})
    known = _known(record, secrets)
    known["ended_at"] = known["ended_at"] or guessed.get("ended_at")
    return replace(
        offer,
        **{name: value for name, value in known.items() if name not in told},
        custom={**record.custom, **offer.custom},
        time_suspect=offer.time_suspect or "time_suspect" in record.flags,
    )


def _known(record: CallRecord, secrets: Secrets) -> dict[str, Any]:
    return {
        "kind": record.kind,
        "direction": Direction(record.direction),
        "customer_phone": phone_of(record, secrets),
        "agent_id": record.agent_id,
        "agent_name": record.agent_name,
        "disposition": record.disposition,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "audio_url": None if record.audio_url_enc is None else audio_url(record, secrets),
    }
