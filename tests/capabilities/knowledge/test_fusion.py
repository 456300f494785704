import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.capabilities.knowledge.fusion import fuse, spread

ranked = st.lists(st.integers(0, 30), unique=True, max_size=20)


def test_the_score_is_the_sum_of_reciprocal_ranks() -> None:
    fused = dict(fuse([["a", "b"], ["b", "c"]]))

    assert fused == pytest.approx({"b": 1 / 62 + 1 / 61, "a": 1 / 61, "c": 1 / 62})


@given(ranked, ranked)
def test_fusing_knows_no_order_of_lists(one: list[int], two: list[int]) -> None:
    assert fuse([one, two]) == fuse([two, one])


@given(ranked, ranked)
def test_being_in_both_lists_never_loses_to_the_same_rank_in_one(
    one: list[int], two: list[int]
) -> None:
    scores = dict(fuse([one, two]))

    for item in set(one) & set(two):
        assert scores[item] > 1 / (60 + one.index(item) + 1)


@given(ranked, st.integers(1, 4), st.integers(1, 8))
def test_a_source_is_not_heard_more_often_than_allowed(
    ids: list[int], per_source: int, limit: int
) -> None:
    sources = {one: str(one % 3) for one in ids}

    kept = spread([(one, 1.0) for one in ids], sources, per_source=per_source, limit=limit)

    heard = [sources[one] for one, _ in kept]
    assert len(kept) == min(
        limit, sum(min(per_source, list(sources.values()).count(s)) for s in set(sources.values()))
    )
    assert all(heard.count(source) <= per_source for source in heard)


def test_what_was_deleted_meanwhile_is_passed_over() -> None:
    assert spread([("gone", 0.5), ("here", 0.4)], {"here": "call"}) == [("here", 0.4)]
