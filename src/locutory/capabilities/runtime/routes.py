"""Language models over HTTP: our own paths, and OpenAI's under `/v1`."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from locutory.capabilities.runtime import batches, openai_wire, service, usage
from locutory.capabilities.runtime.api import Runtime
from locutory.capabilities.runtime.contract import ASK, READ
from locutory.capabilities.runtime.openai_wire import CompletionAsk, CompletionRead, ModelList
from locutory.capabilities.runtime.schemas import (
    BatchAsk,
    BatchMade,
    BatchRead,
    ChatAsk,
    ChatRead,
    ProvidersRead,
    ResultsAsk,
    UsageAsk,
    request_of,
)
from locutory.capabilities.runtime.streaming import chunks_response, events_response
from locutory.kernel.auth.contract import Principal
from locutory.kernel.auth.dependencies import Db, SecuredRoute, SecuredRouter, require
from locutory.kernel.bodies import answers_with
from locutory.kernel.crypto import Secrets
from locutory.kernel.errors import InvalidError, LocutoryError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.http_errors import faults
from locutory.kernel.idempotency import Idempotent
from locutory.kernel.ratelimit import rate_limit

_LIMIT = rate_limit("default")
_STREAMED = answers_with("text/event-stream")
Asker = Annotated[Principal, require(ASK)]
Reader = Annotated[Principal, require(READ)]


def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.services.get(Runtime)
    return runtime


def _secrets(request: Request) -> Secrets:
    secrets: Secrets = request.app.state.services.get(Secrets)
    return secrets


TheRuntime = Annotated[Runtime, Depends(_runtime)]


def _http(request: Request) -> HttpClient:
    http: HttpClient = request.app.state.services.get(HttpClient)
    return http


TheHttp = Annotated[HttpClient, Depends(_http)]
TheSecrets = Annotated[Secrets, Depends(_secrets)]
router = SecuredRouter(tags=["language models"], dependencies=[_LIMIT])


class OpenAIRoute(SecuredRoute):
    """A route whose failures have OpenAI's `error` beside our own keys."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except LocutoryError as error:
                error.extra["error"] = openai_wire.failure_of(error)
                raise
            except RequestValidationError as error:
                found = faults(error.errors())
                refusal = InvalidError(_words(found), errors=found)
                refusal.extra["error"] = openai_wire.failure_of(refusal, found[0]["field"])
                raise refusal from error

        return told


def _words(found: list[dict[str, str]]) -> str:
    return "; ".join(f"{one['field']}: {one['message']}" for one in found)[:500]


openai_router = SecuredRouter(
    route_class=OpenAIRoute, tags=["language models"], dependencies=[_LIMIT]
)


@router.get("/api/runtime/llm/providers")
async def list_llm_providers(_: Reader, runtime: TheRuntime) -> ProvidersRead:
    """The providers of language models in the order in which they are asked, and their health."""
    return service.list_providers(runtime)


@router.post("/api/runtime/llm/chat", response_model=ChatRead, responses=_STREAMED)
async def chat_with_llm(_: Asker, runtime: TheRuntime, ask: ChatAsk) -> ChatRead | Response:
    """Ask a model; with `stream` the answer comes as `token` events, and whole in `final`."""
    if not ask.stream:
        return await service.chat(runtime, ask)
    request = request_of(ask, defaults=runtime.defaults)
    return events_response(await service.begun(runtime, request), request)


@router.post("/api/runtime/llm/batch", status_code=202, response_model=BatchMade)
async def create_llm_batch(
    by: Asker,
    db: Db,
    runtime: TheRuntime,
    secrets: TheSecrets,
    http: TheHttp,
    ask: BatchAsk,
    idempotent: Idempotent,
) -> Response:
    """Ask for up to a thousand answers that nobody waits for; they outlive a restart."""
    batches.require_model(runtime)
    if ask.callback_url is not None:
        http.gate.check_url(ask.callback_url)
    return await idempotent.write(
        db, lambda tx: batches.create(tx, ask, secrets=secrets, actor=by.key), 202
    )


@router.get("/api/runtime/llm/jobs/{batch_id}")
async def get_llm_batch(_: Asker, db: Db, batch_id: UUID) -> BatchRead:
    """How far a batch is."""
    return await batches.get(db, batch_id)


@router.post("/api/runtime/llm/jobs/{batch_id}/cancel")
async def cancel_llm_batch(by: Asker, db: Db, batch_id: UUID) -> BatchRead:
    """Ask nothing more of a batch; what is answered stays."""
    return await db.write(lambda tx: batches.cancel(tx, batch_id, actor=by.key))


@router.get(
    "/api/runtime/llm/jobs/{batch_id}/results",
    response_class=Response,
    responses=answers_with("application/x-ndjson"),
)
async def get_llm_batch_results(
    _: Asker, db: Db, secrets: TheSecrets, batch_id: UUID, ask: Annotated[ResultsAsk, Query()]
) -> Response:
    """A page of results as lines of JSON; `X-Next-After` is the `after` of the next page."""
    lines, following = await batches.results(db, batch_id, ask, secrets=secrets)
    headers = {} if following is None else {"x-next-after": str(following)}
    return Response(lines, media_type="application/x-ndjson", headers=headers)


@router.get("/api/runtime/llm/usage", response_class=Response, responses=answers_with("text/csv"))
async def export_llm_usage(_: Reader, db: Db, ask: Annotated[UsageAsk, Query()]) -> Response:
    """What models used, by day, purpose, provider, model and outcome, as CSV."""
    return Response(await usage.as_csv(db, ask), media_type="text/csv; charset=utf-8")


@openai_router.get("/v1/models")
async def list_models(_: Asker, runtime: TheRuntime) -> ModelList:
    """The models that may be asked for; `locutory-default` leaves the choice to the router."""
    return openai_wire.models_of(runtime.router)


@openai_router.post("/v1/chat/completions", response_model=CompletionRead, responses=_STREAMED)
async def create_chat_completion(
    _: Asker, runtime: TheRuntime, ask: CompletionAsk
) -> CompletionRead | Response:
    """Ask a model as OpenAI's clients do, whole or as a stream of chunks."""
    request = openai_wire.request_of(ask, runtime.router, runtime.defaults)
    if not ask.stream:
        return openai_wire.completion_of(await service.complete(runtime, request))
    events = await service.begun(runtime, request)
    with_usage = ask.stream_options is not None and ask.stream_options.include_usage
    return chunks_response(events, model=ask.model, with_usage=with_usage)
