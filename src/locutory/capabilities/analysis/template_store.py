"""Scoring templates of a tenant: versions that are written, published, archived, and found.

A template keeps its id over all versions. What is published never changes: an edit of it makes the
next version, a draft until somebody publishes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from locutory.capabilities.analysis.contract import (
    BUILT_IN_TEMPLATE,
    AppliesIf,
    GradingMode,
    Parameter,
    ParameterType,
    StoredTemplate,
    TalkFacts,
    Template,
    TemplateArchived,
    TemplateChanged,
    TemplateDraft,
    TemplateNameTaken,
    TemplateNotFound,
    TemplateStatus,
)
from locutory.capabilities.analysis.models import AnalysisParameter, AnalysisTemplate
from locutory.capabilities.analysis.templates import DEFAULT_TEMPLATE
from locutory.kernel.audit import audit
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Session
from locutory.kernel.ids import new_id
from locutory.kernel.paging import keyset
from locutory.kernel.preconditions import Precondition, etag_of

_T, _P = AnalysisTemplate, AnalysisParameter
_FIELDS = ("section", "key", "question", "weight", "critical", "na_allowed", "guidance")


async def list_templates(
    session: Session,
    *,
    status: TemplateStatus | None,
    after: tuple[Any, UUID] | None,
    limit: int,
) -> list[StoredTemplate]:
    """The newest versions by name, one more than `limit`; archived ones only where asked for."""
    statement = select(_T).where(_T.head)
    if status is None:
        statement = statement.where(_T.status != TemplateStatus.ARCHIVED)
    else:
        statement = statement.where(_T.status == status)
    rows = await session.scalars(
        keyset(
            statement,
            column=_T.name,
            id_column=_T.template_id,
            after=after,
            descending=False,
            limit=limit,
        )
    )
    return await _stored(session, rows.all())


async def get_template(
    session: Session, template_id: UUID, version: int | None = None
) -> StoredTemplate:
    """One version of a template, by default the newest. Raises TemplateNotFound."""
    wanted = _T.head if version is None else _T.version == version
    row = await session.scalar(select(_T).where(_T.template_id == template_id, wanted))
    if row is None:
        raise TemplateNotFound
    return (await _stored(session, [row]))[0]


async def create_template(tx: Session, draft: TemplateDraft, *, actor: str) -> StoredTemplate:
    """Write the first version of a template. Raises TemplateNameTaken."""
    row = AnalysisTemplate(id=new_id(), template_id=new_id(), version=1, revision=1)
    await _check_name(tx, draft.name, row.template_id)
    await _write(tx, row, draft, actor=actor)
    await _note(tx, "template.create", row, actor)
    return await get_template(tx, row.template_id)


async def change_template(
    tx: Session, template_id: UUID, draft: TemplateDraft, *, expected: Precondition, actor: str
) -> StoredTemplate:
    """Write the draft anew; beside a published version, a draft of the next one.

    Raises TemplateNotFound, TemplateChanged where `expected` is another etag, TemplateArchived,
    TemplateNameTaken.
    """
    row = await _head(tx, template_id, expected)
    if row.status == TemplateStatus.ARCHIVED:
        raise TemplateArchived
    await _check_name(tx, draft.name, template_id)
    version, revision = row.version, row.revision + 1
    if row.status == TemplateStatus.PUBLISHED:
        version, row.head = version + 1, False
        await tx.flush()
        row = AnalysisTemplate(id=new_id(), template_id=template_id, version=version)
    else:
        await tx.execute(delete(_P).where(_P.version_id == row.id))
    row.revision = revision
    await _write(tx, row, draft, actor=actor)
    await _note(tx, "template.change", row, actor)
    return await get_template(tx, template_id)


async def publish_template(
    tx: Session, template_id: UUID, *, expected: Precondition, actor: str
) -> StoredTemplate:
    """Let the newest version score from now on; the one before is archived.

    Raises TemplateNotFound, TemplateChanged, TemplateArchived.
    """
    head = await _head(tx, template_id, expected)
    if head.status == TemplateStatus.ARCHIVED:
        raise TemplateArchived
    if head.status == TemplateStatus.DRAFT:
        await tx.execute(
            update(_T)
            .where(_T.template_id == template_id, _T.status == TemplateStatus.PUBLISHED)
            .values(status=TemplateStatus.ARCHIVED)
        )
        now = utc_now()
        head.status, head.published_at, head.updated_at = TemplateStatus.PUBLISHED, now, now
        head.revision += 1
        await tx.flush()
        await _note(tx, "template.publish", head, actor)
    return await get_template(tx, template_id)


async def archive_template(
    tx: Session, template_id: UUID, *, expected: Precondition, actor: str
) -> None:
    """Take a template out of use; its versions stay for the scores that were given by them.

    Raises TemplateNotFound, TemplateChanged.
    """
    head = await _head(tx, template_id, expected)
    if head.status == TemplateStatus.ARCHIVED:
        return
    await tx.execute(
        update(_T)
        .where(_T.template_id == template_id)
        .values(status=TemplateStatus.ARCHIVED, updated_at=utc_now())
    )
    head.revision += 1
    await _note(tx, "template.archive", head, actor)


async def template_in_force(session: Session, facts: TalkFacts) -> Template:
    """The published template whose conditions fit, first by name; else the default one.

    The default is the template without conditions that was published last, else the built-in one.
    """
    rows = await session.scalars(
        select(_T).where(_T.status == TemplateStatus.PUBLISHED).order_by(_T.name, _T.template_id)
    )
    default: AnalysisTemplate | None = None
    for row in rows.all():
        conditions = _conditions(row.applies_if)
        if not conditions.unconditional:
            if conditions.fits(facts):
                return await _template(session, row)
        elif default is None or _published(row) > _published(default):
            default = row
    return DEFAULT_TEMPLATE if default is None else await _template(session, default)


async def find_template(session: Session, template_id: UUID, version: int) -> Template | None:
    """One version as it scores, also the built-in one."""
    if template_id == BUILT_IN_TEMPLATE:
        return DEFAULT_TEMPLATE
    row = await session.scalar(
        select(_T).where(_T.template_id == template_id, _T.version == version)
    )
    return None if row is None else await _template(session, row)


def _published(row: AnalysisTemplate) -> Any:
    return row.published_at, row.id


async def _head(tx: Session, template_id: UUID, expected: Precondition) -> AnalysisTemplate:
    """The newest version of a template that nobody else may change until the commit."""
    # the first version's row is the lock: the newest one is another row after each publication
    first = select(_T.id).where(_T.template_id == template_id, _T.version == 1)
    if await tx.scalar(first.with_for_update()) is None:
        raise TemplateNotFound
    head = select(_T).where(_T.template_id == template_id, _T.head)
    row = (await tx.scalars(head)).one()
    if not expected.holds(etag_of(row.version, row.revision)):
        raise TemplateChanged
    return row


async def _check_name(tx: Session, name: str, template_id: UUID) -> None:
    others = select(func.count(_T.id)).where(
        _T.name == name, _T.template_id != template_id, _T.status != TemplateStatus.ARCHIVED
    )
    if await tx.scalar(others):
        raise TemplateNameTaken


async def _write(tx: Session, row: AnalysisTemplate, draft: TemplateDraft, *, actor: str) -> None:
    """Make the row the draft's, with its parameters. Raises TemplateNameTaken."""
    conditions = draft.applies_if
    row.head, row.status = True, TemplateStatus.DRAFT
    row.name, row.grading_mode = draft.name, draft.grading_mode
    row.applies_if = {
        "directions": list(conditions.directions),
        "agents": list(conditions.agents),
        "teams": list(conditions.teams),
        "tags": list(conditions.tags),
        "languages": list(conditions.languages),
    }
    row.pass_mark, row.critical_cap = draft.pass_mark, draft.critical_cap
    row.created_by, row.updated_at = actor, utc_now()
    tx.add(row)
    for position, parameter in enumerate(draft.parameters):
        tx.add(
            AnalysisParameter(
                version_id=row.id,
                position=position,
                type=parameter.type,
                options=dict(parameter.options),
                binding=dict(parameter.binding),
                **{name: getattr(parameter, name) for name in _FIELDS},
            )
        )
    try:
        await tx.flush()
    except IntegrityError as error:  # a race that only an index can see
        raise TemplateNameTaken from error


