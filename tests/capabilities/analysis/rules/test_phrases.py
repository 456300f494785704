"""Vocabularies that are searched by the openings of words find what a plain search finds."""

import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.capabilities.analysis.rules.openings import FIGURE, needed, openings_of, parts
from locutory.capabilities.analysis.rules.phrases import Phrases
from locutory.capabilities.analysis.rules.phrasing import heard, pattern
from locutory.capabilities.analysis.rules.wording import alternatives, compiled, vocabulary

SAID = (
    "I'd have to run it past my wife, she signs anything over 5,000 pounds. Ooh, ninety-nine a"
    " month? That's a bit steep for us, the other lot do it for half. Nobody rang back for three"
    " weeks, what a joke! You've saved my life, thank goodness. Not before the 3rd of May, half"
    " past ten, in the new year. Mera budget 45 lakh tak ka hai, papa se puchna padega, bahut door"
    " hai, teesri baar. मेरे पास पैसे नहीं हैं, कल सुबह आऊँगा, बहुत महंगा है, तीन बार बोला था।"
)
PLAIN = heard(SAID)
pieces = st.lists(st.sampled_from(re.split(r"(?<=[ ,.!?])", PLAIN)), max_size=12)


@pytest.mark.parametrize(
    ("expression", "openings"),
    [
        ("my boss", {"bos"}),
        ("(?:boss|manager) decides?", {"dec"}),
        ("call (?:me )?back", {"cal"}),
        ("(?:to )?(?:half|third)", {"hal", "thi"}),
        (r"\w+ing", None),
        (r"un\w+", None),
        (r"unhapp\w+", {"unh"}),
        ("(?:pay)?", None),
        (r"\d+ km", {FIGURE}),
        (r"[£$] ?\d+", {FIGURE}),
        ("(?!not )worth", {"wor"}),
        ("colou?r", {"col"}),
        ("call-?back", {"cal"}),
    ],
)
def test_an_expression_names_the_openings_that_it_needs(
    expression: str, openings: set[str] | None
) -> None:
    assert needed(expression) == (None if openings is None else frozenset(openings))


def test_an_expression_falls_into_its_alternatives() -> None:
    assert parts(r"a(?:b|c)|[|]d|e\|f") == ["a(?:b|c)", "[|]d", r"e\|f"]
    assert parts("(?:one|two (?:three|four))") == ["one", "two (?:three|four)"]
    assert parts("(?:one|two) (?:three|four)") == ["(?:one|two) (?:three|four)"]


def test_a_text_opens_with_the_openings_of_its_words() -> None:
    assert openings_of("i don't pay 45 lakh, बहुत") == {"i", "don", "pay", FIGURE, "lak", "बहु"}


@cache
def whole(name: str, section: str) -> re.Pattern[str]:
    return pattern(*alternatives(name, section))


@pytest.mark.parametrize("name", ["bant", "feelings", "hints", "objections", "topics"])
@given(said=pieces)
def test_no_match_is_lost_by_trying_less(name: str, said: list[str]) -> None:
    text = "".join(said)

    for section, phrases in vocabulary(name).items():
        plain = whole(name, section).search(text)
        found = phrases.search(text)

        assert (found and found.start()) == (plain and plain.start()), section


def test_a_section_finds_and_replaces_from_the_left() -> None:
    phrases = Phrases(["late(?: again)?", "never"])

    assert [one.group() for one in phrases.finditer("never late, late again")] == [
        "never",
        "late",
        "late again",
    ]
    assert phrases.subn(lambda _found: "-", "never late") == ("- -", 2)
    assert phrases.subn(lambda _found: "-", "in time") == ("in time", 0)


def test_a_vocabulary_knows_the_word_classes_that_it_is_given() -> None:
    said = compiled("[one]\nfor {WHO}\n", {"WHO": "(?:me|you)"})

    assert said["one"].search("it is for you") is not None
    with pytest.raises(KeyError):
        compiled("[one]\nfor {NOBODY}\n")
