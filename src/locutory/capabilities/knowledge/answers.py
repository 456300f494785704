"""Answering a question from what was said, or by counting, or not at all."""

import re
from collections.abc import Sequence
from dataclasses import replace

from locutory.capabilities.knowledge import prompts, quoting, service
from locutory.capabilities.knowledge.claims import closest_sentence, supporting_line
from locutory.capabilities.knowledge.contract import (
    EXTRACTIVE,
    Aggregate,
    Aggregator,
    ChatAnswer,
    Citation,
    Hit,
    Intent,
    Line,
    Place,
)
from locutory.capabilities.knowledge.intents import intent_of
from locutory.capabilities.knowledge.service import Knowledge
from locutory.capabilities.knowledge.terms import content_words
from locutory.engines.llm.base import LLM
from locutory.kernel.errors import EngineError

_NOTHING_FOUND = "Nothing in the conversations that you may see answers this."
_NOTHING_PROVEN = "No sentence of the model's answer is supported by the conversations."
_NAME_A_TOPIC = "Say which conversation or which topic to summarise."
_NO_COUNTING = (
    "This asks for a count. Counts are made from all rows, never from a few passages, and this"
    " question is not one that can be counted here."
)
_MARKER = re.compile(r"\s*\[\d+(?:\s*,\s*\d+)*\]")


async def ask(
    knowledge: Knowledge,
    places: Sequence[Place],
    question: str,
    *,
    aggregator: Aggregator | None = None,
) -> ChatAnswer:
    """Answer one question that stands alone. Raises what the embedder raises."""
    counted = None if aggregator is None else await aggregator(question)
    if counted is not None:
        return _counted(counted)
    intent = intent_of(question)
    if intent is Intent.AGGREGATE:
        return _unanswered(intent, _NO_COUNTING, engine="none")
    about = bool(content_words(question))
    if about:
        found = await service.search_places(knowledge, places, question)
        hits = quoting.supported(question, found.hits)
    elif intent is Intent.SUMMARISE and all(p.narrowing.source_ids for p in places):
        hits = await service.opening(places)
    else:
        return _unanswered(intent, _NAME_A_TOPIC if intent is Intent.SUMMARISE else _NOTHING_FOUND)
    if not hits:
        return _unanswered(intent, _NOTHING_FOUND)
    if knowledge.llm is None:
        return _quoted(question, intent, hits)
    try:
        return await _worded(knowledge.llm, question, intent, hits)
    except (EngineError, ValueError):
        return _quoted(question, intent, hits, degraded=True)


def _counted(counted: Aggregate) -> ChatAnswer:
    return ChatAnswer(
        sentences=(counted.text,),
        answered=True,
        intent=Intent.AGGREGATE,
        citations=(),
        engine=counted.engine,
        data=counted.data,
        filter=counted.filter,
    )


def _unanswered(intent: Intent, why: str, *, engine: str = EXTRACTIVE) -> ChatAnswer:
    return ChatAnswer(sentences=(why,), answered=False, intent=intent, citations=(), engine=engine)


def _quoted(
    question: str, intent: Intent, hits: Sequence[Hit], *, degraded: bool = False
) -> ChatAnswer:
    choose = quoting.summary if intent is Intent.SUMMARISE else quoting.answer
    citations = tuple(
        _citation(n, quote.hit, quote.line, quote.text)
        for n, quote in enumerate(choose(question, hits), start=1)
    )
    return ChatAnswer(
        sentences=tuple(f"{citation.quote} [{citation.n}]" for citation in citations),
        answered=True,
        intent=intent,
        citations=citations,
        engine=EXTRACTIVE,
        degraded=degraded,
    )


async def _worded(llm: LLM, question: str, intent: Intent, hits: Sequence[Hit]) -> ChatAnswer:
    """A model's answer without its unsupported sentences.

    Raises EngineError when it does not answer and ValueError when its answer has no shape.
    """
    reply = await llm.complete(prompts.request(question, intent, hits))
    numbers: dict[Citation, int] = {}
    sentences: list[str] = []
    for text, passages in prompts.parse(reply.text):
        claim = _MARKER.sub("", text)
        proofs = [proof for n in passages if (proof := _proof(claim, n, hits)) is not None]
        marks = dict.fromkeys(numbers.setdefault(proof, len(numbers) + 1) for proof in proofs)
        if marks:
            sentences.append(f"{claim} {''.join(f'[{n}]' for n in marks)}")
    if not sentences:
        why = _NOTHING_PROVEN if prompts.parse(reply.text) else _NOTHING_FOUND
        return _unanswered(intent, why, engine=reply.engine)
    return ChatAnswer(
        sentences=tuple(sentences),
        answered=True,
        intent=intent,
        citations=tuple(replace(citation, n=n) for citation, n in numbers.items()),
        engine=reply.engine,
    )


def _proof(claim: str, passage: int, hits: Sequence[Hit]) -> Citation | None:
    """What of a passage supports a claim, not numbered yet."""
    if not 1 <= passage <= len(hits):
        return None
    hit = hits[passage - 1]
    line = supporting_line(claim, hit.lines)
    return None if line is None else _citation(0, hit, line, closest_sentence(claim, line.text))


def _citation(n: int, hit: Hit, line: Line, quote: str) -> Citation:
    return Citation(
        n=n,
        place=hit.place,
        source_id=hit.source_id,
        turn_idx=line.idx,
        start_ms=line.start_ms,
        quote=quote,
    )
