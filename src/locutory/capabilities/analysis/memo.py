"""Finished results of this process, so that judging the same again costs next to nothing.

The answers of models are kept in the database. Behind such an answer stand still a rendered prompt
and a checked quote for each evidence; here stands what came of them, for a quarter of an hour.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from locutory.capabilities.analysis.contract import AgentResult, AgentSpec
from locutory.capabilities.interactions.contract import Transcript
from locutory.kernel.provenance import Source

_KEPT_S = 900.0
_CAPACITY = 512


@dataclass(frozen=True, slots=True)
class _Kept:
    until_s: float
    result: bytes  # as JSON, so that nobody changes what others get
    rest: AgentResult


@dataclass(slots=True)
class Memo:
    """The youngest results by everything that they follow from. Holds what models answered only."""

    clock: Callable[[], float] = time.monotonic
    _kept: OrderedDict[bytes, _Kept] = field(default_factory=OrderedDict)

    def find(self, key: bytes) -> AgentResult | None:
        """The result, as one that cost nothing; None when absent or too old."""
        kept = self._kept.get(key)
        if kept is None or kept.rest.provenance is None:
            return None
        if kept.until_s <= self.clock():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return replace(
            kept.rest,
            result=orjson.loads(kept.result),
            provenance=replace(kept.rest.provenance, source=Source.CACHE),
            tokens_in=0,
            tokens_out=0,
            cost_micros=None,
            latency_ms=0,
        )

    def keep(self, key: bytes, result: AgentResult) -> None:
        """Keep a model's whole answer; what is degraded or absent may be better another time."""
        source = result.provenance
        if source is None or source.degraded or source.source not in (Source.LLM, Source.CACHE):
            return
        until_s = self.clock() + _KEPT_S
        rest = replace(result, result=None, trace=None)
        self._kept[key] = _Kept(until_s, orjson.dumps(result.result), rest)
        self._kept.move_to_end(key)
        if len(self._kept) > _CAPACITY:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget everything, as an erasure asks."""
        self._kept.clear()


def content_of(transcript: Transcript, variables: Mapping[str, Any]) -> bytes:
    """A hash of what all agents of a run look at."""
    return hashlib.sha256(_canonical([transcript, dict(variables)])).digest()


def memo_key(content: bytes, spec: AgentSpec, parents: Mapping[str, Any], engine: str) -> bytes:
    """A hash of everything that a result follows from."""
    return hashlib.sha256(content + _canonical([spec, dict(parents), engine])).digest()


def _canonical(value: Any) -> bytes:
    try:
        return orjson.dumps(
            value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str
        )
    except TypeError:  # half a surrogate pair, or a number beyond 64 bits
        return repr(value).encode(errors="surrogatepass")
