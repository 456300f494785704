from collections.abc import Callable

import pytest

from locutory.capabilities.analysis.evidence import check, unsupported_names, verify
from locutory.capabilities.interactions.contract import Transcript


@pytest.mark.parametrize(
    ("turns", "quote"),
    [
        ((3,), "My budget is around fifty lakh rupees"),
        ((3,), "my BUDGET is around 50 lakh rupees!"),
        ((3,), "budget is around 5,000,000 rupees"),
        ((1,), "2 bedroom flat"),
        ((2, 3), "what budget you have in mind? My budget is around fifty lakh"),
        ((5,), "My budget is around fifty lakh rupees, not more than that."),
        ((7,), "We are planning to move in by March, the old house is terrible, noisy"),
        ((7,), "We are planing to move in by March, the old house is terrible"),
        ((1,), "I am looking for the two bedroom flat near metro station"),
    ],
)
def test_what_was_said_is_verified(
    sales_call: Transcript, turns: tuple[int, ...], quote: str
) -> None:
    assert check(sales_call, turns, quote).verified


@pytest.mark.parametrize(
    ("turns", "quote"),
    [
        ((3,), "My budget is around sixty lakh rupees, not more than that."),
        ((3,), "My budget is around fifty lakh rupees, more than that."),
        ((9999,), "My budget is around fifty lakh rupees"),
        ((3, 9999), "My budget is around fifty lakh rupees"),
        ((-1,), "Have a nice day"),
        ((8,), "My budget is around fifty lakh rupees, not more than that."),
        ((), "Good morning"),
        ((0,), ""),
        ((0,), "..."),
        ((3,), "I can pay one crore tomorrow"),
        ((7,), "We are planning to move in by April, the old house is terrible and noisy"),
        ((1,), "I am looking for a two bedroom villa near the metro station"),
        ((9,), "great product"),
    ],
)
def test_a_false_quote_or_citation_is_not(
    sales_call: Transcript, turns: tuple[int, ...], quote: str
) -> None:
    assert not check(sales_call, turns, quote).verified


def test_hindi_numbers_in_words_match_figures(talk: Callable[..., Transcript]) -> None:
    transcript = talk("C: मेरा बजट दो लाख है", language="hi")

    assert check(transcript, (0,), "मेरा बजट 2 लाख है").verified
    assert not check(transcript, (0,), "मेरा बजट 3 लाख है").verified


def test_planted_false_quotes_are_caught_and_true_ones_are_not(sales_call: Transcript) -> None:
    texts = [turn.text.split() for turn in sales_call.turns]
    true = [(n, " ".join(t[:6])) for n, t in enumerate(texts)]
    false = [
        (n, " ".join([*texts[n][:3], *texts[(n + 4) % len(texts)][-3:]])) for n in range(len(texts))
    ]

    assert all(check(sales_call, (n,), quote).verified for n, quote in true)
    assert not any(check(sales_call, (n,), quote).verified for n, quote in false)


def test_a_result_is_walked_by_its_schema(sales_call: Transcript) -> None:
    schema = {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "items": {"type": "object", "properties": {"proof": {"type": "evidence"}}},
            },
            "note": {"type": "string"},
        },
    }
    result = {
        "items": [
            {"proof": {"segments": [0], "quote": "Good morning"}},
            {"proof": {"segments": [0], "quote": "Good night"}},
        ],
        "note": "x",
    }

    checked = verify(result, schema, sales_call)

    assert [item["proof"]["verified"] for item in checked.result["items"]] == [True, False]
    assert checked.unsupported == ("items[1].proof",)
    assert checked.evidence_ok is False
    assert "verified" not in result["items"][0]["proof"]  # type: ignore[index]


def test_names_and_figures_that_nobody_mentioned_are_listed() -> None:
    known = frozenset(["asha", "sent", "the", "brochure", "50"])

    assert unsupported_names("Asha sent the brochure to Rahul for 60.", known) == ["60", "Rahul"]
    assert unsupported_names("Then Asha sent fifty.", known) == []
