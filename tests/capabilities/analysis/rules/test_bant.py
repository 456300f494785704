from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locutory.capabilities.analysis.contract import Case
from locutory.capabilities.analysis.rules import bant
from locutory.capabilities.analysis.rules.recognisers import find_date, find_money
from locutory.capabilities.interactions.contract import Transcript

Talk = Callable[..., Transcript]

HELLO = "A: Hello, this is Ravi."
SALE = (
    "A: Good morning, thank you for calling Sunrise Homes. My name is Priya.",
    "C: Hello Priya, I'm looking for a three bedroom flat near the airport road.",
    "A: Lovely. May I ask what your budget is?",
    "C: My budget is 85 lakh rupees, a bit more for a good view.",
    "A: And who will take the decision?",
    "C: I make the decision myself, my wife has already agreed.",
    "A: When would you like to move in?",
    "C: We want to move in within three months, before Diwali.",
)
HINDI_SALE = (
    "A: नमस्ते, मैं सनराइज होम्स से प्रिया बोल रही हूं।",
    "C: नमस्ते, मुझे दो कमरे का फ्लैट चाहिए।",
    "A: आपका बजट कितना है?",
    "C: पचास लाख तक।",
    "A: फैसला कौन करेगा?",
    "C: मैं खुद फैसला करूंगा।",
    "A: आपको कब चाहिए?",
    "C: दो महीने में चाहिए, आपकी सेवा बहुत अच्छी है।",
)


def found(transcript: Transcript) -> dict[str, Any]:
    return bant.judge(Case(transcript=transcript)).result


def statuses(transcript: Transcript) -> list[str]:
    result = found(transcript)
    return [result[name]["status"] for name in bant.ELEMENTS]


def test_a_good_sales_call_confirms_all_four(talk: Talk) -> None:
    result = found(talk(*SALE))

    assert [result[name]["status"] for name in bant.ELEMENTS] == ["confirmed"] * 4
    assert result["budget"]["value"] == "85 lakh rupees"
    assert result["authority"]["value"] == "I make the decision"
    assert result["need"]["value"] == "a three bedroom flat near the airport road"
    assert result["timeline"]["value"] == "within three months"
    assert result["score"] == 100


def test_a_hindi_sales_call_is_understood(talk: Talk) -> None:
    result = found(talk(*HINDI_SALE, language="hi"))

    assert result["budget"]["value"] == "पचास लाख"
    assert result["need"]["value"] == "दो कमरे का फ्लैट"
    assert result["timeline"]["value"] == "दो महीने में"
    assert result["score"] == 87.5


def test_a_hindi_sales_call_in_latin_script_is_understood(talk: Talk) -> None:
    transcript = talk(
        "A: Namaste, aapka budget kitna hai?",
        "C: Pachas lakh tak.",
        "A: Kab tak lena hai?",
        "C: Agle mahine lena hai, mujhe 2 BHK flat chahiye.",
        "A: Faisla kaun karega?",
        "C: Meri wife se puchna padega.",
        language="hi-Latn",
    )

    assert statuses(transcript) == ["partial", "partial", "confirmed", "confirmed"]
    assert found(transcript)["authority"]["value"] == "Meri wife"


@pytest.mark.parametrize(
    ("name", "lines", "status", "value"),
    [
        ("budget", [HELLO, "C: We have a budget for this."], "partial", ""),
        ("budget", [HELLO, "C: The old one cost 20,000 rupees."], "not_asked", ""),
        ("budget", [HELLO, "C: My budget is $5,000."], "confirmed", "$5,000"),
        ("budget", [HELLO, "C: There is no budget this year."], "absent", ""),
        ("budget", ["A: So your budget is 40 lakh?", "C: Yes, right."], "partial", "40 lakh"),
        ("budget", ["A: So your budget is 40 lakh?", "C: Not right."], "unknown", ""),
        ("budget", ["A: What is your budget?", "C: I would rather not say."], "unknown", ""),
        ("budget", ["A: What is your budget?", "C: 40 lakh."], "partial", "40 lakh"),
        ("budget", ["A: Our plan fits a budget of 900 dollars.", "C: Hm."], "not_asked", ""),
        ("budget", [HELLO, "C: There is no budget limit."], "partial", ""),
        ("authority", [HELLO, "C: I have to ask my wife."], "partial", "my wife"),
        ("authority", [HELLO, "C: I'm the owner."], "confirmed", "I'm the owner"),
        ("authority", [HELLO, "C: I will decide."], "confirmed", "I will decide"),
        ("authority", [HELLO, "C: My wife and I decide."], "partial", "My wife"),
        ("authority", ["A: Who decides on this?", "C: I do."], "partial", "I do"),
        ("authority", ["A: Who decides on this?", "C: I do not know."], "unknown", ""),
        ("authority", [HELLO, "C: I am not the decision maker."], "absent", ""),
        ("need", [HELLO, "C: I am not interested."], "absent", ""),
        ("need", [HELLO, "C: I need to think about it."], "not_asked", ""),
        ("need", [HELLO, "C: I would like to see the flat."], "confirmed", "see the flat"),
        ("need", [HELLO, "C: We need a faster router."], "confirmed", "a faster router"),
        ("need", [HELLO, "C: I don't want a loud office."], "not_asked", ""),
        ("need", [HELLO, "C: Mujhe nahi chahiye."], "absent", ""),
        ("timeline", [HELLO, "C: Call me tomorrow."], "not_asked", ""),
        ("timeline", [HELLO, "C: There is no rush."], "absent", ""),
        ("timeline", [HELLO, "C: I am just looking for a flat."], "not_asked", ""),
        ("timeline", [HELLO, "C: We plan to buy by March."], "confirmed", "by March"),
        ("timeline", ["A: When do you want to start?", "C: Next week."], "partial", "Next week"),
    ],
)
def test_an_element_gets_the_status_that_the_words_allow(
    talk: Talk, name: str, lines: list[str], status: str, value: str
) -> None:
    element = found(talk(*lines))[name]

    assert (element["status"], element["value"]) == (status, value)
    assert bool(element["evidence"]) is (status != "not_asked")


