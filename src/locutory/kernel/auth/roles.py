"""Which role allows what; filled from the modules' manifests."""

from collections.abc import Iterable, Mapping


class Roles:
    """Scopes by role, `<product>:<role>`."""

    def __init__(self) -> None:
        self._scopes: dict[str, frozenset[str]] = {}

    def add(self, product: str, roles: Mapping[str, frozenset[str]]) -> None:
        """Register a product's roles; modules of one product may each add scopes to a role."""
        for role, scopes in roles.items():
            name = f"{product}:{role}"
            self._scopes[name] = self._scopes.get(name, frozenset()) | scopes

    def __contains__(self, role: str) -> bool:
        return role in self._scopes

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that some role has."""
        return frozenset().union(*self._scopes.values())

    def scopes_of(self, roles: Iterable[str]) -> frozenset[str]:
        """What these roles allow together. A role of a product that is off allows nothing."""
        return frozenset().union(*(self._scopes.get(role, frozenset()) for role in roles))
