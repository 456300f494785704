import pytest

from locutory.capabilities.knowledge.claims import closest_sentence, supporting_line
from locutory.capabilities.knowledge.contract import Line

LINES = tuple(
    Line(idx=n, start_ms=n * 1_000, role="agent", text=text)
    for n, text in enumerate(
        [
            "Good morning.",
            "The villa in Palm Residency costs forty five lakh rupees.",
            "Can I pay in two parts?",
            "Yes, but the second part is not refundable after June.",
            "Is parking included?",
            "No. Parking is extra.",
        ]
    )
)


@pytest.mark.parametrize(
    ("claim", "idx"),
    [
        ("The villa in Palm Residency costs 45 lakh rupees.", 1),
        ("the villa, in palm residency, costs FORTY FIVE LAKH rupees", 1),
        ("The customer was told that the Palm Residency villa costs 45 lakh.", 1),
        ("The second part is not refundable after June.", 3),
    ],
)
def test_a_claim_that_was_said_is_supported(claim: str, idx: int) -> None:
    line = supporting_line(claim, LINES)

    assert line is not None
    assert line.idx == idx


@pytest.mark.parametrize(
    "claim",
    [
        "The villa in Palm Residency costs 54 lakh rupees.",
        "The villa in Palm Residency costs forty five thousand rupees.",
        "The second part is refundable after June.",
        "The villa in Palm Residency does not cost 45 lakh rupees.",
        "The villa in Palm Residency is haunted and overpriced.",
        "Yes.",
        "",
    ],
)
def test_a_claim_that_was_not_said_is_not(claim: str) -> None:
    assert supporting_line(claim, LINES) is None


def test_no_lines_support_nothing() -> None:
    assert supporting_line("The villa costs 45 lakh.", ()) is None


def test_the_closest_sentence_is_verbatim() -> None:
    text = "Sure, one moment. The villa costs forty five lakh! Anything else?"

    assert closest_sentence("villa cost", text) == "The villa costs forty five lakh!"
