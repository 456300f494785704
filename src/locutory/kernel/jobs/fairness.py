"""Who gets the next slot: weighted, per tenant, decided when a slot is free.

Occupancy first: the tenant that holds least of its share is served, so that K backlogged tenants
of weight w hold at least floor(C*w/sum(w)) of C slots. Ties go by virtual time (stride
scheduling): each job served moves a tenant on by 1/weight, so turns alternate in the long run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Share:
    """A tenant's weight, the most slots it may hold (None: all), and its patience.

    `max_attempts` and `timeout_s` are None where those of the kind of job hold.
    """

    weight: int = 1
    cap: int | None = None
    max_attempts: int | None = None
    timeout_s: int | None = None
    braked: bool = False

    def within(self, slots: int) -> "Share":
        """The share in a process of so many slots: a brake halves them, never below one."""
        if not self.braked:
            return self
        most = slots if self.cap is None else min(slots, self.cap)
        return replace(self, cap=max(1, most // 2))


_PLAIN = Share()


@dataclass(slots=True)
class FairShare:
    """The memory of one queue in one process: each tenant's virtual time."""

    _time: dict[UUID, float] = field(default_factory=dict)

    def choose(
        self,
        waiting: set[UUID],
        free: int,
        running: Mapping[UUID, int],
        shares: Mapping[UUID, Share],
    ) -> dict[UUID, int]:
        """How many jobs to claim for each waiting tenant, `free` at most in all.

        The turns are charged here; give back with `refund` what could not be claimed.
        """
        held = {tenant: running.get(tenant, 0) for tenant in waiting}
        floor = min((self._time[t] for t in waiting if t in self._time), default=0.0)
        for tenant in waiting:
            # whoever was away starts level with the others: absence earns no credit
            self._time[tenant] = max(self._time.get(tenant, floor), floor)
        chosen: dict[UUID, int] = {}
        open_to = {t: shares.get(t, _PLAIN) for t in waiting}
        for _ in range(free):
            able = [t for t, s in open_to.items() if s.cap is None or held[t] < s.cap]
            if not able:
                break
            if len(able) == 1:
                winner = able[0]
            else:
                winner = min(
                    able, key=lambda t: ((held[t] + 1) / open_to[t].weight, self._time[t], t)
                )
            held[winner] += 1
            chosen[winner] = chosen.get(winner, 0) + 1
            self._time[winner] += 1 / open_to[winner].weight
        return chosen

    def refund(self, tenant: UUID, count: int, share: Share = _PLAIN) -> None:
        """Take back the charge for turns that found no job."""
        self._time[tenant] -= count / share.weight

    def forget_all_but(self, waiting: set[UUID]) -> None:
        """Drop the memory of tenants without work, so that it stays as small as the backlog."""
        for tenant in self._time.keys() - waiting:
            del self._time[tenant]
