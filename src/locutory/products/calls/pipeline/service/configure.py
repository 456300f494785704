"""Reading and changing a business's configuration; every change is a version."""

from collections.abc import Callable

from sqlalchemy.exc import IntegrityError

from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access
from locutory.kernel.db import Database, Session
from locutory.kernel.events import emit
from locutory.kernel.jobs import JobSpec, admin, enqueue
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.kernel.preconditions import Precondition, etag_of
from locutory.products.calls.pipeline import queries
from locutory.products.calls.pipeline.config import PipelineConfig
from locutory.products.calls.pipeline.contract import (
    BUDGET,
    DISABLED,
    REFILTER,
    ConfigChanged,
    PipelineConfigured,
)
from locutory.products.calls.pipeline.models import PipelineVersion
from locutory.products.calls.pipeline.queries import Configured
from locutory.products.calls.pipeline.schemas import VersionPage, VersionRead
from locutory.products.calls.records.contract import Stage

_VERSIONS = "pipeline-versions"
Change = Callable[[PipelineConfig], PipelineConfig]


async def read_config(db: Database) -> Configured:
    """The configuration in force."""
    async with db.read() as session:
        return await queries.configured(session)


async def list_versions(db: Database, *, cursor: str | None, limit: int) -> VersionPage:
    """Every version that was ever in force, newest first."""
    after = None
    if cursor:
        number, id_ = decode_cursor(cursor, _VERSIONS, float)
        after = (int(max(0.0, min(number, 2.0**52))), id_)
    async with db.read() as session:
        rows, more = split_page(await queries.versions(session, after=after, limit=limit), limit)
    return VersionPage(
        items=[VersionRead.model_validate(row) for row in rows],
        next_cursor=encode_cursor(_VERSIONS, rows[-1].version, rows[-1].id) if more else None,
    )


async def change_config(
    access: Access, change: Change, *, asked: Precondition, note: str = ""
) -> Configured:
    """Put another configuration in force; one that is the same makes no version.

    Raises ConfigChanged, and what `change` raises.
    """

    async def store(tx: Session) -> Configured:
        now = await queries.configured(tx)
        if not asked.holds(etag_of(now.version)):
            raise ConfigChanged
        return await _adopt(tx, now, change(now.config), access.principal.key, note)

    return await access.db.write(store)


async def rollback(access: Access, version: int, *, asked: Precondition) -> Configured:
    """Put an earlier version in force again, as a new one. Raises VersionNotFound."""

    async def store(tx: Session) -> Configured:
        now = await queries.configured(tx)
        if not asked.holds(etag_of(now.version)):
            raise ConfigChanged
        earlier = await queries.get_version(tx, version)
        config = PipelineConfig.model_validate(earlier.config)
        return await _adopt(tx, now, config, access.principal.key, f"as version {version}")

    return await access.db.write(store)


async def _adopt(
    tx: Session, now: Configured, config: PipelineConfig, actor: str, note: str
) -> Configured:
    if config == now.config:
        return now
    version = now.version + 1
    tx.add(
        PipelineVersion(
            version=version, config=config.model_dump(mode="json"), actor=actor, note=note
        )
    )
    try:
        await tx.flush()
    except IntegrityError as error:  # another process was first
        raise ConfigChanged from error
    await _enforce(tx, now.config, config)
    changed = [name for name in PipelineConfig.model_fields if _differs(name, now.config, config)]
    await audit(
        tx,
        actor=actor,
        action="pipeline.configure",
        object=f"pipeline:{version}",
        changed=changed,
        before=now.config.model_dump(mode="json", include=set(changed)),
        after=config.model_dump(mode="json", include=set(changed)),
    )
    await emit(tx, PipelineConfigured(version=version))
    return Configured(version, config)


async def _enforce(tx: Session, before: PipelineConfig, after: PipelineConfig) -> None:
    """Tell the job engine; its workers see it within a second."""
    tenant_id = tx.tenant_id
    for stage in Stage:
        old, new = before.stages.of(stage), after.stages.of(stage)
        if old.share() != new.share():
            await admin.put_share(tx, tenant_id, stage, new.share())
        if old.enabled and not new.enabled:
            words = "the stage is off in the configuration"
            await admin.close(tx, tenant_id, stage, state="paused", code=DISABLED, detail=words)
        elif new.enabled and not old.enabled:
            await admin.reopen(tx, tenant_id, stage, codes=[DISABLED])
        if before.budgets != after.budgets:
            await admin.reopen(tx, tenant_id, stage, codes=[BUDGET])
    if (before.filters, before.lead_filter) != (after.filters, after.lead_filter):
        await enqueue(tx, JobSpec(kind=REFILTER))


def _differs(name: str, before: PipelineConfig, after: PipelineConfig) -> bool:
    return bool(getattr(before, name) != getattr(after, name))
