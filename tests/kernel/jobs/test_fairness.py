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


@given(
    st.lists(st.integers(1, 10), min_size=2, max_size=6),
    st.integers(2, 40),
    st.lists(st.integers(0, 1000), min_size=60, max_size=60),
)
def test_no_window_of_twenty_completions_takes_a_share_away(
    weights: list[int], slots: int, ends: list[int]
) -> None:
    """The bound of the specification: floor(C * w / sum of w) of C slots, all the time."""
    shares = {TENANTS[i]: Share(w) for i, w in enumerate(weights)}
    fair, waiting = FairShare(), set(shares)
    held = Counter(fair.choose(waiting, slots, {}, shares))
    least = {t: slots * s.weight // sum(weights) for t, s in shares.items()}
    windows: list[Counter[UUID]] = []

    for end in ends:
        running = sorted(held.elements())
        held[running[end % len(running)]] -= 1
        held.update(fair.choose(waiting, 1, held, shares))
        windows.append(Counter(held))

    for first in range(len(windows) - 19):
        for tenant in shares:
            assert min(seen[tenant] for seen in windows[first : first + 20]) >= least[tenant]


@given(st.integers(1, 5), st.integers(2, 40))
def test_whoever_comes_late_is_served_with_the_next_completion(tenants: int, slots: int) -> None:
    fair, late = FairShare(), TENANTS[-1]
    waiting = set(TENANTS[:tenants])
    held = Counter(fair.choose(waiting, max(slots, tenants + 1), {}, {}))
    held[max(held, key=lambda tenant: held[tenant])] -= 1

    chosen = fair.choose({*waiting, late}, 1, held, {})

    assert chosen == {late: 1}


def test_a_brake_halves_what_a_tenant_may_hold() -> None:
    braked = [Share(cap=cap, braked=True).within(10).cap for cap in (None, 4, 1, 50)]

    assert braked == [5, 2, 1, 5]
    assert Share(cap=4).within(10).cap == 4
