"""Who may do what: people, their tenants and roles, tokens, keys."""

from locutory.kernel.auth.contract import Access, BlobPutter, Membership, Principal, Tenant
from locutory.kernel.auth.gate import Auth, check_open_loopback
from locutory.kernel.auth.roles import Roles

__all__ = [
    "Access",
    "Auth",
    "BlobPutter",
    "Membership",
    "Principal",
    "Roles",
    "Tenant",
    "check_open_loopback",
]
