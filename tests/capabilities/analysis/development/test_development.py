import pytest
from tests.capabilities.analysis.development.compare import counts, f1
from tests.capabilities.analysis.development.reading import HALVES, written_calls
from tests.quality.labelled import OBJECTIONS, TOPICS

from locutory.capabilities.interactions.contract import Role

# A bit below what the rules reach; they rise with the rules.
FLOORS = {
    ("worked", "objections"): 0.91,
    ("worked", "topics"): 0.85,
    ("held_out", "objections"): 0.79,
    ("held_out", "topics"): 0.82,
}


@pytest.mark.parametrize(("half", "agent"), FLOORS)
def test_the_rules_read_the_written_calls_no_worse_than_they_did(half: str, agent: str) -> None:
    assert f1(counts(half, agent)) >= FLOORS[half, agent]


@pytest.mark.parametrize("half", HALVES)
def test_a_written_call_has_known_labels_and_two_sides(half: str) -> None:
    calls = written_calls(half)

    assert len({call.id for call in calls}) == len(calls) > 30
    for call in calls:
        assert call.objections <= OBJECTIONS, call.id
        assert call.topics <= TOPICS, call.id
        assert {turn.role for turn in call.transcript.turns} == {Role.AGENT, Role.CUSTOMER}


def test_the_halves_have_no_call_in_common() -> None:
    worked, held_out = ({call.id for call in written_calls(half)} for half in HALVES)

    assert not worked & held_out
