"""Cutting a transcript into chunks: consecutive turns, 220 tokens at most (calls seed, 9)."""

import math
from collections.abc import Iterator, Sequence

from locutory.capabilities.interactions.contract import Turn
from locutory.capabilities.knowledge.contract import Line
from locutory.kernel.words import sentences, words

MOST_TOKENS = 220

# Models' tokenisers make about four tokens of three words; close enough to size a chunk.
_WORDS_PER_TOKEN = 0.75


def token_count(text: str) -> int:
    """The estimated tokens of a text: its words divided by 0.75, rounded up."""
    return math.ceil(len(words(text)) / _WORDS_PER_TOKEN)


def cut(turns: Sequence[Turn], *, most_tokens: int = MOST_TOKENS) -> list[tuple[Line, ...]]:
    """Chunks of consecutive lines, each beginning with the line that ended the one before.

    A turn without words is left out. A turn longer than a chunk is split at sentence ends, a
    sentence longer than a chunk between words. The overlap is dropped where it would not fit.
    """
    chunks: list[tuple[Line, ...]] = []
    current: list[Line] = []
    size = 0
    for line in (line for turn in turns for line in _lines(turn, most_tokens)):
        tokens = token_count(line.text)
        if current and size + tokens > most_tokens:
            chunks.append(tuple(current))
            overlap = token_count(current[-1].text)
            current = current[-1:] if overlap + tokens <= most_tokens else []
            size = overlap if current else 0
        current.append(line)
        size += tokens
    if current:
        chunks.append(tuple(current))
    return chunks


def written(text: str, *, most_tokens: int = MOST_TOKENS) -> list[tuple[Line, ...]]:
    """Chunks of a text that nobody said: a line each, `idx` -1, without a role."""
    return [
        (Line(idx=-1, start_ms=0, role="", text=piece),)
        for piece in _pieces(text.strip(), most_tokens)
        if words(piece)
    ]


def _lines(turn: Turn, most_tokens: int) -> Iterator[Line]:
    """The turn as lines; a later piece's start is its share of the turn by letters."""
    text = turn.text.strip()
    if not words(text):
        return
    at = 0
    for piece in _pieces(text, most_tokens):
        at = max(at, text.find(piece, at))
        said_before = (turn.end_ms - turn.start_ms) * at // len(text)
        start_ms = turn.start_ms + said_before
        yield Line(idx=turn.idx, start_ms=start_ms, role=str(turn.role), text=piece)
        at += len(piece)


def _pieces(text: str, most_tokens: int) -> list[str]:
    if token_count(text) <= most_tokens:
        return [text]
    pieces: list[str] = []
    for sentence in (part for s in sentences(text) for part in _short(s, most_tokens)):
        joined = f"{pieces[-1]} {sentence}" if pieces else sentence
        if pieces and token_count(joined) <= most_tokens:
            pieces[-1] = joined
        else:
            pieces.append(sentence)
    return pieces


def _short(sentence: str, most_tokens: int) -> list[str]:
    """The sentence, halved at the space nearest to its middle until each part fits."""
    if token_count(sentence) <= most_tokens or len(sentence) < 2:
        return [sentence]
    middle = len(sentence) // 2
    spaces = [place for place, letter in enumerate(sentence) if letter.isspace()]
    cut_at = min(spaces, key=lambda place: abs(place - middle), default=middle)
    halves = sentence[:cut_at].strip(), sentence[cut_at:].strip()
    return [part for half in halves if words(half) for part in _short(half, most_tokens)]
