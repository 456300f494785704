"""The manifest of the runtime."""

from fastapi import APIRouter

from locutory.capabilities.runtime import batches, forgetting, routes
from locutory.capabilities.runtime.contract import ASK, BATCH, CALLBACK, FORGET, QUEUE, READ
from locutory.kernel.jobs import JobKind
from locutory.kernel.module import Module, Schedule

router = APIRouter()
router.include_router(routes.router)
router.include_router(routes.openai_router)

module = Module(
    name="runtime.llm",
    router=router,
    jobs=(
        JobKind(
            kind=BATCH,
            queue=QUEUE,
            handler=batches.answer,
            timeout_s=6 * 3600,
            on_dead=batches.give_up,
        ),
        JobKind(
            kind=CALLBACK,
            queue=QUEUE,
            handler=batches.call_back,
            max_attempts=8,
            timeout_s=60,
            on_dead=batches.give_up_callback,
        ),
        JobKind(kind=FORGET, queue=QUEUE, handler=forgetting.forget_old, timeout_s=3600),
    ),
    schedules=(Schedule(name=FORGET, cron="50 2 * * *", kind=FORGET),),
    roles={"user": frozenset({ASK, READ})},
)
