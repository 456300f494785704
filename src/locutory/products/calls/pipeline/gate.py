"""How far a transcript can be trusted (calls spec, 6.4)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from locutory.capabilities.interactions.contract import Transcript, Turn
from locutory.products.calls.pipeline.intervals import Interval, intersection, length, union
from locutory.products.calls.pipeline.lexicon import count_words, tokens

LOW_ASR_QUALITY = 0.5
_FLAGS = ("repeat", "no_speech_under", "rate", "low_conf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a turn is suspect. The spec leaves `confidence` open: ours."""

    repeats: int = 4
    speech_share: float = 0.2
    words_per_s: tuple[float, float] = (0.5, 6.0)
    confidence: float = 0.5


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """A transcript with its flags. `asr_quality` is 0-1, None where there are no words."""

    transcript: Transcript
    asr_quality: float | None

    @property
    def low(self) -> bool:
        """Whether the call's scores stay out of leaderboards."""
        return self.asr_quality is not None and self.asr_quality < LOW_ASR_QUALITY

    def as_dict(self) -> dict[str, float | dict[str, int] | None]:
        """The quality and how many turns carry each flag, ready for JSON."""
        counts = Counter(flag for turn in self.transcript.turns for flag in turn.flags)
        return {"asr_quality": self.asr_quality, "flagged": dict(sorted(counts.items()))}


def inspect(
    transcript: Transcript,
    speech: Mapping[int | None, Sequence[Interval]] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Gated:
    """Return the transcript with suspect turns flagged, and its quality.

    Args:
        transcript: Flags of earlier steps ("bleed") are kept, the gate's own made anew.
        speech: Where the voice activity detector heard speech, by channel; under None that of the
            whole recording, which also serves channels that have no entry. None if it did not run.
        limits: When a turn is suspect.
    """
    heard = {channel: union(spans) for channel, spans in (speech or {}).items()}
    turns = tuple(
        replace(turn, flags=(*_foreign(turn), *_flags(turn, _of(heard, turn.channel), limits)))
        for turn in transcript.turns
    )
    return Gated(transcript=replace(transcript, turns=turns), asr_quality=asr_quality(turns))


def asr_quality(turns: Sequence[Turn]) -> float | None:
    """Return the unflagged share of time with words, times the mean confidence weighted by time.

    An unknown confidence counts as 1. None without words; copies from the other channel ("bleed")
    say nothing about the engine and are left out.
    """
    worded = [turn for turn in turns if turn.text and "bleed" not in turn.flags]
    if not worded:
        return None
    total = sum(_length(turn) for turn in worded)
    if total == 0:
        return 0.0
    clean = sum(_length(turn) for turn in worded if not set(turn.flags) & set(_FLAGS))
    sure = sum(
        _length(turn) * (1.0 if turn.confidence is None else turn.confidence) for turn in worded
    )
    return clean / total * sure / total


def readable(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Return the turns that agents may read; people still see the others, greyed.

    Hidden is what repeats itself where nobody speaks, and what bled over from the other channel.
    `idx` stays, so that evidence points into the whole transcript.
    """
    invented = {"repeat", "no_speech_under"}
    return tuple(t for t in turns if "bleed" not in t.flags and not invented <= set(t.flags))


def _of(heard: Mapping[int | None, list[Interval]], channel: int | None) -> list[Interval] | None:
    return heard.get(channel, heard.get(None))


def _foreign(turn: Turn) -> tuple[str, ...]:
    return tuple(flag for flag in turn.flags if flag not in _FLAGS)


def _flags(turn: Turn, heard: Sequence[Interval] | None, limits: Limits) -> list[str]:
    """Return the gate's flags of a turn; one without words cannot be wrong about them."""
    if not turn.text:
        return []
    found = {
        "repeat": _repeats(turn.text) >= limits.repeats,
        "no_speech_under": heard is not None and _share(turn, heard) < limits.speech_share,
        "rate": _rate_is_odd(turn, limits),
        "low_conf": turn.confidence is not None and turn.confidence < limits.confidence,
    }
    return [flag for flag in _FLAGS if found[flag]]


def _repeats(text: str) -> int:
    """Return how often the most frequent run of three tokens occurs."""
    said = tokens(text)
    runs = Counter(zip(said, said[1:], said[2:], strict=False))
    return max(runs.values(), default=0)


def _share(turn: Turn, heard: Sequence[Interval]) -> float:
    spoken = length(intersection([(turn.start_ms, turn.end_ms)], heard))
    return spoken / _length(turn) if _length(turn) else 0.0


def _rate_is_odd(turn: Turn, limits: Limits) -> bool:
    words = count_words(turn.text)
    if words is None:
        return False
    slowest, fastest = limits.words_per_s
    seconds = _length(turn) / 1000
    return not slowest * seconds <= words <= fastest * seconds


def _length(turn: Turn) -> int:
    return turn.end_ms - turn.start_ms
