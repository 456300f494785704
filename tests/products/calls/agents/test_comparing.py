"""Which leaves differ, and which calls are drawn."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.products.calls.agents.comparing import (
    ABSENT,
    differences,
    leaves,
    same,
    score_of,
    stratified,
)

STRATA = st.dictionaries(st.integers(0, 500), st.sampled_from("abcd"), min_size=1)


def test_items_go_by_their_key_and_evidence_is_left_out() -> None:
    result = {
        "parameters": [{"key": "greeting", "value": True, "evidence": [{"quote": "hello"}]}],
        "bullets": ["one", "two"],
        "none": [],
    }

    assert leaves(result) == {
        "parameters.greeting.key": "greeting",
        "parameters.greeting.value": True,
        "bullets.0": "one",
        "bullets.1": "two",
        "none": [],
    }


def test_what_only_one_has_differs() -> None:
    found = [(d.path, d.before, d.after) for d in differences({"a": 1, "b": 2}, {"b": 2, "c": 3})]

    assert found == [("a", 1, ABSENT), ("c", ABSENT, 3)]


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        (1, 1.0, True),
        (0.1 + 0.2, 0.3, True),
        (1, True, False),
        (0, False, False),
        (None, "", False),
        ("Monday", "Monday", True),
        (70.0, 70.1, False),
    ],
)
def test_numbers_agree_up_to_rounding_and_truth_is_no_number(
    one: Any, other: Any, agree: bool
) -> None:
    assert same(one, other) is agree
    assert same(other, one) is agree


@pytest.mark.parametrize(
    ("result", "score"),
    [
        ({"total": 71.5, "score": 3}, 71.5),
        ({"total": None, "score": 3}, 3.0),
        ({"overall": -0.5}, -0.5),
        ({"total": True}, None),
        (None, None),
    ],
)
def test_the_score_is_the_first_number_at_the_top(
    result: dict[str, Any] | None, score: float | None
) -> None:
    assert score_of(result) == score


@given(STRATA, st.integers(1, 60), st.integers(0, 9))
def test_a_sample_has_of_each_stratum_its_share(
    strata: dict[int, str], count: int, seed: int
) -> None:
    sample = stratified(strata, count, seed=seed)
    turned = stratified(dict(reversed(strata.items())), count, seed=seed)

    assert len(set(sample)) == len(sample) == min(count, len(strata))
    assert sample == turned
    of, whole = Counter(strata[key] for key in sample), Counter(strata.values())
    for name, members in whole.items():
        assert abs(of[name] - len(sample) * members / len(strata)) < 1


def test_another_seed_draws_other_calls() -> None:
    strata = dict.fromkeys(range(1000), "a")

    assert stratified(strata, 20, seed=1) != stratified(strata, 20, seed=2)
