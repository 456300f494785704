"""The shared words: a transcript and its turns, evidence in it, scores on it."""

from dataclasses import dataclass
from enum import StrEnum

from locutory.kernel.provenance import Provenance


class Role(StrEnum):
    """Who speaks."""

    AGENT = "agent"
    CUSTOMER = "customer"
    IVR = "ivr"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A stretch of one speaker's speech.

    Times are whole milliseconds from the start, half-open. `text` is "" where nobody knows the
    words. `speaker` is the engine's label before a role was given ("left", "S1"). `flags` come
    from the quality gate ("repeat", "rate", "low_conf", "no_speech_under", "bleed").
    """

    idx: int
    role: Role
    text: str
    start_ms: int
    end_ms: int
    speaker: str = ""
    channel: int | None = None
    role_confidence: float | None = None
    confidence: float | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was said, by whom and when. `turns` are sorted by start; `idx` counts from 0."""

    turns: tuple[Turn, ...]
    duration_ms: int
    provenance: Provenance
    language: str | None = None

    @property
    def has_words(self) -> bool:
        """Whether any turn carries text."""
        return any(turn.text for turn in self.turns)

    def plain(self) -> str:
        """The words alone, a line a turn."""
        return "\n".join(turn.text for turn in self.turns if turn.text)

    def numbered(self) -> str:
        """Lines such as `[#12 03:41 AGENT] text`, as agents' prompts see them."""
        return "\n".join(
            f"[#{t.idx} {t.start_ms // 60_000:02d}:{t.start_ms // 1000 % 60:02d} "
            f"{t.role.upper()}] {t.text}"
            for t in self.turns
            if t.text
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The turns and the quoted words behind a judgement.

    `verified` is True only when the server found the quote in those turns (calls seed, 8.3).
    """

    turns: tuple[int, ...]
    quote: str
    verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A judged quantity. `value` is None where it could not be judged; never 0 instead."""

    metric: str
    value: float | None
    band: str | None
    provenance: Provenance
    evidence: tuple[Evidence, ...] = ()
