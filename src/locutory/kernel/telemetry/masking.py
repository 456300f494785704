"""What may not stand in a log line or an error text: secrets, phones, e-mail addresses.

Masking is by field name where a name tells, and by shape in free text. It is a net beneath careful
code, not a redaction of transcripts: those never reach a log at all.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

SECRET: Final = "[secret]"
PHONE: Final = "[phone]"
EMAIL: Final = "[email]"

_SECRET_NAME = re.compile(
    r"(?i)authorization|cookie|password|passwd|secret|token|api_?key|access_?key|credential|dsn"
    r"|signature|jwt"
)
_COUNT_NAME = re.compile(r"(?i)tokens?_(in|out|total|count|limit)|(max|prompt|completion)_tokens")
_PHONE_NAME = re.compile(r"(?i)phone|mobile|msisdn|(caller|callee)_(number|id)")
_EMAIL_NAME = re.compile(r"(?i)e_?mail")
_OWN_NAME = re.compile(r"(?i)(.*_)?(id|ids|ms|s|seq|hash|sha256)|timestamp|level|tenant|bid|callid")

# Repetitions are bounded: a hostile text must not cost the square of its length.
_BEARER = re.compile(r"(?i)\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{8,}")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_URL_LOGIN = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
_PARAMETER = re.compile(
    r"(?i)\b([\w-]{0,40}(?:token|secret|password|passwd|api_?key|access_?key|signature|credential)"
    r"[\"']?\s*[=:]\s*[\"']?)[^\s&\"',;}]+"
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_PHONE = re.compile(
    r"(?<![\w.-])"
    r"(?!\d{4}-\d{2}-\d{2}|\d{1,3}(?:\.\d{1,3}){3}(?!\d))"  # neither a date nor an IPv4 address
    r"\+?\(?\d(?:[ ().-]{0,2}\d){8,14}(?![\w-])"
)


def mask_text(text: str) -> str:
    """The text without what looks like a secret, an e-mail address or a phone number."""
    text = _URL_LOGIN.sub(SECRET, text)
    text = _BEARER.sub(rf"\1 {SECRET}", text)
    text = _JWT.sub(SECRET, text)
    text = _PARAMETER.sub(rf"\g<1>{SECRET}", text)
    text = _EMAIL.sub(EMAIL, text)
    return _PHONE.sub(PHONE, text)


def mask_field(name: str, value: Any) -> Any:
    """A field's value as it may be logged; containers are masked inside."""
    if value is None or isinstance(value, bool):
        return value
    name = name.replace("-", "_")
    if _SECRET_NAME.search(name) and not _COUNT_NAME.search(name):
        return SECRET
    if _PHONE_NAME.search(name):
        return PHONE
    if _EMAIL_NAME.search(name):
        return EMAIL
    if isinstance(value, str):
        return value if _OWN_NAME.fullmatch(name) else mask_text(value)
    if isinstance(value, Mapping):
        return {str(key): mask_field(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_field("", inner) for inner in value]
    if isinstance(value, int | float):
        return value
    return mask_text(str(value))
