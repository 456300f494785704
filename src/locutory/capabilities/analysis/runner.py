"""Runs a call's agents: in parallel where they can be, each answer checked or said to be absent."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from locutory.capabilities.analysis.answers import expanded, parse_answer, repair_prompt
from locutory.capabilities.analysis.cache import SingleFlight, cache_key
from locutory.capabilities.analysis.contract import (
    RULES_ENGINE,
    AgentKind,
    AgentResult,
    AgentSpec,
    Cache,
    CachedAnswer,
    Case,
    Finisher,
    OnFailure,
    Rule,
)
from locutory.capabilities.analysis.dag import in_order
from locutory.capabilities.analysis.evidence import verify
from locutory.capabilities.analysis.prompts import DATA_RULE, prompt_variables, render
from locutory.capabilities.interactions.contract import Transcript
from locutory.engines.llm.base import LLM, LLMReply, LLMRequest
from locutory.kernel.errors import EngineError, InvalidError, InvalidOutput
from locutory.kernel.provenance import Provenance, Source
from locutory.kernel.redact import Redactor

_LATIN_CHARS_PER_TOKEN = 3.0
_OTHER_CHARS_PER_TOKEN = 1.5
_WINDOW_RESERVE = 0.1


@dataclass(frozen=True, slots=True)
class _Asked:
    """A parsed answer and what it cost this caller; a cached one cost nothing."""

    answer: CachedAnswer
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int | None = None


@dataclass(slots=True, kw_only=True)
class AgentRunner:
    """The engines that agents run on; one is shared by all calls, so that flights are single.

    Args:
        llm: None where no model is configured; rules then answer without being degraded.
        rules: by agent key, what answers in place of a model, and what rule agents are.
        finishers: by agent key, what turns a model's answer into the agent's final shape.
        cache: answers of earlier runs.
        context_tokens: the model's window; a longer prompt is not sent.
    """

    llm: LLM | None
    rules: Mapping[str, Rule]
    finishers: Mapping[str, Finisher] = field(default_factory=dict)
    cache: Cache | None = None
    context_tokens: int | None = None
    _flights: SingleFlight[_Asked] = field(default_factory=SingleFlight, init=False)

    async def run(
        self,
        transcript: Transcript,
        specs: Sequence[AgentSpec],
        *,
        tenant: str,
        variables: Mapping[str, Any] | None = None,
    ) -> list[AgentResult]:
        """One result per agent, in the order of `specs`; nothing is ever invented.

        Raises InvalidError when the agents cannot be ordered. An engine's failure is a result.
        """
        ordered = in_order(specs)
        given = variables or {}
        redacted = redacted_transcript(transcript)
        tasks: dict[str, asyncio.Task[AgentResult]] = {}
        async with asyncio.TaskGroup() as group:
            for spec in ordered:
                seen = redacted if spec.redact_input else transcript
                parents = {key: tasks[key] for key in spec.depends_on}
                tasks[spec.key] = group.create_task(self._after(parents, spec, seen, tenant, given))
        return [tasks[spec.key].result() for spec in specs]

    async def _after(
        self,
        parents: Mapping[str, asyncio.Task[AgentResult]],
        spec: AgentSpec,
        transcript: Transcript,
        tenant: str,
        variables: Mapping[str, Any],
    ) -> AgentResult:
        reason = _skip_reason(spec, transcript, variables)
        if reason:
            return _without_answer(spec, f"skipped: {reason}")
        results: dict[str, dict[str, Any]] = {}
        for key, task in parents.items():
            parent = await task
            if parent.result is None:
                return _without_answer(spec, f"skipped: parent {key}")
            results[key] = parent.result
        case = Case(transcript=transcript, variables=variables, parents=results)
        started = time.monotonic()
        result = await self._judge(spec, case, tenant)
        return replace(result, latency_ms=round(1000 * (time.monotonic() - started)))

    async def _judge(self, spec: AgentSpec, case: Case, tenant: str) -> AgentResult:
        if spec.kind is not AgentKind.LLM:
            return self._by_rule(spec, case)
        if self.llm is None:
            return self._by_rule(spec, case)
        try:
            asked, leads = await self._ask(self.llm, spec, case, tenant)
        except EngineError as error:
            return self._after_failure(spec, case, error)
        return self._finished(spec, case, asked, cached=not leads)

    def _after_failure(self, spec: AgentSpec, case: Case, error: EngineError) -> AgentResult:
        if spec.on_failure is OnFailure.SKIP:
            return _without_answer(spec, f"skipped: {error.error_code}")
        if spec.on_failure is OnFailure.FAIL or spec.key not in self.rules:
            return replace(_without_answer(spec, error.error_code), failure=error)
        ruled = self._by_rule(spec, case, degraded=True)
        return replace(ruled, error=error.error_code, failure=error)

    def _by_rule(self, spec: AgentSpec, case: Case, *, degraded: bool = False) -> AgentResult:
        rule = self.rules.get(spec.key)
        if rule is None:
            return _without_answer(spec, "skipped: no_engine")
        answer = rule(case)
        checked = verify(answer.result, _result_schema(spec), case.transcript)
        evidence = checked.evidence + answer.evidence
        source = Source.METRIC if spec.kind is AgentKind.METRIC else Source.RULES
        return AgentResult(
            key=spec.key,
            version=spec.version,
            result=checked.result,
            provenance=Provenance(
                source=source,
                engine=RULES_ENGINE,
                degraded=degraded,
                confidence=answer.confidence,
            ),
            evidence=evidence,
            evidence_ok=all(e.verified for e in evidence) if evidence else None,
            unsupported=checked.unsupported,
        )

    def _finished(self, spec: AgentSpec, case: Case, asked: _Asked, *, cached: bool) -> AgentResult:
        checked = verify(asked.answer.value, spec.output_schema, case.transcript)
        result, unsupported = checked.result, checked.unsupported
        if spec.key in self.finishers:
            finished = self.finishers[spec.key](result, case)
            result, unsupported = finished.result, unsupported + finished.unsupported
        has_evidence = bool(checked.evidence or unsupported)
        return AgentResult(
            key=spec.key,
            version=spec.version,
            result=result,
            provenance=Provenance(
                source=Source.CACHE if cached else Source.LLM, engine=asked.answer.engine
            ),
            evidence=checked.evidence,
            evidence_ok=not unsupported if has_evidence else None,
            unsupported=unsupported,
            tokens_in=0 if cached else asked.tokens_in,
            tokens_out=0 if cached else asked.tokens_out,
            cost_micros=None if cached else asked.cost_micros,
        )

    async def _ask(self, llm: LLM, spec: AgentSpec, case: Case, tenant: str) -> tuple[_Asked, bool]:
        """(answer, whether this caller paid for it). Raises EngineError."""
        try:
            request = agent_request(spec, case)
        except InvalidError as error:
            raise InvalidOutput(error.detail, engine=llm.name, code=error.error_code) from error
        self._fits(llm, request)
        if not spec.cache_enabled:
            return await _answer(llm, request, spec), True
        params = {"temperature": request.temperature, "max_tokens": request.max_tokens}
        key = cache_key(
            tenant,
            f"{llm.name}/{llm.model}",
            params,
            request.schema or {},
            request.system,
            request.user,
        )
        known = await self.cache.get(key) if self.cache else None
        if known is not None:
            return _Asked(known), False

        async def ask() -> _Asked:
            asked = await _answer(llm, request, spec)
            if self.cache:
                await self.cache.put(key, asked.answer)
            return asked

        return await self._flights.once(key, ask)

    def _fits(self, llm: LLM, request: LLMRequest) -> None:
        if self.context_tokens is None:
            return
        room = self.context_tokens * (1 - _WINDOW_RESERVE) - request.max_tokens
        if estimated_tokens(request.system + request.user) > room:
            raise InvalidOutput(
                "the transcript is longer than the model's window",
                engine=llm.name,
                code="LLM_INPUT_TOO_LONG",
            )


async def _answer(llm: LLM, request: LLMRequest, spec: AgentSpec) -> _Asked:
    """Ask, and once more with the faults when the answer does not fit."""
    first = await llm.complete(request)
    parsed = parse_answer(first.text, spec.output_schema)
    replies = [first]
    if parsed.value is None:
        repair = repair_prompt(request.user, first.text, parsed.faults)
        replies.append(await llm.complete(replace(request, user=repair)))
        parsed = parse_answer(replies[-1].text, spec.output_schema)
    if parsed.value is None:
        raise InvalidOutput("; ".join(parsed.faults), engine=llm.name)
    return _Asked(
        CachedAnswer(value=parsed.value, engine=replies[-1].engine),
        tokens_in=sum(reply.tokens_in for reply in replies),
        tokens_out=sum(reply.tokens_out for reply in replies),
        cost_micros=_total_cost(replies),
    )


def _total_cost(replies: Sequence[LLMReply]) -> int | None:
    costs = [reply.cost_micros for reply in replies if reply.cost_micros is not None]
    return sum(costs) if len(costs) == len(replies) else None


def agent_request(spec: AgentSpec, case: Case) -> LLMRequest:
    """What a model is asked for this agent; also shown by a test run. Raises InvalidError."""
    variables = prompt_variables(case.transcript, case.variables, case.parents)
    try:
        system = render(spec.prompt_system, variables)
        user = render(spec.prompt_user, variables)
    except InvalidError as error:
        raise InvalidError(f"{spec.key}: {error.detail}", code=error.error_code) from error
    return LLMRequest(
        system=f"{system}\n\n{DATA_RULE}",
        user=user,
        schema=expanded(spec.output_schema),
        temperature=spec.temperature,
        max_tokens=spec.max_tokens,
        timeout_s=spec.timeout_s,
    )


def redacted_transcript(transcript: Transcript) -> Transcript:
    """The same turns without personal numbers; a value keeps its placeholder throughout."""
    pieces = Redactor().redact_turns([turn.text for turn in transcript.turns])
    turns = [
        replace(turn, text=piece.text) for turn, piece in zip(transcript.turns, pieces, strict=True)
    ]
    return replace(transcript, turns=tuple(turns))


def estimated_tokens(text: str) -> int:
    """A careful estimate: 3 characters a token, 1.5 beyond Latin script (calls seed, 8.3)."""
    latin = sum(char < "\u0250" for char in text)
    return round(latin / _LATIN_CHARS_PER_TOKEN + (len(text) - latin) / _OTHER_CHARS_PER_TOKEN)


def _skip_reason(
    spec: AgentSpec, transcript: Transcript, variables: Mapping[str, Any]
) -> str | None:
    condition = spec.run_if
    if condition.has_text and not transcript.has_words:
        return "no_text"
    if transcript.duration_ms < condition.min_duration_ms:
        return "min_duration"
    if condition.directions and (
        (variables.get("call") or {}).get("direction") not in condition.directions
    ):
        return "direction"
    language = transcript.language or ""
    if condition.languages and not language.startswith(condition.languages):
        return "language"
    return None


def _without_answer(spec: AgentSpec, error: str) -> AgentResult:
    return AgentResult(key=spec.key, version=spec.version, result=None, error=error)


def _result_schema(spec: AgentSpec) -> Mapping[str, Any]:
    return spec.result_schema or spec.output_schema
