"""Which calls are worked."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.products.calls.pipeline.filters import Facts, Filters, place, refusal

CALL = {"callid": "c1", "direction": "inbound"}


@pytest.mark.parametrize(
    ("filters", "facts", "why"),
    [
        ({}, {}, None),
        ({"directions": ["outbound"]}, {}, "filtered_direction"),
        ({"dispositions": ["ANSWER"]}, {"disposition": "answer"}, None),
        ({"dispositions": ["ANSWER"]}, {"disposition": "BUSY"}, "filtered_disposition"),
        ({"dispositions": ["ANSWER"]}, {}, None),
        ({"agents": ["a1"]}, {"agent_id": "a2"}, "filtered_agent"),
        ({"min_duration_s": 20}, {"duration_s": 19.9}, "filtered_too_short"),
        ({"min_duration_s": 20}, {"duration_s": 20.0}, None),
        ({"max_duration_s": 60}, {"duration_s": 60.1}, "filtered_too_long"),
        ({"min_duration_s": 20, "max_duration_s": 60}, {}, None),
        ({"languages": ["hi"]}, {"language": "hi-IN"}, None),
        ({"languages": ["hi-IN"]}, {"language": "hi"}, "filtered_language"),
        ({"languages": ["en"]}, {"language": "hi"}, "filtered_language"),
        ({"languages": ["en"]}, {}, None),
        ({"sampling_percent": 0}, {}, "filtered_sampling"),
    ],
)
def test_a_call_is_kept_out_for_what_is_known_of_it(
    filters: dict[str, Any], facts: dict[str, Any], why: str | None
) -> None:
    assert refusal(Filters(**filters), Facts(**{**CALL, **facts})) == why


@given(st.text(min_size=1), st.floats(0, 100), st.floats(0, 100))
def test_a_larger_sample_holds_the_smaller_one(callid: str, one: float, other: float) -> None:
    small, large = sorted((one, other))

    assert 0 <= place(callid) < 100
    if place(callid) < small:
        assert place(callid) < large


def test_a_sample_is_as_large_as_it_says() -> None:
    inside = sum(place(f"call-{n}") < 20 for n in range(5000))

    assert 900 < inside < 1100
