"""Which providers tell of calls, how each proves itself, and what it is told when it does not."""

from enum import StrEnum
from typing import Final

from locutory.kernel.errors import InvalidError, NotFoundError, UnauthenticatedError

KEPT_DAYS: Final = 30
"""So long a delivery is remembered, to know it when it comes again."""


class Provider(StrEnum):
    """Who tells of calls in words of their own. `generic` and `comms` use ours."""

    GENERIC = "generic"
    MCUBE = "mcube"
    TWILIO = "twilio"
    EXOTEL = "exotel"
    SIGNALWIRE = "signalwire"
    TELNYX = "telnyx"
    COMMS = "comms"


class Scheme(StrEnum):
    """How a delivery proves whose it is.

    `token` is a secret in the address; the others sign: `twilio` and `signalwire` with their
    account's key over address and fields, `ed25519` as Telnyx does, `hmac-sha256` as our own
    webhooks do.
    """

    TOKEN = "token"
    TWILIO = "twilio"
    SIGNALWIRE = "signalwire"
    ED25519 = "ed25519"
    HMAC = "hmac-sha256"

    @property
    def is_given(self) -> bool:
        """Whether the secret is the provider's, so that a person must bring it."""
        return self in (Scheme.TWILIO, Scheme.SIGNALWIRE, Scheme.ED25519)


SCHEMES: Final[dict[Provider, tuple[Scheme, ...]]] = {
    Provider.GENERIC: (Scheme.HMAC, Scheme.TOKEN),
    Provider.COMMS: (Scheme.HMAC, Scheme.TOKEN),
    Provider.MCUBE: (Scheme.TOKEN,),
    Provider.EXOTEL: (Scheme.TOKEN,),
    Provider.TWILIO: (Scheme.TWILIO,),
    Provider.SIGNALWIRE: (Scheme.SIGNALWIRE,),
    Provider.TELNYX: (Scheme.ED25519,),
}
"""What each provider can do; the first is taken where nobody chooses."""


class Deed(StrEnum):
    """What became of a delivery, for the counter and, but for the last two, its sender."""

    CREATED = "created"
    UPDATED = "updated"
    DUPLICATE = "duplicate"
    SOURCE_CHANGED = "source_changed"
    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    UNSIGNED = "unsigned"


class BadSignature(UnauthenticatedError):
    """This delivery does not prove whose it is: see the secret and the address it is sent to."""

    code = "BAD_SIGNATURE"


class ProviderUnknown(NotFoundError):
    """No such provider tells of calls here; the guide lists those that do."""

    code = "PROVIDER_UNKNOWN"


class HookNotFound(NotFoundError):
    """This provider has no secret here."""

    code = "WEBHOOK_NOT_FOUND"


class SecretUnfit(InvalidError):
    """This is no secret for this provider."""

    code = "SECRET_UNFIT"


def provider_of(name: str) -> Provider:
    """The provider of that name. Raises ProviderUnknown."""
    try:
        return Provider(name)
    except ValueError as error:
        raise ProviderUnknown from error
