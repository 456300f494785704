"""Runs a call's agents: in parallel where they can be, each answer checked or said to be absent."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from locutory.capabilities.analysis.answers import expanded, parse_answer, repair_prompt
from locutory.capabilities.analysis.cache import SingleFlight, cache_key
from locutory.capabilities.analysis.contract import (
    QUALITY_AGENT,
    RULES_ENGINE,
    AgentKind,
    AgentResult,
    AgentSpec,
    Cache,
    CachedAnswer,
    Case,
    Finisher,
    GradingMode,
    OnFailure,
    Rule,
    RuleAnswer,
    Trace,
)
from locutory.capabilities.analysis.dag import in_order
from locutory.capabilities.analysis.evidence import Checked, verify
from locutory.capabilities.analysis.memo import Memo, content_of, memo_key
from locutory.capabilities.analysis.prompts import DATA_RULE, prompt_variables, render
from locutory.capabilities.analysis.templates import template_of
from locutory.capabilities.analysis.windows import Piece, cut, merged, summaries
from locutory.capabilities.interactions.contract import Transcript
from locutory.engines.llm.base import LLM, LLMReply, LLMRequest
from locutory.kernel.errors import (
    EngineAuthError,
    EngineError,
    EngineUnavailable,
    InvalidError,
    InvalidOutput,
)
from locutory.kernel.provenance import Provenance, Source
from locutory.kernel.redact import Redactor

_LATIN_CHARS_PER_TOKEN = 3.0
_OTHER_CHARS_PER_TOKEN = 1.5
_WINDOW_RESERVE = 0.1
# beside the loop, so that leases and listeners do not wait for it; one, so that it takes a turn
_RULES_THREAD = ThreadPoolExecutor(1, thread_name_prefix="rules")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A parsed answer and what it cost this caller; a cached one cost nothing."""

    answer: CachedAnswer
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micros: int | None = None
    raw: tuple[str, ...] = ()
    pieces: int = 1