async def _note(tx: Session, action: str, row: AnalysisTemplate, actor: str) -> None:
    await audit(
        tx,
        actor=actor,
        action=action,
        object=f"template:{row.template_id}",
        name=row.name,
        version=row.version,
    )


async def _stored(session: Session, rows: Sequence[AnalysisTemplate]) -> list[StoredTemplate]:
    parameters = await _parameters(session, [row.id for row in rows])
    published = await session.execute(
        select(_T.template_id, _T.version).where(
            _T.template_id.in_([row.template_id for row in rows]),
            _T.status == TemplateStatus.PUBLISHED,
        )
    )
    in_force = {row.template_id: row.version for row in published}
    return [
        StoredTemplate(
            template=_as_template(row, parameters.get(row.id, ())),
            status=TemplateStatus(row.status),
            applies_if=_conditions(row.applies_if),
            revision=row.revision,
            published_version=in_force.get(row.template_id),
            created_by=row.created_by,
            created_at=row.created_at,
            updated_at=row.updated_at,
            published_at=row.published_at,
        )
        for row in rows
    ]


async def _template(session: Session, row: AnalysisTemplate) -> Template:
    parameters = await _parameters(session, [row.id])
    return _as_template(row, parameters.get(row.id, ()))


async def _parameters(
    session: Session, version_ids: Sequence[UUID]
) -> dict[UUID, tuple[Parameter, ...]]:
    rows = await session.scalars(
        select(_P).where(_P.version_id.in_(version_ids)).order_by(_P.version_id, _P.position)
    )
    found: dict[UUID, tuple[Parameter, ...]] = {}
    for row in rows.all():
        parameter = Parameter(
            type=ParameterType(row.type),
            options=row.options,
            binding=row.binding,
            **{name: getattr(row, name) for name in _FIELDS},
        )
        found[row.version_id] = (*found.get(row.version_id, ()), parameter)
    return found


def _as_template(row: AnalysisTemplate, parameters: tuple[Parameter, ...]) -> Template:
    return Template(
        id=row.template_id,
        name=row.name,
        version=row.version,
        parameters=parameters,
        pass_mark=row.pass_mark,
        critical_cap=row.critical_cap,
        grading_mode=GradingMode(row.grading_mode),
    )


def _conditions(stored: Mapping[str, Any]) -> AppliesIf:
    return AppliesIf(**{name: tuple(listed) for name, listed in stored.items()})
