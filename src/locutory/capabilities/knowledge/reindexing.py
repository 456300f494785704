"""Filling a collection with new vectors beside those that are searched, and swapping them.

Searches use the old generation until every chunk has a vector in the new one; the swap is one
update. What is filed meanwhile gets a vector in both. A job that runs twice goes on where the
last commit stood: it asks which chunks lack a vector.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, update

from locutory.capabilities.knowledge import copies, queries, service
from locutory.capabilities.knowledge.contract import (
    REINDEX,
    CollectionStatus,
    Reindexing,
    ReindexState,
)
from locutory.capabilities.knowledge.models import (
    KnowledgeCollection,
    KnowledgeReindex,
    KnowledgeVector,
)
from locutory.capabilities.knowledge.service import Knowledge
from locutory.engines.vectors.packing import pack
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Database, Session
from locutory.kernel.jobs import Claimed, Context, Failure, JobSpec, enqueue

_PAGE = 200
_DELETED_AT_ONCE = 2_000
_OTHER_EMBEDDER = "the server's embedder was changed meanwhile; start again"


async def start_reindex(tx: Session, knowledge: Knowledge, collection: str) -> Reindexing:
    """Begin to fill a new generation, in the caller's transaction; what runs already goes on."""
    state = await service.next_revision(tx, collection)
    running = await queries.running_reindex(tx, collection)
    if running is not None:
        return _read(running)
    last = await queries.last_reindex(tx, collection)
    _, chunks = await queries.count_chunks(tx, collection)
    row = KnowledgeReindex(
        collection=collection,
        generation=max(state.generation, last.generation if last else 0) + 1,
        embedder=knowledge.embedder.name,
        dimension=knowledge.embedder.dimension,
        state=ReindexState.RUNNING,
        total=chunks,
    )
    tx.add(row)
    await tx.flush()
    await enqueue(tx, JobSpec(kind=REINDEX, payload={"reindex_id": str(row.id)}))
    return _read(row)


async def reindex_if_behind(tx: Session, knowledge: Knowledge, collection: str) -> None:
    """Begin when the searched vectors are of another embedder than new chunks get.

    For whoever files chunks: so the first call after a change of the embedder sets it going.
    """
    state = await queries.collection_state(tx, collection)
    if state is None or state.embedder in ("", knowledge.embedder.name):
        return
    last = await queries.last_reindex(tx, collection)
    if last is None or last.embedder != knowledge.embedder.name:
        await start_reindex(tx, knowledge, collection)


async def run_reindex(ctx: Context) -> None:
    """The job: embed page by page, swap, take the old vectors away."""
    knowledge = ctx.services.get(Knowledge)
    async with ctx.db.read() as session:
        row = await queries.get_reindex(session, _reindex_id(ctx.job))
    if row is None or row.state == ReindexState.FAILED:
        return
    if row.state == ReindexState.RUNNING:
        if row.embedder != knowledge.embedder.name:
            await ctx.finish(lambda tx: _end(tx, row.id, ReindexState.FAILED, _OTHER_EMBEDDER))
            return
        while not await ctx.write(lambda tx: _swap(tx, row)):
            await _fill(ctx, knowledge, row)
    while await ctx.write(lambda tx: _sweep(tx, row.collection)):
        pass


async def give_up_reindex(tx: Session, job: Claimed, failure: Failure) -> None:
    """Say why it ended, and leave the vectors that are searched alone."""
    await _end(tx, _reindex_id(job), ReindexState.FAILED, f"{failure.code}: {failure.detail}")


