"""Bringing stores outside level with the rows, by jobs; rows are the truth and never wait for it.

A round gives each collection whose copy is not level a job. A job that dies goes on where its
last commit stood; where the store does not answer it ends, and a later round begins again.
"""

from collections.abc import Mapping
from uuid import UUID

from locutory.capabilities.knowledge import copies, queries
from locutory.capabilities.knowledge.contract import COPY
from locutory.capabilities.knowledge.copies import Outside
from locutory.capabilities.knowledge.models import KnowledgeCopy
from locutory.capabilities.knowledge.service import Knowledge
from locutory.engines.vectors.base import CollectionMissing, VectorIndex
from locutory.engines.vectors.packing import unpack
from locutory.kernel.audit import audit
from locutory.kernel.auth import queries as tenants
from locutory.kernel.db import Database, Session
from locutory.kernel.errors import EngineError, ErrorClass, LocutoryError
from locutory.kernel.jobs import Context, JobSpec, LeaseLost, enqueue
from locutory.kernel.telemetry.logs import get_logger

_PAGE = 1_000
_TENANTS = 200


class CopyOutOfReach(LocutoryError):
    """A store that the settings do not name has a copy of vectors; what is erased stays there."""

    status, code, cls = 503, "VECTOR_COPY_OUT_OF_REACH", ErrorClass.PROVIDER_OUTAGE


class CopyBusy(LocutoryError):
    """A copy of vectors is being made and may hold what is deleted; wait for its end."""

    status, code, cls = 503, "VECTOR_COPY_BUSY", ErrorClass.TRANSIENT_NETWORK


async def go_round(ctx: Context) -> None:
    """Give each collection whose copy is not level its job. Nothing to do without a store."""
    outside = ctx.services.get(Knowledge).outside
    if outside is None:
        return
    after: tuple[str, UUID] | None = None
    while True:
        async with ctx.db.read() as session:
            found = await tenants.list_tenants(session, after=after, limit=_TENANTS)
        for tenant in found[:_TENANTS]:
            await _give_jobs(ctx.db.bound_to(tenant.id), outside.store.place)
        if len(found) <= _TENANTS:
            return
        last = found[_TENANTS - 1]
        after = last.slug, last.id


async def _give_jobs(db: Database, place: str) -> None:
    async with db.read() as session:
        states = await queries.collection_states(session)
        held = [one for one in await queries.copies(session) if one.place == place]
        with_gone = await queries.copies_with_gone(session)
    for state in states:
        mine = [copy for copy in held if copy.collection == state.collection]
        level = (
            [copy.generation for copy in mine] == [state.generation]
            and mine[0].revision >= state.revision
            and mine[0].id not in with_gone
        )
        if not level:
            spec = JobSpec(kind=COPY, payload={"collection": state.collection})
            await db.write(lambda tx, spec=spec: enqueue(tx, spec))  # type: ignore[misc]


async def run_copy(ctx: Context) -> None:
    """The job: bring the copies of a collection level with its rows."""
    outside = ctx.services.get(Knowledge).outside
    if outside is None:
        return
    try:
        await _Copying(ctx, outside, ctx.payload["collection"]).run()
    except EngineError as error:
        name, code = outside.store.name, error.error_code
        outside.counters.failures.labels(name, code).inc()
        get_logger().warning("vectors were not copied", store=name, error_code=code)


