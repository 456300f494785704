"""Which model is asked, how often, and what its failure means for the others (ADR 0022)."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import count

from jsonschema import Draft202012Validator
from prometheus_client import Counter
from referencing import Registry
from referencing.exceptions import Unresolvable

from locutory.engines.llm.base import (
    End,
    Events,
    LLMReply,
    LLMRequest,
    Piece,
    Reset,
)
from locutory.engines.llm.course import (
    BadOutput,
    Course,
    MidStream,
    Policy,
    Step,
    Strategy,
    Watch,
)
from locutory.engines.llm.failures import RULES, kind_of
from locutory.engines.llm.places import HealthBook, Place
from locutory.engines.llm.routed import BudgetTerms
from locutory.engines.llm.streams import StreamCut, events_of, paced
from locutory.kernel.errors import (
    EngineError,
    EngineTimeout,
    InvalidError,
    InvalidOutput,
    LocutoryError,
)

_FENCE = "```"


class ProviderUnknown(InvalidError):
    """There is no such provider here."""

    code = "LLM_PROVIDER_UNKNOWN"


class SchemaUnusable(InvalidOutput):
    """The schema refers to what it does not hold."""

    code = "LLM_SCHEMA_UNUSABLE"


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the configuration says of a purpose; None leaves it to the request."""

    tier: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None


@dataclass(slots=True, kw_only=True)
class Router:
    """Asks the models of a chain in order, or by another strategy; a model like any other.

    `watch` is told of each attempt. `fallbacks` counts answers by (asked, answered).
    """

    places: Sequence[Place]
    policy: Policy = field(default_factory=Policy)
    purposes: "dict[str, Parameters]" = field(default_factory=dict)
    book: HealthBook = field(default_factory=HealthBook)
    watch: Watch | None = None
    fallbacks: Counter | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rng: random.Random = field(default_factory=random.Random)
    _turns: "count[int]" = field(default_factory=count)

    @property
    def name(self) -> str:
        return self.places[0].name

    @property
    def model(self) -> str:
        return self.places[0].default_model

    @property
    def router(self) -> "Router":
        return self

    @property
    def fault(self) -> str | None:
        return None

    @property
    def budgets(self) -> Sequence[BudgetTerms]:
        return ()

    async def run(self, stop: asyncio.Event) -> None:
        """The settings do not change while the server runs."""

    async def complete(self, request: LLMRequest) -> LLMReply:
        """The first answer; else what the first model failed with, and the soonest time to retry.

        A request that names a model goes to that one only. Raises ProviderUnknown.
        """
        request = self._with_purpose(request)
        course = self._course(request)
        while True:
            step = course.step()
            try:
                with step.health.breaker.guard(_counts):
                    reply = await self._ask(step)
                reply = _checked(request, reply, step.place.name)
            except EngineError as error:
                await course.failed(step, error)
            except asyncio.CancelledError:
                course.abandoned(step, "", None)
                raise
            else:
                return self._answered(course.done(step, reply, None))

    async def stream(self, request: LLMRequest) -> Events:
        """The answer as it is written; a Reset voids what came of a model that broke off.

        Raises as `complete`; after the first piece also where the policy is to fail then.
        """
        request = self._with_purpose(request)
        course = self._course(request)
        while True:
            step, text, ttft_ms, reply = course.step(), "", None, None
            try:
                async with aclosing(self._events(step, course)) as events:
                    async for event in events:
                        if isinstance(event, End):
                            reply = event.reply
                        elif isinstance(event, Piece):
                            if ttft_ms is None:
                                ttft_ms = round(1000 * (self.clock() - step.began))
                            text += event.text
                            yield event
                if reply is None:
                    raise StreamCut(engine=step.place.name)
                reply = _checked(request, reply, step.place.name)
            except EngineError as error:
                stays = request.final or self.policy.mid_stream is MidStream.FAIL
                if text and stays:
                    course.spend(step, error, text=text, ttft_ms=ttft_ms)
                    raise
                await course.failed(step, error, text=text, ttft_ms=ttft_ms)
                if text:
                    yield Reset(kind_of(error).value)
                continue
            except (GeneratorExit, asyncio.CancelledError):
                course.abandoned(step, text, ttft_ms)
                raise
            if reply.text != text and not request.final:
                yield Reset("repaired")
                yield Piece(reply.text)
            yield End(self._answered(course.done(step, reply, ttft_ms)))
            return

    def place(self, name: str) -> Place:
        """The provider of that name. Raises ProviderUnknown."""
        found = next((place for place in self.places if place.name == name), None)
        if found is None:
            known = ", ".join(place.name for place in self.places)
            raise ProviderUnknown(f"no provider {name!r}; there are {known}")
        return found

    async def _ask(self, step: Step) -> LLMReply:
        limit_s = step.request.timeout_s
        try:
            async with asyncio.timeout(limit_s), step.place.slot():
                return await step.place.llm.complete(step.request)
        except TimeoutError as error:
            raise EngineTimeout(f"no answer in {limit_s:g} s", engine=step.place.name) from error

    async def _events(self, step: Step, course: Course) -> Events:
        times, ends = step.place.timeouts, step.began + step.request.timeout_s
        with step.health.breaker.guard(_counts):
            events = paced(
                _in_slot(step),
                engine=step.place.name,
                first_s=times.first_token_s,
                idle_s=times.idle_s,
                left_s=lambda: min(ends - self.clock(), course.left_s()),
            )
            async with aclosing(events) as source:
                async for event in source:
                    yield event

    def _with_purpose(self, request: LLMRequest) -> LLMRequest:
        known = self.purposes.get(request.purpose)
        if known is None:
            return request
        return replace(
            request,
            tier=request.tier or known.tier,
            max_tokens=known.max_tokens or request.max_tokens,
            temperature=request.temperature if known.temperature is None else known.temperature,
        )

    def _course(self, request: LLMRequest) -> Course:
        return Course(
            request=request,
            candidates=self._candidates(request),
            book=self.book,
            policy=self.policy,
            watch=self.watch,
            clock=self.clock,
            sleep=self.sleep,
            rng=self.rng,
        )

    def _candidates(self, request: LLMRequest) -> Sequence[tuple[Place, str]]:
        """Whom this request may be put to, the first choice first."""
        if request.provider is not None:
            place = self.place(request.provider)
            return [(place, request.model or place.model_of(request.tier))]
        if request.model is not None:
            named = (p for p in self.places if request.model in p.models.values())
            return [(next(named, self.places[0]), request.model)]
        return self._ordered([(place, place.model_of(request.tier)) for place in self.places])

    def _ordered(self, chain: list[tuple[Place, str]]) -> list[tuple[Place, str]]:
        match self.policy.strategy:
            case Strategy.ROUND_ROBIN:
                first = next(self._turns) % len(chain)
                return chain[first:] + chain[:first]
            case Strategy.WEIGHTED:
                weights = [place.weight for place, _ in chain]
                if not any(weights):
                    return chain
                first = self.rng.choices(range(len(chain)), weights)[0]
                return [chain[first], *chain[:first], *chain[first + 1 :]]
            case Strategy.LEAST_LATENCY:  # who is not known yet is tried, or would never be
                return sorted(chain, key=lambda one: self.book.of(one[0].name, one[1]).pace_ms)
        return chain

    def _answered(self, reply: LLMReply) -> LLMReply:
        if reply.asked and reply.answered and reply.fallback_used and self.fallbacks is not None:
            self.fallbacks.labels(reply.asked[0], reply.answered[0]).inc()
        return reply


