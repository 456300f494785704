import pytest

from locutory.capabilities.knowledge.contract import Intent
from locutory.capabilities.knowledge.intents import intent_of, standalone


@pytest.mark.parametrize(
    "question",
    [
        "How many calls mention price last week?",
        "how many of our calls failed today",
        "How many complained about delivery?",
        "Which agent has the most calls?",
        "What share of calls mention Zenith?",
        "Is there a trend in complaints?",
        "What is the average score this month?",
        "Number of calls by status",
        "kitne calls aaye aaj",
    ],
)
def test_questions_for_counts_are_aggregates(question: str) -> None:
    assert intent_of(question) is Intent.AGGREGATE


@pytest.mark.parametrize(
    "question",
    [
        "How many bedrooms did she want?",
        "How many guests fit the wedding hall?",
        "What percentage discount was offered?",
        "Where is the telescope shipped from?",
    ],
)
def test_a_number_that_was_said_is_looked_up(question: str) -> None:
    assert intent_of(question) is Intent.LOOKUP


@pytest.mark.parametrize(
    "question", ["Summarise the talks about the villa", "Give me a recap", "इस कॉल का सारांश"]
)
def test_a_summary_is_recognised(question: str) -> None:
    assert intent_of(question) is Intent.SUMMARISE


@pytest.mark.parametrize("follow_up", ["and the price?", "why?", "Did she agree?", "what about it"])
def test_a_follow_up_is_joined_with_the_question_before(follow_up: str) -> None:
    joined = standalone(follow_up, "What was said about the villa?")

    assert joined == f"What was said about the villa {follow_up}"


@pytest.mark.parametrize(
    "message",
    [
        "Where is the telescope shipped from?",
        "And which documents does the tractor subsidy form need?",
        "How many calls failed?",
    ],
)
def test_a_question_that_stands_alone_is_left_alone(message: str) -> None:
    assert standalone(message, "What was said about the villa?") == message


def test_the_first_message_stands_alone() -> None:
    assert standalone("and the price?", None) == "and the price?"
