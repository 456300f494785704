from collections.abc import Callable
from typing import Any

import pytest

from locutory.capabilities.analysis.contract import Case
from locutory.capabilities.analysis.rules import objections
from locutory.capabilities.analysis.taxonomy import OBJECTION_TYPES
from locutory.capabilities.interactions.contract import Transcript

Talk = Callable[..., Transcript]


def found(transcript: Transcript, **variables: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = objections.judge(
        Case(transcript=transcript, variables=variables)
    ).result["objections"]
    return rows


def types(transcript: Transcript) -> list[str]:
    return sorted({row["type"] for row in found(transcript)})


@pytest.mark.parametrize(
    ("said", "type_"),
    [
        ("Honestly, that is way too expensive for what it does.", "price"),
        ("Why is it so costly?", "price"),
        ("Yeh to bahut mehnga hai.", "price"),
        ("यह बहुत महंगा है।", "price"),
        ("We simply don't have the budget this year.", "budget"),
        ("It is out of our budget.", "budget"),
        ("Itna budget nahi hai.", "budget"),
        ("इतना बजट नहीं है।", "budget"),
        ("This is not a good time, I am about to board.", "timing"),
        ("I need some time to think.", "timing"),
        ("Main soch ke batata hoon.", "timing"),
        ("अभी नहीं लेना है।", "timing"),
        ("I'd have to ask my wife first.", "authority"),
        ("It's not my decision to make.", "authority"),
        ("Ghar pe baat karni padegi.", "authority"),
        ("मुझे अपनी पत्नी से पूछना पड़ेगा।", "authority"),
        ("Sorry, I'm not interested.", "need"),
        ("We don't really need another machine.", "need"),
        ("Humein iski zaroorat nahi hai.", "need"),
        ("मुझे ज़रूरत नहीं है।", "need"),
        ("Another company is offering it for less.", "competitor"),
        ("We're happy with our current provider.", "competitor"),
        ("Dusri company sasta de rahi hai.", "competitor"),
        ("दूसरी कंपनी सस्ता दे रही है।", "competitor"),
        ("How do I know this is genuine?", "trust"),
        ("I have read some bad reviews about you.", "trust"),
        ("Mujhe aap par bharosa nahi hai.", "trust"),
        ("मुझे भरोसा नहीं है।", "trust"),
        ("It doesn't support the printers that we have.", "product_fit"),
        ("The kitchen is too small.", "product_fit"),
        ("Mujhe design pasand nahi aaya.", "product_fit"),
        ("डिज़ाइन पसंद नहीं आया।", "product_fit"),
        ("It's too far from my office.", "location"),
        ("I don't like the area.", "location"),
        ("Office se bahut door hai.", "location"),
        ("यह ऑफिस से बहुत दूर है।", "location"),
        ("The process sounds too complicated.", "process"),
        ("There is too much paperwork.", "process"),
        ("Process bahut lamba hai.", "process"),
        ("प्रक्रिया बहुत लंबी है।", "process"),
    ],
)
def test_each_type_is_heard_in_english_and_in_both_ways_of_writing_hindi(
    talk: Talk, said: str, type_: str
) -> None:
    assert types(talk("A: Hello.", f"C: {said}")) == [type_]


@pytest.mark.parametrize(
    "said",
    [
        "Is it expensive?",
        "What is the price of the two bedroom flat?",
        "The price is not too high, actually.",
        "It is not expensive at all.",
        "Mehnga nahi hai.",
        "I don't need anything else, thank you.",
        "Aur kuch nahi chahiye.",
        "So far so good.",
        "Do I need to bring my passport?",
        "I trust you completely.",
        "Great, that works for me.",
        "My husband is here with me.",
    ],
)
def test_what_is_asked_or_denied_is_no_objection(talk: Talk, said: str) -> None:
    assert types(talk("A: Hello.", f"C: {said}")) == []


def test_only_customers_object(talk: Talk) -> None:
    assert found(talk("A: It is too expensive.", "U: It is too expensive.")) == []


@pytest.mark.parametrize(
    ("lines", "handled", "response"),
    [
        (("A: We can offer you a discount of ten percent.",), "yes", 1),
        (("A: I understand what you are saying there.",), "partial", 1),
        (("A: Okay.",), "no", None),
        (("A: Thank you for your time, have a nice day.",), "no", None),
        ((), "no", None),
        (("A: ",), "unknown", None),
        (
            ("A: We can offer you a discount of ten percent.", "C: It is still too expensive."),
            "partial",
            1,
        ),
    ],
)
def test_an_objection_is_handled_by_an_answer_that_fits_it(
    talk: Talk, lines: tuple[str, ...], handled: str, response: int | None
) -> None:
    first = found(talk("C: That is too expensive.", *lines))[0]

    assert (first["handled"], first["response_segment"]) == (handled, response)


def test_an_answer_after_ninety_seconds_comes_too_late(talk: Talk) -> None:
    said = ("C: That is too expensive.", "C: Hm.", "C: Hm.", "A: We can offer you a big discount.")

    early = found(talk(*said, turn_ms=45_000))[0]
    late = found(talk(*said, turn_ms=50_000))[0]

    assert (early["handled"], late["handled"]) == ("yes", "no")


def test_types_of_a_business_replace_the_built_in_ones(talk: Talk) -> None:
    own = {"key": "parking", "label": "Parking", "synonyms": {"en": ["nowhere to park"]}}
    call = talk("C: It is too expensive, and there's NOWHERE to park!", "C: Is it nowhere to park?")

    (row,) = found(call, objection_types=[own])

    assert (row["type"], row["segment"]) == ("parking", 0)
    assert row["evidence"]["quote"] == "It is too expensive, and there's NOWHERE to park!"
    assert found(call, objection_types=[]) == []


@pytest.mark.parametrize("type_", OBJECTION_TYPES, ids=lambda type_: type_.key)
def test_the_phrases_shown_for_a_type_are_found(talk: Talk, type_: Any) -> None:
    for phrases in type_.synonyms.values():
        for phrase in phrases:
            assert type_.key in types(talk(f"C: {phrase}")), phrase