class _Copying:
    """One run over the copies of one collection in one store."""

    def __init__(self, ctx: Context, outside: Outside, collection: str) -> None:
        self._ctx = ctx
        self._outside = outside
        self._collection = collection
        self._tenant = str(ctx.job.tenant_id)

    async def run(self) -> None:
        """Level what is searched and what is being filled, then drop what is neither."""
        async with self._ctx.db.read() as session:
            state = await queries.collection_state(session, self._collection)
            filled = await queries.running_reindex(session, self._collection)
        if state is None or not state.embedder:
            return
        wanted = {state.generation: state.dimension}
        if filled is not None:
            wanted[filled.generation] = filled.dimension
        for generation, dimension in wanted.items():
            await self._one(generation, dimension)
        await self._drop_others(wanted)

    async def _one(self, generation: int, dimension: int) -> None:
        place, job = self._outside.store.place, self._ctx.job.id

        async def take(tx: Session) -> KnowledgeCopy | None:
            return await copies.hold(tx, self._collection, place, generation, job)

        copy = await self._ctx.write(take)
        if copy is None:
            return
        try:
            if not await self._level(copy, dimension):
                self._outside.counters.rebuilds.labels(self._outside.store.name).inc()
                copy.revision = 0
                await self._level(copy, dimension)
        finally:
            await self._ctx.write(lambda tx: copies.let_go(tx, copy.id, job))

    async def _level(self, copy: KnowledgeCopy, dimension: int) -> bool:
        """Take away, then add, then count; False when the store lacks what it once had."""
        async with self._ctx.db.read() as session:
            state = await queries.collection_state(session, self._collection)
        assert state is not None
        name = copies.name_of(self._collection, copy.generation)
        store = self._outside.store
        if copy.revision == 0:
            await store.drop(self._tenant, name)
            index = await store.index(self._tenant, name, dimension)
        else:
            index = await store.find(self._tenant, name, dimension)
        try:
            await forget_gone(self._ctx.db, index, copy)
            await self._add(index, copy, dimension)
            await self._note(copy, max(copy.revision, state.revision))
            return await self._is_whole(index, copy)
        except CollectionMissing:
            return False

    async def _add(self, index: VectorIndex, copy: KnowledgeCopy, dimension: int) -> None:
        while True:
            async with self._ctx.db.read() as session:
                page = await queries.vectors_since(
                    session, self._collection, copy.generation, copy.revision, limit=_PAGE
                )
            if not page:
                return
            vectors = unpack([row.vector for row in page], dimension)
            await index.add([row.id for row in page], vectors, more=len(page) >= _PAGE)
            await self._note(copy, page[-1].revision)

    async def _note(self, copy: KnowledgeCopy, revision: int) -> None:
        """Raises LeaseLost when another job works on the copy."""
        job = self._ctx.job.id
        if not await self._ctx.write(lambda tx: copies.note_progress(tx, copy.id, job, revision)):
            raise LeaseLost
        copy.revision = revision

    async def _is_whole(self, index: VectorIndex, copy: KnowledgeCopy) -> bool:
        """Whether it holds as many as there are rows, unless these changed meanwhile."""
        held = await index.count()
        async with self._ctx.db.read() as session:
            there = await queries.count_vectors(session, self._collection, copy.generation)
            state = await queries.collection_state(session, self._collection)
        return held == there or state is None or state.revision > copy.revision

    async def _drop_others(self, wanted: Mapping[int, int]) -> None:
        async with self._ctx.db.read() as session:
            held = await queries.copies(session, self._collection)
        for copy in held:
            if copy.place == self._outside.store.place and copy.generation not in wanted:
                await _drop(self._ctx.db, self._outside, copy)


async def forget_gone(db: Database, index: VectorIndex, copy: KnowledgeCopy) -> int:
    """Let a copy forget what was deleted; how many that were.

    A chunk that was filed again since is spared: its new vector follows.
    """
    count = 0
    while True:
        async with db.read() as session:
            rows = await queries.gone(session, copy.id, limit=_PAGE)
            ids = {row.chunk_id for row in rows}
            again = await queries.with_vector(session, copy.generation, ids)
        if not rows:
            return count
        await index.remove([str(one) for one in ids - again])
        done = [row.id for row in rows]
        await db.write(lambda tx, done=done: copies.forgotten(tx, done))  # type: ignore[misc]
        count += len(ids)


async def purge_copies(knowledge: Knowledge, db: Database) -> None:
    """Let every copy forget what was deleted, before an erasure says that it is done.

    Raises CopyOutOfReach for copies in stores that the settings do not name, CopyBusy while a job
    that read before the deletion may still add, and EngineError while the store does not answer.
    """
    async with db.read() as session:
        if await queries.held_copies(session):
            raise CopyBusy
        held, with_gone = await queries.copies(session), await queries.copies_with_gone(session)
    for copy in (one for one in held if one.id in with_gone):
        outside = _reached(knowledge, copy)
        name = copies.name_of(copy.collection, copy.generation)
        index = await outside.store.find(str(db.tenant_id), name, 0)
        try:
            await forget_gone(db, index, copy)
        except CollectionMissing:
            await db.write(lambda tx, copy=copy: copies.forget_copy(tx, copy.id))  # type: ignore[misc]


async def drop_copies(knowledge: Knowledge, db: Database) -> None:
    """Take every copy of this tenant out of the store, for one that is being removed.

    Raises as `purge_copies`.
    """
    async with db.read() as session:
        if await queries.held_copies(session):
            raise CopyBusy
        held = await queries.copies(session)
    for copy in held:
        await _drop(db, _reached(knowledge, copy), copy)


async def copy_places(db: Database) -> set[str]:
    """The stores that have copies of this tenant's vectors."""
    async with db.read() as session:
        return {copy.place for copy in await queries.copies(session)}


async def forget_place(tx: Session, place: str, *, actor: str) -> int:
    """Take a store off the list that somebody has emptied; how many copies that were."""
    held = [copy for copy in await queries.copies(tx) if copy.place == place]
    for copy in held:
        await copies.forget_copy(tx, copy.id)
        about = f"collection:{copy.collection}"
        await audit(tx, actor=actor, action="vectors.copy.forget", object=about, place=place)
    return len(held)


def _reached(knowledge: Knowledge, copy: KnowledgeCopy) -> Outside:
    outside = knowledge.outside
    if outside is None or outside.store.place != copy.place:
        raise CopyOutOfReach(f"{copy.place}, which the settings do not name, has a copy")
    return outside


async def _drop(db: Database, outside: Outside, copy: KnowledgeCopy) -> None:
    name = copies.name_of(copy.collection, copy.generation)
    await outside.store.drop(str(db.tenant_id), name)
    await db.write(lambda tx: copies.forget_copy(tx, copy.id))
