"""The roles of the product and what each may do."""

from collections.abc import Mapping
from enum import StrEnum

from locutory.kernel.auth.contract import Scopes
from locutory.kernel.errors import InvalidError, NotFoundError

PRODUCT = "calls"
SCORING = "calls:scoring"  # writing the templates that calls are scored by
PURGE = "calls.purge_business"


class Role(StrEnum):
    """Roles within one business."""

    BUSINESS_ADMIN = "business_admin"
    SUPERVISOR = "supervisor"
    REVIEWER = "reviewer"
    ANALYST = "analyst"
    FLOOR_AGENT = "floor_agent"
    VIEWER = "viewer"
    SERVICE = "service"

    @property
    def full(self) -> str:
        """As memberships store it: `calls:supervisor`."""
        return f"{PRODUCT}:{self}"


_VIEWER = frozenset({"calls:read", Scopes.USERS_READ})
_REVIEWER = _VIEWER | {"calls:write", "pii:read"}
_SUPERVISOR = _REVIEWER | {"calls:ingest", SCORING}

ROLES: Mapping[str, frozenset[str]] = {
    Role.BUSINESS_ADMIN: _SUPERVISOR
    | {"calls:manage", "calls:users", "calls:export", Scopes.KEYS_MANAGE}
    | {"runtime:ask", "runtime:read"},
    Role.SUPERVISOR: _SUPERVISOR,
    Role.REVIEWER: _REVIEWER,
    Role.ANALYST: _VIEWER | {"calls:export"},
    # sees the calls of its own only: routes that respect this ask for either scope
    Role.FLOOR_AGENT: frozenset({"calls:own"}),
    Role.VIEWER: _VIEWER,
    Role.SERVICE: frozenset({"calls:read", "calls:write", "calls:ingest"}),
}


SCOPE_GROUPS: Mapping[str, frozenset[str]] = {
    "read": frozenset({"calls:read"}),
    "ingest": frozenset({"calls:ingest"}),
    "manage": frozenset(
        {"calls:read", "calls:write", "calls:ingest", SCORING, "calls:manage", "calls:export"}
    ),
}
"""Names that stand for several scopes where an API key is made for a business."""


class FloorAgentNotFound(NotFoundError):
    """There is no such floor agent here."""

    code = "FLOOR_AGENT_NOT_FOUND"


class NotConfirmed(InvalidError):
    """Repeat the bid in ?confirm= to delete the business with all that it holds."""

    code = "NOT_CONFIRMED"
