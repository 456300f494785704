import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.capabilities.analysis.rules.restoring import clauses, with_apostrophes
from locutory.kernel.words import words


@pytest.mark.parametrize(
    ("bare", "said"),
    [
        ("i dont think its for us", "i don't think it's for us"),
        ("id like to know what theyre for", "i'd like to know what they're for"),
        ("ill have to ask but well see", "i'll have to ask but we'll see"),
        ("were looking for a van", "we're looking for a van"),
        ("we were looking for a van", "we were looking for a van"),
        ("id card and its cover", "id card and its cover"),
        ("well that depends", "well that depends"),
    ],
)
def test_an_apostrophe_is_put_back_only_where_it_is_missing(bare: str, said: str) -> None:
    assert with_apostrophes(bare) == said


def test_a_long_turn_without_punctuation_has_clauses() -> None:
    turn = (
        "yeah we looked at it last week but its a lot of money for us and i would have to ask my"
        " wife do you do anything smaller"
    )

    assert clauses(turn) == [
        "yeah we looked at it last week",
        "but its a lot of money for us",
        "and i would have to ask my wife",
        "do you do anything smaller",
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "It was late, and I was tired, so I told the man at the desk that I would come back.",
        "we had fish and chips",
    ],
)
def test_what_has_punctuation_or_is_short_stays_whole(sentence: str) -> None:
    assert clauses(sentence) == [sentence]


_SPOKEN = ["and", "but", "so", "i", "you", "do", "what", "how much", "is", "van", "dont", "ill"]


@given(st.lists(st.sampled_from(_SPOKEN)).map(" ".join))
def test_no_word_is_lost(text: str) -> None:
    assert [word for clause in clauses(text) for word in words(clause)] == words(text)
    assert len(words(with_apostrophes(text))) == len(words(text))