class Unusable(InvalidOutput):
    """The model's answers do not fit the schema, also after repair."""

    def __init__(self, faults: Sequence[str], raw: Sequence[str], *, engine: str) -> None:
        """`raw` are the answers, word for word; they go into no log and no reply by themselves."""
        self.faults, self.raw = tuple(faults), tuple(raw)
        super().__init__("; ".join(faults), engine=engine)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What holds for all agents of one run."""

    tenant: str
    variables: Mapping[str, Any]
    known: Mapping[str, dict[str, Any]]
    fresh: bool
    traced: bool


@dataclass(slots=True)
class _Subject:
    """What the agents of a run look at; redacted only where somebody looks."""

    whole: Transcript
    content: bytes
    _redacted: Transcript | None = None

    @property
    def redacted(self) -> Transcript:
        """Without personal numbers."""
        if self._redacted is None:
            self._redacted = redacted_transcript(self.whole)
        return self._redacted


@dataclass(slots=True, kw_only=True)
class AgentRunner:
    """The engines that agents run on; one is shared by all calls, so that flights are single.

    Args:
        llm: None where no model is configured; rules then answer without being degraded.
        rules: by agent key, what answers in place of a model, and what rule agents are.
        finishers: by agent key, what turns a model's answer into the agent's final shape.
        cache: answers of earlier runs.
        context_tokens: the model's window; a longer talk is judged in pieces.
    """

    llm: LLM | None
    rules: Mapping[str, Rule]
    finishers: Mapping[str, Finisher] = field(default_factory=dict)
    cache: Cache | None = None
    context_tokens: int | None = None
    memo: Memo = field(default_factory=Memo, init=False)
    _flights: SingleFlight[_Asked] = field(default_factory=SingleFlight, init=False)

    async def run(
        self,
        transcript: Transcript,
        specs: Sequence[AgentSpec],
        *,
        tenant: str,
        variables: Mapping[str, Any] | None = None,
        known: Mapping[str, dict[str, Any]] | None = None,
        fresh: bool = False,
        traced: bool = False,
    ) -> list[AgentResult]:
        """One result per agent, in the order of `specs`; nothing is ever invented.

        `known` are results of parents that do not run, `fresh` looks for no earlier answers,
        `traced` results carry what the model was sent and what it wrote. Raises InvalidError when
        the agents cannot be ordered. An engine's failure is a result.
        """
        run = _Run(
            tenant=tenant,
            variables=variables or {},
            known=known or {},
            fresh=fresh,
            traced=traced,
        )
        ordered = in_order(specs, known=run.known)
        subject = _Subject(transcript, content_of(transcript, {**run.variables, "": run.tenant}))
        tasks: dict[str, asyncio.Task[AgentResult]] = {}
        async with asyncio.TaskGroup() as group:
            for spec in ordered:
                parents = {key: tasks[key] for key in spec.depends_on if key in tasks}
                tasks[spec.key] = group.create_task(self._after(parents, spec, subject, run))
        return [tasks[spec.key].result() for spec in specs]

    async def _after(
        self,
        parents: Mapping[str, asyncio.Task[AgentResult]],
        spec: AgentSpec,
        subject: "_Subject",
        run: _Run,
    ) -> AgentResult:
        reason = _skip_reason(spec, subject.whole, run.variables)
        if reason:
            return _without_answer(spec, f"skipped: {reason}")
        own = [key for key in spec.depends_on if key not in parents]
        results = {key: run.known[key] for key in own}
        for key, task in parents.items():
            parent = await task
            if parent.result is None:
                return _without_answer(spec, f"skipped: parent {key}")
            results[key] = parent.result
        place = self._memo_key(spec, subject, results)
        known = self.memo.find(place) if place and not (run.fresh or run.traced) else None
        if known is not None:
            return known
        transcript = subject.redacted if spec.redact_input else subject.whole
        case = Case(transcript=transcript, variables=run.variables, parents=results)
        started = time.monotonic()
        result = await self._judge(spec, case, run)
        if place:
            self.memo.keep(place, result)
        return replace(result, latency_ms=round(1000 * (time.monotonic() - started)))

    def _memo_key(
        self, spec: AgentSpec, subject: "_Subject", parents: Mapping[str, Any]
    ) -> bytes | None:
        """None where no answer may be used again."""
        if self.llm is None or self.cache is None or not spec.cache_enabled:
            return None
        if spec.kind is not AgentKind.LLM:
            return None
        return memo_key(subject.content, spec, parents, f"{self.llm.name}/{self.llm.model}")

    async def _judge(self, spec: AgentSpec, case: Case, run: _Run) -> AgentResult:
        if spec.kind is not AgentKind.LLM:
            return await self._by_rule(spec, case)
        if self.llm is None:
            ruled = await self._by_rule(spec, case)
            return replace(ruled, trace=_trace(spec, case)) if run.traced else ruled
        first: EngineError | None = None
        for model in (spec.model, *spec.fallback):
            try:
                asked, leads = await self._ask(self.llm, replace(spec, model=model), case, run)
            except EngineError as error:
                first = first or error
                if isinstance(error, EngineAuthError):
                    break  # the same credentials would be refused for the other models
                continue
            result = self._finished(spec, case, asked, cached=not leads, instead_of=first)
            return replace(result, trace=_trace(spec, case, asked.raw)) if run.traced else result
        assert first is not None
        result = await self._after_failure(spec, case, first)
        if not run.traced:
            return result
        wrote = first if isinstance(first, Unusable) else Unusable((), (), engine=self.llm.name)
        return replace(result, trace=_trace(spec, case, wrote.raw, wrote.faults))

    async def _after_failure(self, spec: AgentSpec, case: Case, error: EngineError) -> AgentResult:
        if spec.on_failure is OnFailure.SKIP:
            return _without_answer(spec, f"skipped: {error.error_code}")
        if spec.on_failure is OnFailure.FAIL or spec.key not in self.rules:
            return replace(_without_answer(spec, error.error_code), failure=error)
        ruled = await self._by_rule(spec, case, degraded=True)
        return replace(ruled, error=error.error_code, failure=error)

    async def _by_rule(self, spec: AgentSpec, case: Case, *, degraded: bool = False) -> AgentResult:
        rule = self.rules.get(spec.key)
        if rule is None:
            return _without_answer(spec, "skipped: no_engine")

        def judged() -> tuple[RuleAnswer, Checked]:
            answer = rule(case)
            return answer, verify(answer.result, _result_schema(spec), case.transcript)

        loop = asyncio.get_running_loop()
        answer, checked = await loop.run_in_executor(_RULES_THREAD, judged)
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

    def _finished(
        self,
        spec: AgentSpec,
        case: Case,
        asked: _Asked,
        *,
        cached: bool,
        instead_of: EngineError | None,
    ) -> AgentResult:
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
                source=Source.CACHE if cached else Source.LLM,
                engine=asked.answer.engine,
                degraded=instead_of is not None,
            ),
            evidence=checked.evidence,
            evidence_ok=not unsupported if has_evidence else None,
            unsupported=unsupported,
            tokens_in=0 if cached else asked.tokens_in,
            tokens_out=0 if cached else asked.tokens_out,
            cost_micros=None if cached else asked.cost_micros,
            pieces=asked.pieces,
            error=None if instead_of is None else instead_of.error_code,
        )

    async def _ask(self, llm: LLM, spec: AgentSpec, case: Case, run: _Run) -> tuple[_Asked, bool]:
        """(answer, whether this caller paid for it). Raises EngineError."""
        if spec.provider not in (None, llm.name):
            raise EngineUnavailable(
                f"{spec.provider} is not configured", engine=llm.name, code="PROVIDER_ABSENT"
            )
        try:
            request = agent_request(spec, case)
        except InvalidError as error:
            raise InvalidOutput(error.detail, engine=llm.name, code=error.error_code) from error
        if self._is_too_long(request):
            return await self._ask_in_pieces(llm, spec, case, run)
        if not spec.cache_enabled:
            return await _answer(llm, request, spec), True
        params = {"temperature": request.temperature, "max_tokens": request.max_tokens}
        key = cache_key(
            run.tenant,
            f"{llm.name}/{spec.model or llm.model}",
            params,
            request.schema or {},
            request.system,
            request.user,
        )
        known = await self.cache.get(key) if self.cache and not run.fresh else None
        if known is not None:
            return _Asked(known), False

        async def ask() -> _Asked:
            asked = await _answer(llm, request, spec)
            if self.cache:
                await self.cache.put(key, asked.answer)
            return asked

        return await self._flights.once(key, ask)

    def _is_too_long(self, request: LLMRequest) -> bool:
        """Whether a request does not fit the model's window; nothing is counted without one."""
        if self.context_tokens is None:
            return False
        return _tokens(request) > _room(self.context_tokens, request.max_tokens)

    async def _ask_in_pieces(
        self, llm: LLM, spec: AgentSpec, case: Case, run: _Run
    ) -> tuple[_Asked, bool]:
        """The answer to a talk that is longer than the model's window."""

        def tokens(transcript: Transcript) -> int:
            return _tokens(agent_request(spec, replace(case, transcript=transcript)))

        assert self.context_tokens is not None
        parts = cut(case.transcript, tokens, _room(self.context_tokens, spec.max_tokens))
        if len(parts) < 2:
            raise InvalidOutput(
                "the talk cannot be cut to fit the model's window",
                engine=llm.name,
                code="LLM_INPUT_TOO_LONG",
            )
        # one after the other: the agents of a call run side by side already
        asked = [await self._ask(llm, spec, replace(case, transcript=part), run) for part in parts]
        pieces = [
            Piece(part, one.answer.value) for part, (one, _) in zip(parts, asked, strict=True)
        ]
        schema = expanded(spec.output_schema)
        if schema["properties"].keys() >= {"text", "bullets"}:
            again = replace(case, transcript=summaries(pieces))
            asked.append(await self._ask(llm, spec, again, run))
            value = asked[-1][0].answer.value
        else:
            value = merged(spec.key, schema, pieces)
        paid = [one for one, leads in asked if leads]
        whole = _Asked(
            CachedAnswer(value=value, engine=asked[-1][0].answer.engine),
            tokens_in=sum(one.tokens_in for one in paid),
            tokens_out=sum(one.tokens_out for one in paid),
            cost_micros=_total_cost(paid),
            raw=tuple(text for one, _ in asked for text in one.raw),
            pieces=len(parts),
        )
        return whole, bool(paid)


