"""Agreement: the formulas by hand and against a library; the report over real reviews."""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from locutory.products.calls.reviews.agreement import (
    agreement,
    kappa,
    percent_agreement,
    weighted_kappa,
)

if TYPE_CHECKING:
    from tests.products.calls.reviews.conftest import Floor, Person

grades = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60)


def repeated(**counts: int) -> list[tuple[str, str]]:
    """`yn=5` is five pairs of yes and no."""
    return [(pair[0], pair[1]) for pair, n in counts.items() for _ in range(n)]


@pytest.mark.parametrize(
    ("pairs", "percent", "expected"),
    [
        # p_o 35/50, p_e (25·30 + 25·20)/2500 = 0.5: Cohen's own arithmetic
        (repeated(yy=20, yn=5, ny=10, nn=15), 70, 0.4),
        # p_o 1/2, p_e 1/2
        (repeated(yy=1, yn=1, ny=1, nn=1), 50, 0),
        # p_o 0, p_e 1/2: never alike, as often as can be
        (repeated(yn=3, ny=3), 0, -1),
        # p_o 1, p_e (4 + 1 + 1)/16
        (repeated(aa=2, bb=1, cc=1), 100, 1),
        # p_o 3/5; firsts a3 b1 c1, seconds a3 b2: p_e (9 + 2)/25
        (repeated(aa=2, bb=1, ab=1, ca=1), 60, 4 / 14),
        (repeated(yy=4), 100, None),
        (repeated(yn=4), 0, 0),
        ([], None, None),
    ],
)
def test_agreement_and_kappa_by_hand(
    pairs: list[tuple[str, str]], percent: float | None, expected: float | None
) -> None:
    found = kappa(pairs)

    assert percent_agreement(pairs) == percent
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        # apart (0 + 0 + 1 + 1)/4; by chance the variances 1/2 and 1/2 and no distance of means
        ([(1, 1), (2, 2), (3, 2), (2, 3)], Fraction(1, 2)),
        ([(0, 5), (5, 0)], Fraction(-1)),
        ([(1, 2), (2, 3), (3, 4)], 1 - Fraction(1, 1) / Fraction(7, 3)),
        ([(4, 4), (4, 4)], None),
        ([(1, 2), (1, 2)], Fraction(0)),
        ([], None),
    ],
)
def test_weighted_kappa_by_hand(
    pairs: list[tuple[float, float]], expected: Fraction | None
) -> None:
    found = weighted_kappa(pairs)

    assert found == (None if expected is None else pytest.approx(float(expected)))


@given(grades)
def test_kappa_is_the_library_s(pairs: list[tuple[int, int]]) -> None:
    first, second = zip(*pairs, strict=True)
    found = kappa(pairs)
    if len({*first, *second}) == 1:
        assert found is None
    else:
        assert found == pytest.approx(cohen_kappa_score(first, second), abs=1e-9)


@given(grades)
def test_weighted_kappa_is_the_library_s_over_the_whole_scale(
    pairs: list[tuple[int, int]],
) -> None:
    first, second = zip(*pairs, strict=True)
    found = weighted_kappa([(float(a), float(b)) for a, b in pairs])
    if len({*first, *second}) == 1:
        assert found is None
    else:
        whole = cohen_kappa_score(first, second, weights="quadratic", labels=np.arange(6))
        assert found == pytest.approx(whole, abs=1e-9)


def test_what_does_not_apply_counts_for_the_percentage_of_numbers_only() -> None:
    found = agreement([(1, 1), (2, 4), ("na", "na"), ("na", 3)], weighted=True, not_applicable="na")

    assert (found.n, found.percent) == (4, 50)
    assert found.kappa == weighted_kappa([(1, 1), (2, 4)])


@pytest.mark.both_databases
async def test_the_report_tells_of_people_and_of_the_engine(
    floor: "Floor", rita: "Person", sam: "Person"
) -> None:
    await floor.publish()
    grading: dict[str, dict[str, list[Any]]] = {
        # callid: rita's and sam's (greeting, care)
        "one": {"rita": [True, 1], "sam": [True, 1]},
        "two": {"rita": [True, 2], "sam": [False, 2]},
        "three": {"rita": [False, 3], "sam": [False, 2]},
        "four": {"rita": [False, 2], "sam": [False, 3]},
    }
    for callid, graded in grading.items():
        await floor.call(callid)
        for person in (rita, sam):
            greeting, care = graded["rita" if person is rita else "sam"]
            answers = [{"key": "greeting", "value": greeting}, {"key": "care", "value": care}]
            await floor.review(person, callid, *answers, kind="calibration")

    report = await rita.told("GET", "/analytics/6004/agreement")

    greeting, care = report["parameters"]
    # 3 of 4 alike; chance (2·1 + 2·3)/16, whichever of the two is first: (12 - 8)/(16 - 8)
    assert greeting["person_person"] == {
        "n": 4,
        "percent": 75,
        "kappa": 0.5,
        "weighted": False,
    }
    # the engine heard a greeting in all four; people in 3 of 8: chance 24/64, as much as alike
    assert (greeting["person_ai"]["n"], greeting["person_ai"]["percent"]) == (8, 37.5)
    assert greeting["person_ai"]["kappa"] == 0
    # as the first case by hand of the weighted ones
    assert care["person_person"]["percent"] == 50
    assert care["person_person"]["kappa"] == pytest.approx(0.5)
    assert care["person_person"]["weighted"] is True
    assert care["person_ai"] == {"n": 0, "percent": None, "kappa": None, "weighted": True}
    assert (report["reviews"], report["truncated"]) == (8, False)
    nothing = await rita.told("GET", "/analytics/6004/agreement?to=2020-01-01T00:00:00Z")
    assert nothing["parameters"] == []


@pytest.mark.both_databases
async def test_the_report_keeps_a_calibration_blind(
    floor: "Floor", rita: "Person", sam: "Person"
) -> None:
    await floor.publish()
    await floor.call("one")
    body = {"kind": "calibration", "reviewer_id": str(sam.id)}
    await rita.told("POST", "/call-records/6004/one/reviews", body)
    greeting = {"key": "greeting", "value": True}
    await floor.review(rita, "one", greeting, kind="calibration")

    seen = {
        person.id: (await person.told("GET", "/analytics/6004/agreement"))["reviews"]
        for person in (rita, sam)
    }

    assert seen == {rita.id: 1, sam.id: 0}
