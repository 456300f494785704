"""Creating once, however often a client asks: the `Idempotency-Key` header (DESIGN decision 2).

The key's row is written in the request's own transaction, so answer and effect stand or fall
together. A request that failed left no row: the same key may try again.

```python
@router.post("/businesses", status_code=201, response_model=BusinessRead)
async def create(data: BusinessCreate, db: Db, idempotent: Idempotent) -> Response:
    return await idempotent.write(db, lambda tx: service.create(tx, data), 201)
```
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import Index, delete, select, text
from sqlalchemy.orm import Mapped, mapped_column
from starlette.datastructures import UploadFile

from locutory.kernel.clock import Clock
from locutory.kernel.db import Base, Database, Session
from locutory.kernel.db.dialect import Bytes
from locutory.kernel.errors import ConflictError, InvalidError
from locutory.kernel.ids import KERNEL

KEPT = timedelta(hours=24)
REPLAYED = "Idempotency-Replayed"
_MOST_CHARACTERS = 200
_CHUNK = 1 << 20
_PAGE = 500
_RETRY_AFTER_S = 1.0
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
_FENCED = {"fenced": True}
_Name = tuple[UUID | None, str]  # tenant and key


class IdempotencyKeyReused(InvalidError):
    """This Idempotency-Key was used for another request."""

    code = "IDEMPOTENCY_KEY_REUSED"


class IdempotencyInProgress(ConflictError):
    """A request with this Idempotency-Key is being worked on; ask again."""

    code = "IDEMPOTENCY_IN_PROGRESS"


class IdempotencyRow(Base):
    """The first answer to a key; `fingerprint` says what was asked, and by whom."""

    __tablename__ = "kernel_idempotency"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(Bytes)
    expires_at: Mapped[datetime]

    __table_args__ = (Index("ix_kernel_idempotency_expires", "tenant_id", "expires_at"),)


class Idempotency:
    """One request's key, or its absence."""

    def __init__(self, request: Request, response: Response, key: str | None, clock: Clock) -> None:
        """`response` holds the headers that other dependencies have set."""
        self._request = request
        self._response = response
        self._key = key
        self._clock = clock

    async def write(
        self, db: Database, fn: Callable[[Session], Awaitable[Any]], status: int
    ) -> Response:
        """Run `fn` as `db.write` does and answer with its result, a model or plain JSON data.

        With a key that was answered within 24 h, `fn` does not run and the first answer comes
        again. Raises IdempotencyKeyReused, IdempotencyInProgress, and what `fn` raises.
        """
        if self._key is None:
            return self._answer(status, _encode(await db.write(fn)))
        key, fingerprint = self._key, await fingerprint_of(self._request)

        async def once(tx: Session) -> Response:
            return await self._once(tx, fn, status, key=key, fingerprint=fingerprint)

        with _claim(db, key):
            return await db.write(once)

    async def _once(
        self,
        tx: Session,
        fn: Callable[[Session], Awaitable[Any]],
        status: int,
        *,
        key: str,
        fingerprint: str,
    ) -> Response:
        tenant_id: UUID = tx.info.get("tenant_id") or KERNEL
        await _lock(tx, tenant_id, key)
        now = self._clock()
        await tx.execute(
            delete(IdempotencyRow).where(
                IdempotencyRow.tenant_id == tenant_id, IdempotencyRow.expires_at <= now
            )
        )
        first = await tx.get(IdempotencyRow, (tenant_id, key))
        if first is not None:
            if first.fingerprint != fingerprint:
                raise IdempotencyKeyReused
            return self._answer(first.status, first.body, replayed=True)
        body = _encode(await fn(tx))
        tx.add(
            IdempotencyRow(
                tenant_id=tenant_id,
                key=key,
                fingerprint=fingerprint,
                status=status,
                body=body,
                expires_at=now + KEPT,
            )
        )
        return self._answer(status, body)

    def _answer(self, status: int, body: bytes, *, replayed: bool = False) -> Response:
        answer = Response(body, status, media_type="application/json")
        answer.headers.update(self._response.headers)
        if replayed:
            answer.headers[REPLAYED] = "true"
        return answer