async def _answer(llm: LLM, request: LLMRequest, spec: AgentSpec) -> _Asked:
    """Ask, and once more with the faults when the answer does not fit."""
    first = await llm.complete(request)
    parsed = parse_answer(first.text, spec.output_schema)
    replies = [first]
    if parsed.value is None:
        repair = repair_prompt(request.user, first.text, parsed.faults)
        replies.append(await llm.complete(replace(request, user=repair)))
        parsed = parse_answer(replies[-1].text, spec.output_schema)
    raw = tuple(reply.text for reply in replies)
    if parsed.value is None:
        raise Unusable(parsed.faults, raw, engine=llm.name)
    return _Asked(
        CachedAnswer(value=parsed.value, engine=replies[-1].engine),
        tokens_in=sum(reply.tokens_in for reply in replies),
        tokens_out=sum(reply.tokens_out for reply in replies),
        cost_micros=_total_cost(replies),
        raw=raw,
    )


def _trace(
    spec: AgentSpec, case: Case, raw: tuple[str, ...] = (), faults: tuple[str, ...] = ()
) -> Trace:
    try:
        request = agent_request(spec, case)
    except InvalidError as error:
        return Trace(system="", user="", faults=(error.detail,))
    return Trace(system=request.system, user=request.user, raw=raw, faults=faults)


def _total_cost(paid: Sequence[LLMReply | _Asked]) -> int | None:
    """What all of them cost; None where one does not say."""
    costs = [one.cost_micros for one in paid if one.cost_micros is not None]
    return sum(costs) if len(costs) == len(paid) else None


def _room(context_tokens: int, answer_tokens: int) -> float:
    """How many tokens a request may have."""
    return context_tokens * (1 - _WINDOW_RESERVE) - answer_tokens


def _tokens(request: LLMRequest) -> int:
    return estimated_tokens(request.system + request.user)


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
        model=spec.model,
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
    if spec.key == QUALITY_AGENT and template_of(variables).grading_mode is GradingMode.MANUAL:
        return "manual"
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
    matched = bool((variables.get("crm") or {}).get("lead"))
    if condition.lead_matched is not None and condition.lead_matched is not matched:
        return "lead_matched"
    if condition.moments and not set(condition.moments) & set(variables.get("moments") or ()):
        return "moment"
    return None


def _without_answer(spec: AgentSpec, error: str) -> AgentResult:
    return AgentResult(key=spec.key, version=spec.version, result=None, error=error)


def _result_schema(spec: AgentSpec) -> Mapping[str, Any]:
    return spec.result_schema or spec.output_schema
