from collections.abc import Callable

import pytest

from locutory.capabilities.interactions.contract import Role, Transcript, Turn
from locutory.kernel.provenance import Provenance, Source

Talk = Callable[..., Transcript]

SALES_CALL = (
    "A: Good morning, thank you for calling Green Homes, this is Asha.",
    "C: Hi, I am looking for a two bedroom flat near the metro station.",
    "A: Sure. May I know what budget you have in mind?",
    "C: My budget is around fifty lakh rupees, not more than that.",
    "A: Okay. And who will take the final decision?",
    "C: I will have to ask my wife before we say yes.",
    "A: Of course. When are you planning to move in?",
    "C: We are planning to move in by March, the old house is terrible and noisy.",
    "A: I'll send you the brochure and call you on Monday.",
    "C: Thank you, that was really helpful, great service.",
    "A: Is there anything else? Have a nice day.",
)


def transcript_of(*lines: str, turn_ms: int = 5000, language: str | None = "en") -> Transcript:
    """Lines such as `A: text` (agent), `C:` (customer), `U:` (unknown) and `I:` (a menu)."""
    roles = {"A": Role.AGENT, "C": Role.CUSTOMER, "U": Role.UNKNOWN, "I": Role.IVR}
    turns = tuple(
        Turn(
            idx=n,
            role=roles[line[0]],
            text=line[3:],
            start_ms=n * turn_ms,
            end_ms=(n + 1) * turn_ms,
        )
        for n, line in enumerate(lines)
    )
    return Transcript(
        turns=turns,
        duration_ms=len(turns) * turn_ms,
        provenance=Provenance(source=Source.SIDECAR, engine="sidecar"),
        language=language,
    )


@pytest.fixture
def talk() -> Talk:
    return transcript_of


@pytest.fixture
def sales_call() -> Transcript:
    return transcript_of(*SALES_CALL)


@pytest.fixture(scope="session")
def make_talk() -> Talk:
    """For property tests, whose examples share their fixtures."""
    return transcript_of
