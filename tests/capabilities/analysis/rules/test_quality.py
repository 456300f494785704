from collections.abc import Callable
from typing import Any

import pytest

from locutory.capabilities.analysis.contract import Case, Parameter, ParameterType, Template
from locutory.capabilities.analysis.rules import quality
from locutory.capabilities.interactions.contract import Transcript

Talk = Callable[..., Transcript]
BANDS = [[None, 0.65, 1.0], [0.65, None, 0.0]]


def only_row(transcript: Transcript, kind: ParameterType, /, **rest: Any) -> dict[str, Any]:
    metrics = rest.pop("metrics", {})
    asked = Parameter(key="p", section="S", question="?", type=kind, **rest)
    template = Template(name="T", version=1, parameters=(asked,))
    case = Case(transcript=transcript, variables={"template": template, "metrics": metrics})
    row: dict[str, Any] = quality.judge(case).result["parameters"][0]
    return row


@pytest.mark.parametrize(
    ("binding", "state", "points"),
    [
        ({"phrases": ["thank you for calling"]}, "answered", 1.0),
        ({"phrases": ["THANK YOU, for calling!"]}, "answered", 1.0),
        ({"phrases": ["thank you for coming"]}, "answered", 0.0),
        ({"phrases": ["calling"], "role": "customer"}, "answered", 0.0),
        ({"phrases": ["guarantee"], "present": False}, "answered", 1.0),
        ({"phrases": ["send you"], "present": False}, "answered", 0.0),
        ({"phrases": ["brochure"], "to_ms": 20_000}, "answered", 0.0),
        ({"phrases": ["brochure"], "from_ms": 20_000}, "answered", 1.0),
        ({"phrases": ["have a nice day"], "from_share": 0.6}, "answered", 1.0),
        ({"phrases": ["anything"], "role": "other"}, "needs_review", None),
        ({"phrases": ["anything"], "role": "other", "present": False}, "needs_review", None),
    ],
)
def test_a_phrase_is_judged_by_role_and_window(
    sales_call: Transcript, binding: dict[str, Any], state: str, points: float | None
) -> None:
    row = only_row(sales_call, ParameterType.PHRASE, binding=binding)

    assert (row["state"], row["points"]) == (state, points)


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        (["C: Hello?", "C: Is anybody there?"], "needs_review"),
        (["A: ", "C: Hello?", "A: Yes?"], "needs_review"),
        (["U: Welcome", "C: Hello?"], "needs_review"),
        (["A: Yes?", "C: Hello?"], "answered"),
        (["A: ", "A: Welcome", "C: Hello?"], "answered"),
    ],
)
def test_a_missing_phrase_is_no_failure_where_words_are_missing(
    talk: Talk, lines: list[str], state: str
) -> None:
    binding = {"phrases": ["welcome"], "role": "agent"}

    row = only_row(talk(*lines), ParameterType.PHRASE, binding=binding, critical=True)

    assert row["state"] == state
    assert (row["points"] is None) is (state == "needs_review")


@pytest.mark.parametrize(
    ("value", "na_allowed", "state", "points"),
    [
        (0.5, False, "answered", 1.0),
        (0.65, False, "answered", 0.0),
        (None, False, "needs_review", None),
        (None, True, "na", None),
        (float("nan"), False, "needs_review", None),
        (float("inf"), True, "na", None),
    ],
)
def test_a_figure_is_judged_by_its_band(
    sales_call: Transcript, value: float | None, na_allowed: bool, state: str, points: float | None
) -> None:
    row = only_row(
        sales_call,
        ParameterType.METRIC,
        na_allowed=na_allowed,
        binding={"metric": "talk_ratio", "bands": BANDS},
        metrics={"talk_ratio": value},
    )

    assert (row["state"], row["points"]) == (state, points)
    assert row["value"] == (value if state == "answered" else None)