async def forget_answers(db: Database, names: Collection[str]) -> int:
    """Forget the tenant's answers that have one of these texts as a value; return how many.

    For an erasure: such a request, sent again, would be done again.
    """
    forgotten, after = 0, ""
    while True:
        async with db.read() as session:
            mine = (IdempotencyRow.tenant_id == db.tenant_id, IdempotencyRow.key > after)
            page = select(IdempotencyRow.key, IdempotencyRow.body).where(*mine)
            rows = (await session.execute(page.order_by(IdempotencyRow.key).limit(_PAGE))).all()
        naming = [row.key for row in rows if not _texts(row.body).isdisjoint(names)]
        if naming:
            await db.write(lambda tx, keys=naming: _drop(tx, keys))  # type: ignore[misc]
            forgotten += len(naming)
        if len(rows) < _PAGE:
            return forgotten
        after = rows[-1].key


async def _drop(tx: Session, keys: Sequence[str]) -> None:
    await tx.execute(
        delete(IdempotencyRow).where(
            IdempotencyRow.tenant_id == tx.tenant_id, IdempotencyRow.key.in_(keys)
        )
    )


def _texts(body: bytes) -> set[str]:
    """All texts that stand as values in a JSON body."""
    found: set[str] = set()
    pending = [orjson.loads(body)] if body else []
    while pending:
        match pending.pop():
            case str() as text_:
                found.add(text_)
            case list() as parts:
                pending += parts
            case dict() as parts:
                pending += parts.values()
    return found


async def _idempotency(
    request: Request,
    response: Response,
    # not `key`: a path may have a parameter of that name
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> Idempotency:
    key = idempotency_key
    if key is not None and not (0 < len(key) <= _MOST_CHARACTERS and key.isprintable()):
        message = f"1 to {_MOST_CHARACTERS} printable characters"
        fault = {
            "field": "Idempotency-Key",
            "code": "IDEMPOTENCY_KEY_INVALID",
            "message": message,
        }
        raise InvalidError(message, errors=[fault])
    return Idempotency(request, response, key, request.app.state.auth.clock)


Idempotent = Annotated[Idempotency, Depends(_idempotency)]


async def fingerprint_of(request: Request) -> str:
    """SHA-256 in hex over caller, method, address and body; of multipart, over its contents.

    A multipart body has another boundary each time it is sent, so its bytes say nothing.
    """
    digest = hashlib.sha256()
    caller = getattr(request.state, "principal_key", "")
    for part in (caller, request.method, request.url.path, request.url.query):
        _add(digest, part.encode())
    if request.headers.get("content-type", "").startswith("multipart/"):
        for name, value in (await request.form()).multi_items():
            _add(digest, name.encode())
            if isinstance(value, UploadFile):
                _add(digest, (value.filename or "").encode())
                _add(digest, await _content_hash(value))
            else:
                _add(digest, value.encode())
    else:
        _add(digest, await request.body())
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", part: bytes) -> None:
    # with its length: "ab" + "c" is not "a" + "bc"
    digest.update(len(part).to_bytes(8, "big"))
    digest.update(part)


async def _content_hash(file: UploadFile) -> bytes:
    digest = hashlib.sha256()
    await file.seek(0)
    while chunk := await file.read(_CHUNK):
        digest.update(chunk)
    await file.seek(0)
    return digest.digest()


def _claim(db: Database, key: str) -> AbstractContextManager[None]:
    """Refuse a twin while the first is written; PostgreSQL does it by a lock, see `_lock`."""
    if not db.storage.is_sqlite:
        return nullcontext()
    in_flight: set[_Name] = db.storage.shared.setdefault("in_flight", set())
    return _claimed(in_flight, (db.tenant_id, key))


@contextmanager
def _claimed(
    in_flight: set[tuple[UUID | None, str]], name: tuple[UUID | None, str]
) -> Iterator[None]:
    if name in in_flight:
        raise IdempotencyInProgress(retry_after=_RETRY_AFTER_S)
    in_flight.add(name)
    try:
        yield
    finally:
        in_flight.discard(name)


async def _lock(tx: Session, tenant_id: UUID, key: str) -> None:
    if tx.get_bind().dialect.name != "postgresql":
        return
    name = f"idempotency:{tenant_id}:{key}"
    if not await tx.scalar(_LOCK, {"name": name}, execution_options=_FENCED):
        raise IdempotencyInProgress(retry_after=_RETRY_AFTER_S)


def _encode(result: Any) -> bytes:
    return (
        result.model_dump_json().encode() if isinstance(result, BaseModel) else orjson.dumps(result)
    )