async def status(knowledge: Knowledge, db: Database, collection: str) -> CollectionStatus:
    """How much a collection holds, and how much of it only words can find."""
    async with db.read() as session:
        sources, chunks = await queries.count_chunks(session, collection)
        state = await queries.collection_state(session, collection)
        generation = 1 if state is None else state.generation
        vectors = await queries.count_vectors(session, collection, generation)
        last = await queries.last_reindex(session, collection)
        copied = await copies.status(session, collection, generation, knowledge.outside)
    return CollectionStatus(
        sources=sources,
        chunks=chunks,
        without_vector=chunks - vectors,
        embedder="" if state is None else state.embedder,
        dimension=0 if state is None else state.dimension,
        configured=knowledge.embedder.name,
        reindex=None if last is None else _read(last),
        copies=copied,
    )


async def _fill(ctx: Context, knowledge: Knowledge, row: KnowledgeReindex) -> None:
    """Embed whatever lacks a vector, in order of ids, once through."""
    last: UUID | None = None
    while True:
        async with ctx.db.read() as session:
            page = await queries.unembedded(
                session, row.collection, row.generation, after=last, limit=_PAGE
            )
        if not page:
            return
        last = page[-1].id
        vectors = pack(await knowledge.embedder.embed([one.text for one in page]))
        pairs = [(one.id, vector) for one, vector in zip(page, vectors, strict=True)]

        async def keep(tx: Session, pairs: Sequence[tuple[UUID, bytes]] = pairs) -> int:
            return await _keep(tx, row, pairs)

        ctx.progress(await ctx.write(keep), row.total, "chunks embedded")


async def _keep(tx: Session, row: KnowledgeReindex, pairs: Sequence[tuple[UUID, bytes]]) -> int:
    """Store a page; how many chunks have a vector now."""
    state = await service.next_revision(tx, row.collection)  # nobody deletes until the commit
    ids = [id_ for id_, _ in pairs]
    left = await queries.still_unembedded(tx, row.collection, row.generation, ids)
    wanted = [(id_, vector) for id_, vector in pairs if id_ in left]
    if wanted:
        await service.add_vectors(tx, row.collection, row.generation, state.revision, wanted)
    done = await queries.count_vectors(tx, row.collection, row.generation)
    _, total = await queries.count_chunks(tx, row.collection)
    await tx.execute(
        update(KnowledgeReindex).where(KnowledgeReindex.id == row.id).values(done=done, total=total)
    )
    return done


async def _swap(tx: Session, row: KnowledgeReindex) -> bool:
    """Search the new generation from now on; False while a chunk lacks a vector."""
    state = await service.next_revision(tx, row.collection)
    if await queries.unembedded(tx, row.collection, row.generation, after=None, limit=1):
        return False
    await tx.execute(
        update(KnowledgeCollection)
        .where(KnowledgeCollection.collection == row.collection)
        .values(
            embedder=row.embedder,
            dimension=row.dimension,
            generation=row.generation,
            removed_at=state.revision,
        )
    )
    await _end(tx, row.id, ReindexState.DONE, None)
    return True


async def _end(tx: Session, id_: UUID, state: ReindexState, detail: str | None) -> None:
    await tx.execute(
        update(KnowledgeReindex)
        .where(KnowledgeReindex.id == id_, KnowledgeReindex.state == ReindexState.RUNNING)
        .values(state=state, finished_at=utc_now(), detail=detail)
    )


async def _sweep(tx: Session, collection: str) -> int:
    """Delete some of the vectors that nobody searches any more; how many these were."""
    state = await queries.collection_state(tx, collection)
    if state is None:
        return 0
    old = await queries.old_vectors(tx, collection, state.generation, limit=_DELETED_AT_ONCE)
    if old:
        await tx.execute(delete(KnowledgeVector).where(KnowledgeVector.id.in_(old)))
    return len(old)


def _reindex_id(job: Claimed) -> UUID:
    return UUID(job.payload["reindex_id"])


def _read(row: KnowledgeReindex) -> Reindexing:
    return Reindexing(
        id=row.id,
        state=ReindexState(row.state),
        embedder=row.embedder,
        dimension=row.dimension,
        done=row.done,
        total=row.total,
        started_at=row.created_at,
        finished_at=row.finished_at,
        detail=row.detail,
    )
