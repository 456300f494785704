"""The jobs of connections, and what they do when a call is done."""

from locutory.kernel.db import Session
from locutory.kernel.jobs import Context, JobKind
from locutory.kernel.settings import Settings
from locutory.products.calls.crm import importing, queries, syncing, writeback
from locutory.products.calls.crm.contract import CHORES, IMPORT, ROUND, SYNC, WRITE_BACK
from locutory.products.calls.crm.schemas import WriteBack
from locutory.products.calls.leads.contract import CRM_QUEUE, FETCH_ACTIVITIES
from locutory.products.calls.records import queries as calls
from locutory.products.calls.records.contract import CallStatusChanged, Stage, StageState, Status

_ANALYSED = (Status.DONE, Stage.INDEX, StageState.QUEUED)

JOBS = (
    JobKind(kind=ROUND, queue=CHORES, handler=syncing.go_round, max_attempts=1, timeout_s=300),
    JobKind(
        kind=SYNC,
        queue=CRM_QUEUE,
        handler=syncing.sync,
        max_attempts=3,
        timeout_s=3600,
        on_dead=syncing.give_up,
    ),
    JobKind(
        kind=FETCH_ACTIVITIES,
        queue=CRM_QUEUE,
        handler=syncing.fetch_activities,
        max_attempts=3,
        timeout_s=300,
    ),
    JobKind(
        kind=WRITE_BACK,
        queue=CRM_QUEUE,
        handler=writeback.write_back,
        max_attempts=10,
        timeout_s=300,
        on_dead=writeback.give_up,
    ),
    JobKind(
        kind=IMPORT,
        queue=CHORES,
        handler=importing.read_file,
        max_attempts=5,
        timeout_s=3600,
        on_dead=importing.give_up,
    ),
)


async def write_done_calls(ctx: Context, event: CallStatusChanged) -> None:
    """A call has its analysis: write it back where the business wants that."""
    if (event.status, event.stage, event.stage_state) != _ANALYSED:
        return
    async with ctx.db.read() as session:
        row = await queries.find_connection(session)
    if row is None or not row.enabled or not WriteBack.model_validate(row.writeback).on_done:
        return
    public_url = ctx.services.get(Settings).server.public_url

    async def ask(tx: Session) -> None:
        record = await calls.find(tx, event.callid)
        if record is not None and record.status == Status.DONE:
            await writeback.want(tx, row, record, actor="crm:on_done", public_url=public_url)

    await ctx.finish(ask)
