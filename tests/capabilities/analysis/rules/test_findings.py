"""Topics, next steps, outcome, compliance and lead profile by rules."""

from collections.abc import Callable
from typing import Any

import pytest

from locutory.capabilities.analysis.contract import Case
from locutory.capabilities.analysis.rules import compliance, lead, outcome, steps, topics
from locutory.capabilities.interactions.contract import Transcript

Talk = Callable[..., Transcript]


def keys(transcript: Transcript) -> list[str]:
    rows = topics.judge(Case(transcript=transcript)).result["topics"]
    return sorted(row["key"] for row in rows)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("How much does the annual plan cost?", "pricing"),
        ("Iski keemat kitni hai?", "pricing"),
        ("There is an extra charge on my bill.", "billing"),
        ("When do I get my refund?", "refund"),
        ("मेरे पैसे वापस कब आएंगे?", "refund"),
        ("My card was declined during the payment.", "payment"),
        ("My parcel has not been delivered.", "delivery"),
        ("I would like to book an appointment for Monday.", "booking"),
        ("I want to cancel my subscription.", "cancellation"),
        ("I would like to make a complaint.", "complaint"),
        ("The router is not working since the update.", "technical_support"),
        ("I forgot my password and I am locked out.", "account_access"),
        ("Which features does this model have?", "product_information"),
        ("Is the blue one in stock?", "availability"),
        ("Can we come to see the sample flat?", "site_visit"),
        ("What is the interest rate on a home loan?", "finance_loan"),
        ("Which documents do I have to send?", "documents"),
        ("What is the notice period in the contract?", "contract"),
        ("Who helps us with the onboarding?", "onboarding"),
        ("Is the repair covered by the warranty?", "warranty_repair"),
        ("I am very happy with the excellent service.", "feedback_praise"),
        ("Please call me back tomorrow.", "callback"),
    ],
)
def test_a_topic_is_told_by_one_clear_sentence(talk: Talk, said: str, key: str) -> None:
    assert key in keys(talk("A: Hello.", f"C: {said}"))


def test_an_agents_politeness_is_no_topic(talk: Talk) -> None:
    call = talk("A: Good morning, how may I help you?", "C: Hello.", "A: Thank you so much, bye.")

    assert keys(call) == []


def test_a_share_is_of_the_time_with_words(talk: Talk) -> None:
    call = talk("C: When do I get my refund?", "A: Hm.", "A: ", "C: Okay.")

    (row,) = topics.judge(Case(transcript=call)).result["topics"]

    assert row == {"key": "refund", "label": "Refund", "share": pytest.approx(1 / 3, abs=1e-4)}


def test_what_no_group_covers_is_named_by_its_own_words(talk: Talk) -> None:
    call = talk(
        "C: The orchid is dying.", "A: How old is the orchid?", "C: My orchid is ten, like Maria."
    )

    assert keys(call) == ["term_orchid"]


def test_grievances_that_go_on_are_a_topic(talk: Talk) -> None:
    once = talk("C: Nobody rang me.", "A: We open at nine.", "C: Fine.", "A: Good.", "C: Bye.")
    often = talk(
        "C: Nobody rang me back, and this is the third time.",
        "A: I see.",
        "C: I have been waiting for weeks, it is a disgrace.",
    )

    assert "complaint" not in keys(once)
    assert "complaint" in keys(often)


def test_an_agents_price_is_a_topic_where_something_is_sold(talk: Talk) -> None:
    price = "A: That would be forty pounds a month."

    assert keys(talk("C: I saw your advertisement.", price)) == ["pricing"]
    assert "pricing" not in keys(
        talk("C: My bill is wrong, I want a refund.", price, "A: I'm sorry, it was charged twice.")
    )


def test_a_promised_call_is_a_topic_at_the_end_of_a_talk(talk: Talk) -> None:
    promise, other = "A: The manager will ring you by five.", "C: Well."

    assert "callback" in keys(talk(other, other, other, promise))
    assert "callback" not in keys(talk(promise, other, other, other))


def test_a_passing_word_is_no_topic_beside_what_the_talk_is_about(talk: Talk) -> None:
    call = talk(
        "C: I am locked out, my password does not work.",
        "A: I will reset your password.",
        "C: I still cannot log in, the login says my account is locked.",
        "A: I have unlocked your account, log in with the new password.",
        "C: It works. Is the blue one in stock?",
    )

    assert keys(call)[0] == "account_access"
    assert "availability" not in keys(call)


