"""From the words that narrow a list of calls to the conditions behind them."""

from locutory.kernel.auth.contract import Tenant
from locutory.kernel.crypto import Secrets
from locutory.kernel.errors import InvalidError
from locutory.products.calls.records.filters import CallFilter
from locutory.products.calls.records.phones import hashes
from locutory.products.calls.records.schemas import CallNarrowing


def filter_of(ask: CallNarrowing, secrets: Secrets, *, tenant: Tenant) -> CallFilter:
    """The conditions that a request names."""
    last4, hashed = _phone(ask.phone, secrets, tenant)
    return CallFilter(
        from_=ask.from_,
        to=ask.to,
        status=ask.status,
        stage=ask.stage,
        direction=ask.direction,
        consent=ask.consent,
        agent=ask.agent,
        min_score=ask.min_score,
        max_score=ask.max_score,
        lead_id=ask.lead_id,
        last4=last4,
        phone_hashes=hashed,
        sentiment=ask.sentiment,
        topic=ask.topic,
        objection=ask.objection,
        moment=ask.moment,
        tag=ask.tag,
        degraded=ask.degraded,
        low_asr=ask.low_asr,
        has_text=ask.has_text,
        q=ask.q,
    )


def _phone(
    phone: str | None, secrets: Secrets, tenant: Tenant
) -> tuple[str | None, list[str] | None]:
    """The last four digits, or the hashes of all forms in which the number may be stored.

    Raises InvalidError for what is neither.
    """
    if phone is None:
        return None, None
    if len(phone) == 4 and phone.isdecimal() and phone.isascii():
        return phone, None
    # a query's plus sign may have become a space
    written = f"+{phone.strip()}" if phone.startswith(" ") else phone
    found = hashes(written, tenant=tenant, key=secrets.phone_key)
    if found is None:
        fault = {"field": "phone", "code": "PHONE_INVALID", "message": "four digits or all of them"}
        raise InvalidError("the phone number cannot be read", errors=[fault])
    return None, found
