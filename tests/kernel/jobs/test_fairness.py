"""Who gets the next slot."""

from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from locutory.kernel.jobs.fairness import FairShare, Share

TENANTS = [UUID(int=n + 1) for n in range(6)]


@given(
    st.lists(st.integers(1, 10), min_size=1, max_size=6),
    st.integers(1, 40),
)
def test_backlogged_tenants_hold_at_least_their_share(weights: list[int], slots: int) -> None:
    shares = {TENANTS[i]: Share(w) for i, w in enumerate(weights)}

    chosen = FairShare().choose(set(shares), slots, {}, shares)

    assert sum(chosen.values()) == slots
    for tenant, share in shares.items():
        assert chosen.get(tenant, 0) >= slots * share.weight // sum(weights)


@given(st.integers(2, 6), st.integers(1, 3))
def test_turns_alternate_when_slots_come_one_by_one(tenants: int, rounds: int) -> None:
    fair, served = FairShare(), Counter[UUID]()
    waiting = set(TENANTS[:tenants])

    for _ in range(tenants * rounds):
        served.update(fair.choose(waiting, 1, {}, {}))

    assert set(served.values()) == {rounds}


def test_absence_earns_no_credit() -> None:
    fair = FairShare()
    old, new = TENANTS[:2]
    for _ in range(100):
        fair.choose({old}, 1, {}, {})

    served = Counter[UUID]()
    for _ in range(10):
        served.update(fair.choose({old, new}, 1, {}, {}))

    assert served == {old: 5, new: 5}


def test_a_cap_is_kept_and_the_rest_goes_to_others() -> None:
    capped, free = TENANTS[:2]

    chosen = FairShare().choose({capped, free}, 10, {capped: 1}, {capped: Share(9, cap=3)})

    assert chosen == {capped: 2, free: 8}
