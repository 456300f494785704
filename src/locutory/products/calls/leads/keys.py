"""From a number, however it is written, to the keys that a lead is found by."""

from locutory.kernel.auth.contract import Tenant
from locutory.kernel.crypto import phone_hash
from locutory.products.calls.leads.contract import Keys
from locutory.products.calls.records.phones import digits_of, international

_TAIL = 10


def keys_of(phone: str | None, *, tenant: Tenant, key: bytes) -> Keys | None:
    """The keys of a number, None for what is none."""
    number = international(phone, tenant.country_code)
    if number is None:
        return None
    digits = digits_of(number)
    tail = None
    if len(digits) >= _TAIL:  # with a word before it, so that it never equals a whole number's
        tail = phone_hash(f"tail {digits[-_TAIL:]}", tenant=tenant.id, key=key)
    return Keys(phone_hash(number, tenant=tenant.id, key=key), tail)


def erased_id(lead_id: str, *, tenant: Tenant, key: bytes) -> str:
    """What stands for the id of a lead that was erased."""
    return f"erased:{phone_hash(f'lead {lead_id}', tenant=tenant.id, key=key)}"
