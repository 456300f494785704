"""Who looks at reviews: somebody who grades, or an agent whose own calls were graded."""

from dataclasses import dataclass
from uuid import UUID

from locutory.kernel.auth.contract import Access, ScopeMissing
from locutory.products.calls.businesses.contract import SCORING
from locutory.products.calls.businesses.roster import own_agents

GRADE, OWN = "calls:write", "calls:own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """A caller within a business; `own` are the agents whose calls they see, None for all."""

    id: UUID
    key: str
    bid: str
    supervises: bool
    own: tuple[str, ...] | None

    def sees(self, agent_id: str | None) -> bool:
        """Whether a call of that agent is among those that they may see."""
        return self.own is None or agent_id in self.own


async def viewer_of(inside: Access) -> Viewer:
    """What the caller may see here. Raises ScopeMissing."""
    principal = inside.principal
    grades = principal.allows(GRADE)
    if not grades and not principal.allows(OWN):
        raise ScopeMissing
    return Viewer(
        id=principal.id,
        key=principal.key,
        bid=inside.tenant.slug,
        supervises=principal.allows(SCORING),
        own=None if grades else await own_agents(inside.db, principal.id),
    )