async def _in_slot(step: Step) -> Events:
    events = events_of(step.place.llm, step.request)
    async with step.place.slot(), aclosing(events) as source:
        async for event in source:
            yield event


def _counts(error: LocutoryError) -> bool:
    return isinstance(error, EngineError) and RULES[kind_of(error)].counts


def _checked(request: LLMRequest, reply: LLMReply, engine: str) -> LLMReply:
    """The reply, its JSON bare of what stands around it. Raises BadOutput where none fits."""
    if not request.checked or request.schema is None:
        return reply
    text = _bare(reply.text)
    try:
        value = json.loads(text)
    except ValueError:
        raise BadOutput("it is no JSON", reply.text, engine=engine) from None
    validator = Draft202012Validator(dict(request.schema), registry=Registry())  # no network
    try:
        fault = next(validator.iter_errors(value), None)
    except (Unresolvable, RecursionError) as error:
        raise SchemaUnusable(engine=engine) from error
    if fault is not None:
        raise BadOutput(f"{fault.json_path}: {fault.message}"[:300], reply.text, engine=engine)
    return replace(reply, text=text)


def _bare(text: str) -> str:
    """The text within a markdown fence, or all of it."""
    stripped = text.strip()
    if not stripped.startswith(_FENCE) or not stripped.endswith(_FENCE):
        return text
    return stripped.removesuffix(_FENCE).partition("\n")[2].strip()
