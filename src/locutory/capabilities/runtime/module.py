"""The manifest of the runtime."""

from fastapi import APIRouter

from locutory.capabilities.runtime import batches, routes
from locutory.capabilities.runtime.contract import ASK, BATCH, QUEUE, READ
from locutory.kernel.jobs import JobKind
from locutory.kernel.module import Module

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
    ),
    roles={"user": frozenset({ASK, READ})},
)