@pytest.mark.parametrize(
    ("name", "lines", "status", "value"),
    [
        ("budget", ["C: We have no budget.", "C: Our budget is 2 lakh."], "confirmed", "2 lakh"),
        ("budget", ["C: No budget. Fine, our budget is 2 lakh."], "confirmed", "2 lakh"),
        ("budget", ["C: No budget then but now my budget is $900"], "confirmed", "$900"),
        ("budget", ["C: No budget.", "A: What can you spend?", "C: 2 lakh."], "partial", "2 lakh"),
        ("budget", ["C: We have no budget.", "C: The budget is a pity."], "absent", ""),
        ("budget", ["C: Our budget is 2 lakh.", "C: Sorry, no budget."], "absent", ""),
        ("budget", ["C: My budget is 2 lakh.", "C: My budget is 3 lakh."], "confirmed", "3 lakh"),
        ("authority", ["C: I decide.", "C: But I have to ask my wife."], "partial", "my wife"),
        ("authority", ["C: I must ask my boss.", "C: No, I decide."], "confirmed", "I decide"),
        ("need", ["C: I need a flat.", "C: I want a red door."], "confirmed", "a flat"),
        ("need", ["C: I need a flat.", "C: I don't want noise."], "confirmed", "a flat"),
    ],
)
def test_the_last_clear_word_counts(
    talk: Talk, name: str, lines: list[str], status: str, value: str
) -> None:
    element = found(talk(*lines))[name]

    assert (element["status"], element["value"]) == (status, value)


def test_nothing_is_taken_from_the_agents_words_alone(talk: Talk) -> None:
    transcript = talk(
        "A: You need a flat, your budget is 50 lakh, you decide, and you move in next month.",
        "C: Who is speaking please?",
    )

    assert found(transcript)["score"] == 0


@pytest.mark.parametrize(
    "lines",
    [
        ["U: My budget is 50 lakh.", "U: I decide alone. I need a flat, to move in next week."],
        ["U: My budget is 50 lakh.", "A: I see.", "C: Hello."],
        ["I: Press one, we need a budget of 50 lakh, decide by March."],
        ["A: ", "C: Hello."],
    ],
)
def test_a_turn_of_unknown_role_is_not_the_customers(talk: Talk, lines: list[str]) -> None:
    assert statuses(talk(*lines)) == ["unknown"] * 4


def test_the_score_is_25_per_confirmed_and_half_of_it_per_partial() -> None:
    kinds = ["confirmed", "partial", "absent", "not_asked"]

    rows = {name: {"status": kind} for name, kind in zip(bant.ELEMENTS, kinds, strict=True)}

    assert bant.score(rows) == 37.5


@given(st.lists(st.sampled_from(["A: ", "U: ", "I: "]).flatmap(lambda r: st.text().map(r.__add__))))
def test_without_a_customer_there_are_no_points(make_talk: Talk, lines: list[str]) -> None:
    assert found(make_talk(*lines))["score"] == 0


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("about fifty thousand rupees a month", "fifty thousand rupees"),
        ("it is ₹ 1,20,000 in all", "₹ 1,20,000"),
        ("one point five crore", "one point five crore"),
        ("say 50k", "50k"),
        ("I do 20k a month", "20k"),
        ("Rs 500", "Rs 500"),
        ("we have two thousand users", None),
        ("flat 402 on floor 4", None),
        ("do you mind", None),
    ],
)
def test_money_is_told_from_other_numbers(text: str, amount: str | None) -> None:
    assert find_money(text) == amount


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("by the end of the month", "by the end of the month"),
        ("in two or three weeks", "in two or three weeks"),
        ("before the 5th March 2027", "before the 5th March 2027"),
        ("तीन महीने में", "तीन महीने में"),
        ("मार्च तक", "मार्च तक"),
        ("agle hafte", "agle hafte"),
        ("in the kitchen", None),
        ("I may come", None),
    ],
)
def test_times_ahead_are_recognised(text: str, when: str | None) -> None:
    assert find_date(text) == when
