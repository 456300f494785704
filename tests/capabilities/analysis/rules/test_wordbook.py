import pytest

from locutory.capabilities.analysis.rules.phrasing import heard
from locutory.capabilities.analysis.rules.topics import LABELS
from locutory.capabilities.analysis.rules.wordbook import Wordbook, wordbook, words_of
from locutory.capabilities.analysis.taxonomy import BUILT_IN_KEYS


def found(said: str, plain: str) -> list[str]:
    book = Wordbook()
    book.add(said, ("one", 2))
    return [word for word, _ in book.found(plain)]


@pytest.mark.parametrize(
    ("said", "plain", "words"),
    [
        ("refund*", "they refunded it", ["refund"]),
        ("refund", "they refunded it", []),
        ("money_back", "i want my money back", ["money back"]),
        ("money_back", "back to the money", []),
        ("call_cent*", "your call centre", ["call cent"]),
        ("call_cent*", "your call", []),
        ("don't_renew", "please don't renew it", ["don't renew"]),
        (
            "पैसे_वापस",
            "मेरे पैसे वापस करो",
            ["पैसे वापस"],
        ),
    ],
)
def test_a_word_is_whole_unless_it_is_open_and_a_phrase_is_in_order(
    said: str, plain: str, words: list[str]
) -> None:
    assert found(said, plain) == words


def test_the_words_of_a_text_are_by_section_with_their_weights() -> None:
    words = words_of("topic_words", heard("I want a refund for this parcel."))

    assert words["refund"]["refund"] == 3
    assert "parcel" in words["delivery"]


@pytest.mark.parametrize(
    ("name", "sections"), [("topic_words", frozenset(LABELS)), ("objection_words", BUILT_IN_KEYS)]
)
def test_a_wordbook_has_words_for_every_kind(name: str, sections: frozenset[str]) -> None:
    weights = set(wordbook(name).entries())

    assert {section for section, _ in weights} == sections
    assert {weight for _, weight in weights} <= {1, 2, 3}
