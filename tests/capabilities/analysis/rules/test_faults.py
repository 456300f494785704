"""Faults that the rules once had."""

import pytest

from locutory.capabilities.analysis.contract import Case, Parameter, ParameterType
from locutory.capabilities.analysis.rules import bant, quality, sentiment
from locutory.capabilities.analysis.scoring import AnswerState
from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.provenance import Provenance, Source


def talk(*lines: str, language: str | None = "en") -> Transcript:
    """Lines such as `C: text`; A agent, C customer, U unknown."""
    roles = {"A": Role.AGENT, "C": Role.CUSTOMER, "U": Role.UNKNOWN}
    return Transcript(
        turns=tuple(
            Turn(
                idx=n,
                role=roles[line[0]],
                text=line[3:],
                start_ms=n * 4000,
                end_ms=n * 4000 + 3000,
            )
            for n, line in enumerate(lines)
        ),
        duration_ms=4000 * len(lines),
        provenance=Provenance(source=Source.SIDECAR, engine="test"),
        language=language,
    )


def status(element: str, *lines: str) -> str:
    result = bant.judge(Case(transcript=talk(*lines))).result
    return str(result[element]["status"])


def test_a_later_budget_undoes_an_earlier_refusal() -> None:
    assert (
        status("budget", "C: We have no budget.", "C: Well, our budget is $2,000.") == "confirmed"
    )


def test_a_refusal_alone_stays() -> None:
    assert status("budget", "A: What is your budget?", "C: We have no budget.") == "absent"


def test_asking_somebody_else_settles_no_authority() -> None:
    assert status("authority", "C: I have to ask my wife about that.") == "partial"


def test_thinking_about_it_is_no_need() -> None:
    assert status("need", "C: I need to think about it first.") != "confirmed"


def test_words_of_nobody_in_particular_are_not_the_customers() -> None:
    result = bant.judge(Case(transcript=talk("U: Our budget is $2,000."))).result

    assert result["score"] == 0


@pytest.mark.parametrize("text", ["No, great service.", "No. The service is great."])
def test_a_negation_ends_with_its_clause(text: str) -> None:
    assert sentiment.text_sentiment(text)[0] > 0


def test_a_language_without_a_list_is_neutral() -> None:
    french = talk("C: Le chat est sale et bad.", language="fr")

    answer = sentiment.judge(Case(transcript=french))

    assert (answer.result["overall"], answer.result["label"]) == (0.0, "neutral")
    assert answer.confidence <= 0.2


def test_a_phrase_of_a_silent_role_needs_a_review() -> None:
    parameter = Parameter(
        key="greeting",
        section="s",
        question="q",
        type=ParameterType.PHRASE,
        binding={"phrases": ["hello"], "role": "agent"},
    )

    assessed = quality.assess(parameter, Case(transcript=talk("C: Hello?")))

    assert assessed.answer.state is AnswerState.NEEDS_REVIEW


def test_a_metric_that_must_be_answered_and_is_not_needs_a_review() -> None:
    parameter = Parameter(
        key="talk",
        section="s",
        question="q",
        type=ParameterType.METRIC,
        na_allowed=False,
        binding={"metric": "talk_ratio", "bands": [[None, None, 1.0]]},
    )

    assessed = quality.assess(parameter, Case(transcript=talk("C: Hello?")))

    assert assessed.answer.state is AnswerState.NEEDS_REVIEW
