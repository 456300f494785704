"""The roles of the product and what each may do."""

from collections.abc import Mapping
from enum import StrEnum

from locutory.kernel.auth.contract import Scopes

PRODUCT = "calls"


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
_SUPERVISOR = _REVIEWER | {"calls:ingest"}

ROLES: Mapping[str, frozenset[str]] = {
    Role.BUSINESS_ADMIN: _SUPERVISOR | {"calls:manage", "calls:users", Scopes.KEYS_MANAGE},
    Role.SUPERVISOR: _SUPERVISOR,
    Role.REVIEWER: _REVIEWER,
    Role.ANALYST: _VIEWER,
    # sees the calls of its own only, which no route of `calls:read` would respect
    Role.FLOOR_AGENT: frozenset({"calls:own"}),
    Role.VIEWER: _VIEWER,
    Role.SERVICE: frozenset({"calls:read", "calls:write", "calls:ingest"}),
}
