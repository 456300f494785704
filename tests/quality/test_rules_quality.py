import json
from typing import Any

import pytest
from tests.quality import measure
from tests.quality.labelled import Split, labelled_calls
from tests.quality.measure import MEASURES, SCORES, Measure, Pair, measured_agents

STORED: dict[str, Any] = json.loads(SCORES.read_text(encoding="utf-8"))
PRESENT = [one for one in MEASURES if one.agent in measured_agents()]


async def test_the_stored_scores_are_those_of_the_rules_as_they_are() -> None:
    """After a change of rules or calls: `.venv/bin/python -m tests.quality.measure`."""
    assert await measure.scores() == STORED


@pytest.mark.parametrize("one", PRESENT, ids=lambda one: one.agent)
def test_the_rules_read_blind_calls_no_worse_than_they_did(one: Measure) -> None:
    assert STORED[Split.BLIND][one.agent][one.figure] >= one.floor
    assert one.floor <= one.target


def _pair(said: str, label: str) -> Pair:
    return Pair(
        call=labelled_calls()[0], said=frozenset(said.split()), label=frozenset(label.split())
    )


def test_the_figures_are_micro_averages() -> None:
    paired = [_pair("price trust", "price"), _pair("", "need"), _pair("", "")]

    assert measure.precision(paired) == 0.5
    assert measure.recall(paired) == 0.5
    assert measure.f1(paired) == 0.5
    assert measure.agreement(paired) == 0.333
    assert measure.f1([_pair("", "")]) == 0.0


def test_the_misses_of_blind_calls_are_never_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        measure.main(["--misses"])

    assert "--seen" in capsys.readouterr().err
