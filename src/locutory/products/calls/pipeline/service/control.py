"""Starting, pausing and draining stages."""

from locutory.kernel.audit import audit
from locutory.kernel.db import Database, Session
from locutory.kernel.errors import ConflictError
from locutory.kernel.events import emit
from locutory.kernel.jobs import admin
from locutory.kernel.jobs.depths import Depth, depths
from locutory.products.calls.pipeline.contract import DISABLED, Action, PipelineControlled
from locutory.products.calls.pipeline.schemas import Controlled, StageHeld
from locutory.products.calls.records.contract import Stage

_HELD = {
    Action.PAUSE: ("paused", "PAUSED"),
    Action.DRAIN: ("paused", "DRAINING"),
    Action.RUN_ONCE: ("once", "RUN_ONCE"),
}


class StageDisabled(ConflictError):
    """This stage is off in the configuration; enable it there (PATCH /pipeline/{bid}/config)."""

    code = "STAGE_DISABLED"


async def control(
    db: Database, action: Action, stage: Stage | None, *, actor: str, reason: str = ""
) -> Controlled:
    """Do this to a stage, or to all. Workers follow within a second; what runs is let end.

    `run_once` works what is ready now and holds what comes later. Raises StageDisabled.
    """
    stages = list(Stage) if stage is None else [stage]

    async def store(tx: Session) -> dict[str, Depth]:
        gates = await admin.gates_of(tx, tx.tenant_id)
        for one in stages:
            gate = gates.get(one)
            if gate is not None and gate.code == DISABLED:
                raise StageDisabled
            held = _HELD.get(action)
            if held is None:
                await admin.reopen(tx, tx.tenant_id, one)
            else:
                state, code = held
                await admin.close(tx, tx.tenant_id, one, state=state, code=code, detail=reason)
        about = "all stages" if stage is None else str(stage)
        await audit(tx, actor=actor, action=f"pipeline.{action}", object=about, reason=reason)
        await emit(tx, PipelineControlled(action=action, stage=stage))
        return await depths(tx, tx.tenant_id, list(Stage))

    found = await db.write(store)
    return Controlled(
        action=action,
        stages={
            name: StageHeld(
                state=depth.gate or "open",
                code=depth.gate_code,
                ready=depth.ready,
                running=depth.running,
            )
            for name, depth in found.items()
        },
    )
