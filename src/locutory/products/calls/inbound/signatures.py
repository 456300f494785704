"""Whether a delivery is signed by whom it says it comes from. Pure; every comparison is constant.

Sources: Twilio's "Webhooks security" and its library's RequestValidator; SignalWire's "Webhook
security" and its SDKs, which also sign JSON by its bytes; Telnyx' "Receiving webhooks".
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from locutory.products.calls.inbound.contract import Scheme
from locutory.products.calls.notices.signing import SIGNATURE, holds

TOLERANCE_S = 300
ED25519_BYTES = 32
_LONGEST = 200
_PORTS = {"https": 443, "http": 80}
Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A delivery as it came: `url` as its sender knows it, `form` None where it is no form.

    `headers` are found by names in lower case; `now` is in epoch seconds.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    form: Fields | None
    now: int


def is_signed(scheme: Scheme, secret: str, sent: Sent) -> bool:
    """Whether the delivery is signed with this secret; `secret` is a public key for `ed25519`."""
    if scheme is Scheme.TWILIO:
        given = sent.headers.get("x-twilio-signature", "")
        return _twilio(secret, given, sent)
    if scheme is Scheme.SIGNALWIRE:
        return _signalwire(secret, sent)
    if scheme is Scheme.ED25519:
        return _ed25519(secret, sent)
    if scheme is Scheme.HMAC:
        given = sent.headers.get(SIGNATURE.lower(), "")[:_LONGEST]
        return holds(secret, sent.body, given, now=sent.now)
    return False


def _twilio(secret: str, given: str, sent: Sent) -> bool:
    """HMAC over the address and the sorted fields; JSON by its hash in the address.

    SHA-1 with an account's token; whoever signs with a shared key names SHA-256 beside it.
    """
    if sent.form is None and not _is_hashed(sent):  # else nothing would vouch for the body
        return False
    settings = sent.headers.get("x-twilio-webhooks-signature-settings", "").lower()
    digest = hashlib.sha256 if "algorithm=hmac_sha256" in settings else hashlib.sha1
    said = "" if sent.form is None else _sorted(sent.form)
    return any(
        _equal(_in_base64(hmac.new(secret.encode(), (url + said).encode(), digest)), given)
        for url in _spellings(sent.url)
    )


def _is_hashed(sent: Sent) -> bool:
    """Whether the address, which is signed, names the SHA-256 of the body."""
    named = parse_qs(sent.url.partition("?")[2]).get("bodySHA256", [""])[0]
    return _equal(hashlib.sha256(sent.body).hexdigest(), named.lower())


def _signalwire(secret: str, sent: Sent) -> bool:
    """Forms as Twilio's; also hex over the address and the body's bytes, SHA-1 or SHA-256."""
    stronger = sent.headers.get("x-signalwire-sha256-signature", "")
    given = sent.headers.get("x-signalwire-signature", "") or sent.headers.get(
        "x-twilio-signature", ""
    )
    for url in _spellings(sent.url):
        message = url.encode() + sent.body
        for digest, shown in ((hashlib.sha256, stronger), (hashlib.sha1, given)):
            if _equal(hmac.new(secret.encode(), message, digest).hexdigest(), shown):
                return True
    return _twilio(secret, given, sent)


def _ed25519(key: str, sent: Sent) -> bool:
    """Over `<unix>|<body>`, at most five minutes old."""
    at = sent.headers.get("telnyx-timestamp", "")
    if not (at.isascii() and at.isdigit() and len(at) < 16):
        return False
    if abs(sent.now - int(at)) > TOLERANCE_S:
        return False
    try:
        given = base64.b64decode(sent.headers.get("telnyx-signature-ed25519", ""), validate=True)
        public_key(key).verify(given, at.encode() + b"|" + sent.body)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(text: str) -> Ed25519PublicKey:
    """A public key of Telnyx, base64 of 32 bytes. Raises ValueError."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("this is not base64") from error
    if len(raw) != ED25519_BYTES:
        raise ValueError(f"a public key has {ED25519_BYTES} bytes, this has {len(raw)}")
    return Ed25519PublicKey.from_public_bytes(raw)


def _sorted(form: Fields) -> str:
    """Names and values without anything between them; of a name that comes often each value once.

    That is how Twilio's library reads them.
    """
    return "".join(name + value for name, value in sorted(set(form)))


def _spellings(url: str) -> Iterator[str]:
    """The address with and without the port that its scheme has anyway: both are signed by some."""
    yield url
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return
    usual = _PORTS.get(parts.scheme)
    if port is None and usual is not None:
        yield _with_host(parts, f"{parts.netloc}:{usual}")
    elif port is not None:
        yield _with_host(parts, parts.netloc.rpartition(":")[0])


def _with_host(parts: SplitResult, netloc: str) -> str:
    return urlunsplit(parts._replace(netloc=netloc))


def _in_base64(mac: hmac.HMAC) -> str:
    return base64.b64encode(mac.digest()).decode()


def _equal(ours: str, given: str) -> bool:
    return hmac.compare_digest(ours.encode(), given.encode(errors="replace"))
