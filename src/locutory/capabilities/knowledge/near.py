"""Which chunks are nearest to a question: from the store outside, else from memory."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Row

from locutory.capabilities.knowledge import copies, fusion, queries
from locutory.capabilities.knowledge.contract import EVERYTHING, Narrowing
from locutory.capabilities.knowledge.copies import Outside
from locutory.capabilities.knowledge.vector_cache import VectorCache, View
from locutory.engines.embeddings.base import Embedder
from locutory.engines.vectors.base import CollectionMissing
from locutory.engines.vectors.exact import likeness
from locutory.engines.vectors.packing import unpack
from locutory.kernel.db import Database
from locutory.kernel.errors import EngineError, ErrorClass
from locutory.kernel.telemetry.logs import get_logger

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEMORY = "embedded"
NOWHERE = "none"

# What a copy lacks or has too much is dealt with at each search; more is a copy in the making.
_MOST_APART = 1_000

EmbedderNamed = Callable[[str], Embedder | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """Chunks, the nearest first. `source` compared them; `degraded`: in place of the store set."""

    ids: tuple[UUID, ...] = ()
    source: str = NOWHERE
    degraded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a collection."""

    collection: str
    text: str
    narrowing: Narrowing


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy and where it differs from the rows: what it lacks, how much it may have too much."""

    id: UUID
    generation: int
    lacking: Sequence[Row[Any]]
    gone: int


class CopyBehind(EngineError):
    """The copy in the store is still being made."""

    status, code, cls = 503, "VECTORS_BEHIND", ErrorClass.PROVIDER_OUTAGE


async def nearest(
    cache: VectorCache,
    outside: Outside | None,
    embedder_named: EmbedderNamed,
    db: Database,
    question: Question,
) -> Near:
    """The nearest by the store outside if there is one, from memory where it cannot answer.

    None where no embedder of the vectors is at hand. Raises what the embedder raises.
    """
    if outside is None:
        return await _in_memory(cache, embedder_named, db, question)
    async with db.read() as session:
        state = await queries.collection_state(session, question.collection)
    embedder = None if state is None else embedder_named(state.embedder)
    if state is None or embedder is None:
        return Near()
    vector = (await embedder.embed([question.text]))[0]
    copy: _Copy | None = None
    try:
        copy = await _copy(outside, db, question.collection, state)
        return await _asked(outside, db, question, vector, copy)
    except EngineError as error:
        if copy is not None and isinstance(error, CollectionMissing):
            lost = copy.id  # the next round fills it again
            await db.write(lambda tx: copies.start_over(tx, lost))
        outside.counters.fallbacks.labels(outside.store.name, error.error_code).inc()
        name, code = outside.store.name, error.error_code
        get_logger().warning("vectors compared in memory", store=name, error_code=code)
    return await _in_memory(cache, embedder_named, db, question, degraded=True)


async def _in_memory(
    cache: VectorCache,
    embedder_named: EmbedderNamed,
    db: Database,
    question: Question,
    *,
    degraded: bool = False,
) -> Near:
    view = await cache.current(db, question.collection)
    embedder = None if view is None else embedder_named(view.embedder)
    if view is None or embedder is None:
        return Near(degraded=degraded)
    vector = (await embedder.embed([question.text]))[0]
    allowed = await _allowed(db, question, view)
    found = await view.index.search(vector, fusion.LIST_LENGTH, allowed)
    return Near(ids=_liked(found), source=MEMORY, degraded=degraded)


async def _allowed(db: Database, question: Question, view: View) -> Sequence[str] | None:
    """Ids of the vectors that the narrowing leaves, None for all."""
    narrowing = question.narrowing
    if narrowing == EVERYTHING:
        return None
    async with db.read() as session:
        if narrowing.sources is not None and narrowing.of_sources_only:
            return view.of(await session.scalars(narrowing.sources))
        return await queries.visible_ids(session, question.collection, narrowing)


async def _copy(outside: Outside, db: Database, collection: str, state: Row[Any]) -> _Copy:
    """The copy of the searched generation. Raises CopyBehind."""
    place, generation = outside.store.place, state.generation
    behind = CopyBehind(engine=outside.store.name)
    async with db.read() as session:
        found = await queries.copy_revision(session, collection, place, generation)
        if found is None or found.revision == 0:
            raise behind
        gone = await queries.gone(session, found.id, limit=_MOST_APART)
        lacking = await queries.vectors_since(
            session, collection, generation, found.revision, limit=_MOST_APART
        )
    if len(gone) == _MOST_APART or len(lacking) >= _MOST_APART:
        raise behind
    return _Copy(found.id, generation, lacking, len(gone))


async def _asked(
    outside: Outside,
    db: Database,
    question: Question,
    vector: "NDArray[np.float32]",
    copy: _Copy,
) -> Near:
    """What the store finds, with what it lacks. Raises EngineError.

    Deleted chunks that it still has take no place: so many more are asked for.
    """
    allowed: frozenset[str] | None = None
    if question.narrowing != EVERYTHING:
        async with db.read() as session:
            allowed = frozenset(
                await queries.visible_ids(session, question.collection, question.narrowing)
            )
    name = copies.name_of(question.collection, copy.generation)
    index = await outside.store.find(str(db.tenant_id), name, len(vector))
    newer = {row.id for row in copy.lacking}  # some may replace what the store has
    kept = fusion.LIST_LENGTH + copy.gone
    stored = await index.search(
        vector, kept + len(newer), None if allowed is None else sorted(allowed)
    )
    found = [pair for pair in stored if pair[0] not in newer]
    found += _compared(copy.lacking, vector, allowed)
    found.sort(key=lambda pair: (-pair[1], pair[0]))
    return Near(ids=_liked(found[:kept]), source=outside.store.name)


def _compared(
    rows: Sequence[Row[Any]], vector: "NDArray[np.float32]", allowed: Collection[str] | None
) -> list[tuple[str, float]]:
    """What the copy lacks, compared one by one."""
    seen = [row for row in rows if allowed is None or row.id in allowed]
    if not seen:
        return []
    scores = likeness(unpack([row.vector for row in seen], len(vector)), vector)
    return [(row.id, score) for row, score in zip(seen, scores.tolist(), strict=True)]


def _liked(found: Sequence[tuple[str, float]]) -> tuple[UUID, ...]:
    return tuple(UUID(one) for one, score in found if score > 0)