def step_rows(transcript: Transcript) -> list[tuple[str, str, str]]:
    rows = steps.judge(Case(transcript=transcript)).result["next_steps"]
    return [(row["owner"], row["text"], row["due"]) for row in rows]


def test_promises_have_an_owner_and_a_time_as_spoken(talk: Talk) -> None:
    call = talk(
        "A: I'll send you the brochure by Friday.",
        "C: I will pay the deposit tomorrow.",
        "A: Please upload your documents.",
        "A: Let me check that for you.",
        "A: I will put you on hold for a moment.",
        "C: Will you call me?",
        "A: मैं आपको कल कॉल करूंगा।",
    )

    assert step_rows(call) == [
        ("agent", "I'll send you the brochure by Friday.", "by Friday"),
        ("customer", "I will pay the deposit tomorrow.", "tomorrow"),
        ("customer", "Please upload your documents.", ""),
        ("agent", "मैं आपको कल कॉल करूंगा।", "कल"),
    ]


@pytest.mark.parametrize(
    ("lines", "disposition", "resolved"),
    [
        (("C: Okay, I'll take it.",), "sale", None),
        (("A: Your appointment is confirmed for Monday.",), "appointment_booked", None),
        (("C: I am not interested.",), "not_interested", None),
        (("C: You have the wrong number.",), "wrong_number", None),
        (("C: It is not working.", "A: Try now.", "C: It is working now."), "resolved", True),
        (("A: Try now.", "C: Hm.", "C: It is still not working."), "unresolved", False),
        (("A: I'll call you back tomorrow.",), "callback", None),
        (("C: Where is your office?", "A: In Main Street."), "information", None),
    ],
)
def test_an_outcome_follows_from_what_was_said(
    talk: Talk, lines: tuple[str, ...], disposition: str, resolved: bool | None
) -> None:
    result = outcome.judge(Case(transcript=talk(*lines))).result

    assert (result["disposition"], result["resolved"]) == (disposition, resolved)
    assert result["callback"] is (disposition == "callback")


def met(transcript: Transcript) -> dict[str, bool | None]:
    rows = compliance.judge(Case(transcript=transcript)).result["compliance"]
    return {row["rule"]: row["met"] for row in rows}


def test_an_agent_is_held_to_the_rules_that_apply(talk: Talk) -> None:
    good = talk(
        "A: Good morning, this call is recorded. Am I speaking with Mr. Rao?",
        "C: Yes, it is about my order.",
        "A: It arrives today. Have a nice day.",
    )
    poor = talk("A: What?", "C: It is about my order.", "A: It is late.")

    assert met(good) == dict.fromkeys(compliance.LABELS, True)
    assert met(poor) == dict.fromkeys(compliance.LABELS, False)


def test_a_rule_that_does_not_apply_or_was_not_heard_is_null(talk: Talk) -> None:
    assert met(talk("A: What?", "C: Where is your shop?"))["identity_check"] is None
    assert met(talk("C: Hello?", "U: Hello.")) == dict.fromkeys(compliance.LABELS, None)
    assert met(talk("A: ", "C: Hello."))["greeting"] is None


def profile(transcript: Transcript) -> dict[str, Any]:
    rows = lead.judge(Case(transcript=transcript)).result["fields"]
    return {row["field"]: row["value"] for row in rows}


def test_a_lead_is_what_the_customer_tells(talk: Talk) -> None:
    call = talk(
        "A: This is Asha from Green Homes, I live in Delhi.",
        "C: Hi, my name is Ravi Kumar, I live in Pune.",
        "C: I am the owner and we have about fifty employees.",
        "C: I am looking for a three bedroom flat, my budget is 90 lakh rupees.",
        "C: We plan to buy by March.",
    )

    assert profile(call) == {
        "name": "Ravi Kumar",
        "location": "Pune",
        "role": "owner",
        "company_size": "about fifty employees",
        "need": "a three bedroom flat",
        "budget": "90 lakh rupees",
        "timeline": "by March",
    }


def test_no_name_is_made_up(talk: Talk) -> None:
    assert profile(talk("C: Hi, I am Sorry to call so late.", "C: I'm Looking around.")) == {}
