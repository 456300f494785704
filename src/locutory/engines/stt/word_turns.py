"""Words given to the voices that were heard, for engines that do not tell speakers apart."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, groupby

from locutory.engines.stt.base import Segment, Word
from locutory.engines.stt.sidecar_json import Entry


class Turns:
    """The turns of a recording, asked who speaks at a time."""

    def __init__(self, turns: Sequence[Segment]) -> None:
        """`turns` must not be empty."""
        self._turns = sorted(turns, key=lambda t: (t.start_ms, t.end_ms))
        self._starts = [turn.start_ms for turn in self._turns]
        self._ends = list(accumulate((turn.end_ms for turn in self._turns), max))

    def speaker_at(self, start_ms: int, end_ms: int) -> str:
        """Whose turns share most of the time; in a pause, whose turn is nearest."""
        low = bisect_right(self._ends, start_ms)
        high = bisect_left(self._starts, max(end_ms, start_ms + 1))
        if low < high:
            best = max(
                self._turns[low:high],
                key=lambda t: min(t.end_ms, end_ms) - max(t.start_ms, start_ms),
            )
        else:
            near = self._turns[max(0, low - 1) : low + 1]
            best = min(near, key=lambda t: max(t.start_ms - end_ms, start_ms - t.end_ms))
        return best.speaker_label


def by_turns(entries: Sequence[Entry], turns: Sequence[Segment]) -> tuple[tuple[Entry, ...], bool]:
    """The same words, each under the name of who spoke then (calls spec, 6.3.4).

    An entry is divided where the speaker changes. The flag says that one was divided whose words
    have no times of their own: they were taken to be spread evenly over it.
    """
    heard, result, estimated = Turns(turns), [], False
    for entry in entries:
        words = entry.words or tuple(_spread(entry))
        runs = [
            (speaker, tuple(run))
            for speaker, run in groupby(words, lambda w: heard.speaker_at(w.start_ms, w.end_ms))
        ]
        if len(runs) == 1:
            result.append(replace(entry, speaker=runs[0][0]))
            continue
        estimated |= len(runs) > 1 and not entry.words
        glue = " " if len(entry.text.split()) > 1 else ""
        result += [
            Entry(
                text=glue.join(word.text for word in said),
                start_ms=said[0].start_ms,
                end_ms=max(word.end_ms for word in said),
                speaker=speaker,
                confidence=entry.confidence,
                words=said if entry.words else (),
            )
            for speaker, said in runs
        ]
    return tuple(result), estimated


def _spread(entry: Entry) -> Iterator[Word]:
    if entry.start_ms is None or entry.end_ms is None:
        return
    words, length = entry.text.split(), entry.end_ms - entry.start_ms
    for n, said in enumerate(words):
        start = entry.start_ms + length * n // len(words)
        end = entry.start_ms + length * (n + 1) // len(words)
        yield Word(text=said, start_ms=start, end_ms=end)
