"""The types of objections that a business looks for."""

from typing import Any

from locutory.kernel.audit import audit
from locutory.kernel.auth.contract import Access
from locutory.kernel.auth.schemas import PageAsk
from locutory.kernel.db import Session
from locutory.kernel.ids import KERNEL
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.kernel.preconditions import Precondition, etag_of
from locutory.products.calls.findings import queries
from locutory.products.calls.findings.contract import (
    ChangedMeanwhile,
    TooMany,
    TypeKeyTaken,
    TypeNotFound,
)
from locutory.products.calls.findings.models import ObjectionTypeRow
from locutory.products.calls.findings.schemas import TypeCreate, TypePage, TypeRead, TypeUpdate
from locutory.products.calls.findings.service.watched import (
    BUILT_IN,
    KnownType,
    known_types,
    resolved,
)

MOST_TYPES = 100
_SORT = "objection_types:key"


async def list_types(access: Access, ask: PageAsk) -> TypePage:
    """A page of types by key."""
    after = decode_cursor(ask.cursor, _SORT, str)[0] if ask.cursor else ""
    async with access.db.read() as session:
        rows = await queries.type_rows(session)
    known = sorted(known_types(rows), key=lambda one: one.type.key)
    page, more = split_page([one for one in known if one.type.key > after], ask.limit)
    page = page[: ask.limit]
    next_cursor = encode_cursor(_SORT, page[-1].type.key, KERNEL) if more else None
    return TypePage(items=[read_type(one) for one in page], next_cursor=next_cursor)


async def create_type(tx: Session, data: TypeCreate, *, actor: str) -> TypeRead:
    """Keep a type of the business's own. Raises TypeKeyTaken, TooMany."""
    rows = await queries.type_rows(tx)
    if data.key in BUILT_IN or any(row.key == data.key for row in rows):
        raise TypeKeyTaken
    if len(rows) >= MOST_TYPES:
        raise TooMany
    row = ObjectionTypeRow(**data.model_dump())
    tx.add(row)
    await tx.flush()
    await _note(tx, actor, "create", row.key, changes=data.model_dump())
    return read_type(resolved(None, row))


async def update_type(
    access: Access, key: str, data: TypeUpdate, if_match: Precondition
) -> TypeRead:
    """Change a type; a built-in one gets a form of the business's own.

    Raises TypeNotFound, ChangedMeanwhile.
    """
    changes = data.model_dump(exclude_unset=True)

    async def store(tx: Session) -> TypeRead:
        row = await queries.find_type(tx, key)
        if row is None and key not in BUILT_IN:
            raise TypeNotFound
        require_version(if_match, 0 if row is None else row.version)
        if row is None:
            built_in = BUILT_IN[key]
            said = {language: list(phrases) for language, phrases in built_in.synonyms.items()}
            row = ObjectionTypeRow(
                key=key,
                label=built_in.label,
                synonyms=said,
                playbook=built_in.playbook,
                enabled=True,
                version=0,
            )
            tx.add(row)
        for name, value in changes.items():
            setattr(row, name, value)
        row.version += 1
        await tx.flush()
        await _note(tx, access.principal.key, "update", key, changes=changes)
        return read_type(resolved(None, row))

    return await access.db.write(store)


async def delete_type(access: Access, key: str, if_match: Precondition) -> None:
    """Delete a type of the business's own, or give a built-in one its first form back.

    Raises TypeNotFound, ChangedMeanwhile.
    """

    async def store(tx: Session) -> None:
        row = await queries.find_type(tx, key)
        if row is None and key not in BUILT_IN:
            raise TypeNotFound
        require_version(if_match, 0 if row is None else row.version)
        if row is not None:
            await tx.delete(row)
            await _note(tx, access.principal.key, "delete", key)

    await access.db.write(store)


def read_type(known: KnownType) -> TypeRead:
    """The wire shape of a type."""
    type_, row = known.type, known.row
    return TypeRead(
        key=type_.key,
        label=type_.label,
        synonyms={language: list(said) for language, said in type_.synonyms.items()},
        playbook=type_.playbook,
        enabled=known.enabled,
        built_in=type_.key in BUILT_IN,
        version=0 if row is None else row.version,
        updated_at=None if row is None else row.updated_at,
    )


def require_version(if_match: Precondition, version: int) -> None:
    """Refuse a change of what somebody else changed. Raises ChangedMeanwhile."""
    if not if_match.holds(etag_of(version)):
        raise ChangedMeanwhile


async def _note(tx: Session, actor: str, verb: str, key: str, **detail: Any) -> None:
    action = f"objection_type.{verb}"
    await audit(tx, actor=actor, action=action, object=f"objection_type:{key}", **detail)
