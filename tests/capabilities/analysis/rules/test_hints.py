"""What customers tell in passing: of budget, deciders, needs and times, and why they hesitate."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.capabilities.analysis.contract import Case
from locutory.capabilities.analysis.rules import bant, objections
from locutory.capabilities.analysis.rules.telling import Stage, stage
from locutory.capabilities.interactions.contract import Role, Transcript

Talk = Callable[..., Transcript]

COMPLAINT = (
    "A: Customer service, I'm sorry for the wait.",
    "C: My parcel still has not arrived and nobody calls me back.",
    "A: I apologise, let me check the tracking number.",
)


def told(transcript: Transcript) -> dict[str, Any]:
    return bant.judge(Case(transcript=transcript)).result


def hinted(transcript: Transcript) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = objections.judge(Case(transcript=transcript)).result["objections"]
    return rows


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ("budget", "We've put aside four thousand for the garden."),
        ("budget", "I wouldn't go a penny over two hundred pounds."),
        ("budget", "Three fifty tops."),
        ("budget", "To be frank there's nothing left in the kitty."),
        ("budget", "Das hazaar se upar nahi jaa sakte."),
        ("budget", "हमने तीस हज़ार अलग रखे हैं।"),
        ("authority", "My sister has the final say in such things."),
        ("authority", "It would have to go through our purchasing committee."),
        ("authority", "I own the bakery, so that's up to me."),
        ("authority", "Papa se puchna padega."),
        ("authority", "घर में सब मैं ही देखती हूँ।"),
        ("need", "Have you anything with four seats?"),
        ("need", "We're after a bigger van."),
        ("need", "Chhat pe solar lagwana hai."),
        ("need", "बेटी के लिए साइकिल चाहिए।"),
        ("timeline", "Sometime before Easter would be ideal."),
        ("timeline", "The sixteenth, then, please."),
        ("timeline", "Once the exams are over."),
        ("timeline", "Diwali ke baad karenge."),
        ("timeline", "सोमवार को आ जाऊँगा।"),
    ],
)
def test_an_element_is_heard_without_its_name(talk: Talk, element: str, said: str) -> None:
    row = told(talk("A: Good morning.", f"C: {said}"))[element]

    assert row["status"] in {"confirmed", "partial", "absent"}
    assert row["evidence"] == [{"segments": [1], "quote": said}]


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ("budget", "You have charged me two hundred pounds."),
        ("budget", "How much is it, under fifty?"),
        ("budget", "We waited for up to two weeks."),
        ("authority", "Let me speak to your manager."),
        ("need", "I want my money back."),
        ("need", "I need to send a letter first."),
        ("need", "Do you have their number?"),
        ("authority", "I gave it to my boss on Monday."),
        ("budget", "He spends that on the car."),
        ("timeline", "See you on Thursday."),
        ("timeline", "I rang you on Monday and nobody came."),
        ("timeline", "Are you open on Sunday?"),
    ],
)
def test_what_only_sounds_like_an_element_is_none(talk: Talk, element: str, said: str) -> None:
    row = told(talk("A: Good morning.", f"C: {said}"))[element]

    assert row["status"] not in {"confirmed", "partial"}


def test_help_with_what_was_bought_is_no_need_and_its_day_no_timeline(talk: Talk) -> None:
    lines = ("C: I need somebody to look into it by Friday.",)

    bought, fresh = told(talk(*COMPLAINT, *lines)), told(talk("A: Hello.", *lines))

    assert (bought["need"]["status"], bought["timeline"]["status"]) == ("not_asked", "not_asked")
    assert (fresh["need"]["status"], fresh["timeline"]["status"]) == ("partial", "partial")


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        ("price", "That's a touch rich for my taste."),
        ("price", "The firm down the road charges sixty for the same."),
        ("budget", "We're a bit strapped for cash, with the roof and all."),
        ("timing", "Let's get the move out of the way first."),
        ("authority", "I'd have to run it by the trustees."),
        ("need", "The old one still works perfectly well."),
        ("competitor", "My cousin does it for us."),
        ("competitor", "We only just renewed with somebody else."),
        ("trust", "They all say that."),
        ("product_fit", "It wouldn't work with our tills."),
        ("location", "That's two buses for me."),
        ("process", "I'm not jumping through all those hoops."),
        ("price", "Itne mein toh do aa jayenge."),
        ("authority", "Meri saas dekhti hain ye sab."),
        ("location", "वहाँ से दफ़्तर बीस किलोमीटर है।"),
    ],
)
def test_an_objection_is_heard_without_its_name(talk: Talk, type_: str, said: str) -> None:
    rows = hinted(talk("A: Shall we go ahead?", f"C: {said}"))

    assert type_ in {row["type"] for row in rows}
    assert {row["quote"] for row in rows} == {said}


def test_a_gasp_is_an_objection_after_a_price_alone(talk: Talk) -> None:
    gasp = "C: Ouch."

    assert [row["type"] for row in hinted(talk("A: It's ninety pounds a month.", gasp))] == [
        "price"
    ]
    assert hinted(talk("A: Mind the step.", gasp)) == []


def test_a_price_named_with_pleasure_is_no_objection(talk: Talk) -> None:
    call = talk("A: It's ninety pounds a month.", "C: Gosh, that's much less than I thought.")

    assert hinted(call) == []


def test_a_hint_that_answers_a_question_is_weaker_than_one_that_answers_an_offer(
    talk: Talk,
) -> None:
    said = "C: My cousin does it."
    small_talk = ["A: Mind the step.", "C: Yes."] * 4

    asked = talk(*small_talk, "A: Is anybody there already?", said)
    offered = talk(*small_talk, "A: Shall I book you in?", said)

    assert hinted(asked) == []
    assert [row["type"] for row in hinted(offered)] == ["competitor"]


def test_a_reason_that_is_waived_in_the_same_breath_is_none(talk: Talk) -> None:
    offer = "A: Shall we go ahead?"

    assert hinted(talk(offer, "C: That's two buses for me, but I don't mind.")) == []
    assert hinted(talk(offer, "C: That's two buses for me, you see.")) != []


def test_after_a_sale_a_boss_is_no_authority(talk: Talk) -> None:
    said = "C: I'll have to ask my boss."

    assert told(talk(*COMPLAINT, said))["authority"]["status"] == "not_asked"
    assert told(talk("A: Good morning.", said))["authority"]["status"] == "partial"


def test_who_complains_does_not_object(talk: Talk) -> None:
    said = "C: They all say that."

    assert hinted(talk(*COMPLAINT, said)) == []
    assert [row["type"] for row in hinted(talk("A: It's the best.", said))] == ["trust"]


def test_the_stage_of_a_talk_is_that_of_most_of_its_sentences(talk: Talk) -> None:
    sale = talk("A: Would you like a demo?", "C: How much is the big package?")

    assert stage(talk(*COMPLAINT)) is Stage.AFTER
    assert stage(sale) is Stage.BEFORE
    assert stage(talk("A: Hello.", "C: Hello.")) is Stage.UNCLEAR


said_lines = st.sampled_from(
    [
        "We've put aside four thousand.",
        "My wife has the final say.",
        "The sixteenth, please.",
        "My cousin does it for us.",
        "Ouch.",
        "It's ninety pounds a month.",
        "Nobody rang back.",
        "बेटी के लिए साइकिल चाहिए।",
    ]
)


@given(st.lists(st.tuples(st.sampled_from("ACU"), said_lines), min_size=1, max_size=8))
def test_what_is_found_is_the_customers_word_for_word(
    make_talk: Talk, lines: list[tuple[str, str]]
) -> None:
    call = make_talk(*(f"{role}: {text}" for role, text in lines))

    rows = [told(call)[name] for name in bant.ELEMENTS]
    evidence = [one for row in rows if row["value"] for one in row["evidence"]]
    evidence += [row["evidence"] for row in hinted(call)]
    for one in evidence:
        (turn,) = [call.turns[idx] for idx in one["segments"]]
        assert turn.role is Role.CUSTOMER
        assert one["quote"] in turn.text
