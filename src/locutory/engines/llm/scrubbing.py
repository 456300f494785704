"""Personal numbers and addresses stay here: a provider sees tokens, the reader sees the words.

`call 555-010-0199` goes out as `call ⟦PHONE_1⟧`; the token is put back in the answer, also where
it comes in several pieces of a stream. The finders are the kernel's, and patterns of the operator.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from locutory.engines.llm.base import LLM, End, Events, LLMReply, LLMRequest, Piece
from locutory.engines.llm.failures import PERSONAL
from locutory.engines.llm.streams import events_of
from locutory.kernel.errors import ContentRejected
from locutory.kernel.redact import personal_parts

_TOKEN: Final = re.compile(r"⟦[A-Z][A-Z_]*_\d+⟧")
_OPEN: Final = "⟦"
_CLOSE: Final = "⟧"
_LONGEST: Final = 32  # of a token; what stays open for longer is none

Part = tuple[int, int, str]


class Scrubber:
    """Finds what is personal; `patterns` are more kinds of it, by name."""

    def __init__(self, patterns: Mapping[str, str] | None = None) -> None:
        self._patterns = {name: re.compile(regex) for name, regex in (patterns or {}).items()}

    def parts(self, text: str) -> list[Part]:
        """Where something personal stands, in order, none overlapping; own patterns win."""
        own = [
            (match.start(), match.end(), kind)
            for kind, pattern in self._patterns.items()
            for match in pattern.finditer(text)
            if match.end() > match.start()
        ]
        taken: list[Part] = []
        for part in [*own, *personal_parts(text)]:
            if all(part[1] <= start or part[0] >= end for start, end, _ in taken):
                taken.append(part)
        return sorted(taken)


@dataclass(slots=True)
class Veil:
    """The tokens of one request, each for one text; they mean nothing in another."""

    scrubber: Scrubber
    written: str  # all that is sent: a token that stands there already is not used
    quoted: bool = False
    _tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was hidden."""
        return not self._texts

    def hide(self, text: str) -> str:
        """The text with tokens in place of what is personal."""
        pieces, at = [], 0
        for start, end, kind in self.scrubber.parts(text):
            pieces += [text[at:start], self._token(kind, text[start:end])]
            at = end
        return "".join([*pieces, text[at:]])

    def show(self, text: str) -> str:
        """The text with the words put back; within JSON as its strings want them."""
        return _TOKEN.sub(lambda match: self._text(match.group()), text)

    def _text(self, token: str) -> str:
        text = self._texts.get(token, token)
        return json.dumps(text, ensure_ascii=False)[1:-1] if self.quoted else text

    def _token(self, kind: str, text: str) -> str:
        key = (kind, text)
        if key not in self._tokens:
            number = 1 + sum(1 for known, _ in self._tokens if known == kind)
            while f"{_OPEN}{kind}_{number}{_CLOSE}" in self.written:
                number += 1000
            token = f"{_OPEN}{kind}_{number}{_CLOSE}"
            self._tokens[key], self._texts[token] = token, text
        return self._tokens[key]


class Unveiling:
    """Puts words back into a text that comes in pieces; holds back a token that is still open."""

    def __init__(self, veil: Veil) -> None:
        self._veil, self._held = veil, ""

    def take(self, piece: str) -> str:
        """What can be shown now."""
        text = self._held + piece
        opened = text.rfind(_OPEN)
        whole = opened < 0 or _CLOSE in text[opened:] or len(text) - opened > _LONGEST
        ready, self._held = (text, "") if whole else (text[:opened], text[opened:])
        return self._veil.show(ready)

    def rest(self) -> str:
        """What was held back to the end."""
        held, self._held = self._held, ""
        return held


class ScrubbedLLM:
    """A model that is told nothing personal; with `block` it is not asked where there is any."""

    def __init__(self, llm: LLM, scrubber: Scrubber, *, block: bool = False) -> None:
        self._llm, self._scrubber, self._block = llm, scrubber, block

    @property
    def name(self) -> str:
        return self._llm.name

    @property
    def model(self) -> str:
        return self._llm.model

    async def complete(self, request: LLMRequest) -> LLMReply:
        """As the model, with the words put back. Raises ContentRejected where they block."""
        veil, hidden = self._veiled(request)
        reply = await self._llm.complete(hidden)
        return replace(reply, text=veil.show(reply.text))

    async def stream(self, request: LLMRequest) -> Events:
        """As `complete`, in pieces."""
        veil, hidden = self._veiled(request)
        unveiling = Unveiling(veil)
        async with aclosing(events_of(self._llm, hidden)) as events:
            async for event in events:
                shown = ""
                if isinstance(event, Piece):
                    shown = unveiling.take(event.text)
                elif isinstance(event, End):
                    shown = unveiling.rest()
                if shown:
                    yield Piece(shown)
                if isinstance(event, End):
                    yield End(replace(event.reply, text=veil.show(event.reply.text)))

    def _veiled(self, request: LLMRequest) -> tuple[Veil, LLMRequest]:
        said: Sequence[str] = [turn.text for turn in request.history]
        written = "\n".join([request.system, *said, request.user])
        veil = Veil(self._scrubber, written, quoted=request.schema is not None)
        history = tuple(replace(turn, text=veil.hide(turn.text)) for turn in request.history)
        hidden = replace(
            request,
            system=veil.hide(request.system),
            history=history,
            user=veil.hide(request.user),
        )
        if self._block and not veil.is_empty:
            raise ContentRejected("it is not told personal data", engine=self.name, code=PERSONAL)
        return veil, hidden
