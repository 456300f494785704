"""Phone numbers as sources write them, brought to one form."""

import re
from uuid import UUID

from locutory.kernel.crypto import phone_hash

_NOT_DIGITS = re.compile(r"[^0-9]")
_NUMBER = re.compile(r"\+?[0-9][0-9 ().\-/]{5,24}")


def normalised(phone: str | None) -> str | None:
    """Digits with a leading + where the country is given (`+` or `00`), None if it is no number.

    "anonymous", "unknown" and the like are no numbers; they are not an error either.
    """
    if phone is None or not _NUMBER.fullmatch(phone.strip()):
        return None
    text = phone.strip()
    digits = _NOT_DIGITS.sub("", text)
    if text.startswith("+"):
        return "+" + digits
    if digits.startswith("00"):
        return "+" + digits[2:]
    return digits


def hashes(phone: str, *, tenant_id: UUID, key: bytes) -> list[str] | None:
    """The keyed hashes of all forms in which sources may have written a number.

    The first is that of its digits alone. None if it is no number.
    """
    number = normalised(phone)
    if number is None:
        return None
    digits = number.removeprefix("+")
    return [phone_hash(form, tenant=tenant_id, key=key) for form in (digits, f"+{digits}")]
