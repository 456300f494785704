"""Phone numbers as sources write them, brought to one form."""

import re

from locutory.kernel.auth.contract import Tenant
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
    digits = digits_of(text)
    if text.startswith("+"):
        return "+" + digits
    if digits.startswith("00"):
        return "+" + digits[2:]
    return digits


def forms(phone: str, country: str | None = None) -> list[str] | None:
    """All forms in which sources may have written a number, as `normalised` leaves them.

    The first are its digits as they are given. With the business's `country` (ISO 3166-1 alpha-2)
    a number of that country is also meant without its country code, with and without the zero or
    what else is dialled before it there, and the other way round. None if it is no number.
    """
    number = normalised(phone)
    if number is None:
        return None
    digits = number.removeprefix("+")
    found = [digits, f"+{digits}"]
    if country is not None:
        found += _at_home(number, country)
    return list(dict.fromkeys(found))


def international(phone: str | None, country: str | None = None) -> str | None:
    """The number in one form whoever wrote it: E.164 where that can be told, else its digits.

    A number without a country code is taken as one of the business's `country`.
    """
    number = normalised(phone)
    if number is None:
        return None
    import phonenumbers  # noqa: PLC0415 - 0.1 s that a start need not wait for

    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return number.removeprefix("+")
    if not phonenumbers.is_possible_number(parsed):
        return number.removeprefix("+")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _at_home(number: str, country: str) -> list[str]:
    import phonenumbers  # noqa: PLC0415 - 0.1 s that a start need not wait for

    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return []
    code = phonenumbers.country_code_for_region(country)
    if parsed.country_code != code or not phonenumbers.is_possible_number(parsed):
        return []
    significant = phonenumbers.national_significant_number(parsed)
    dialled = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return [f"+{code}{significant}", f"{code}{significant}", significant, digits_of(dialled)]


def digits_of(text: str) -> str:
    """The digits in a text."""
    return _NOT_DIGITS.sub("", text)


def hashes(phone: str, *, tenant: Tenant, key: bytes) -> list[str] | None:
    """The keyed hashes of all its `forms`, that of its digits alone first."""
    written = forms(phone, tenant.country_code)
    if written is None:
        return None
    return [phone_hash(form, tenant=tenant.id, key=key) for form in written]
