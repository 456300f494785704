"""Scoring templates over the wire, and what one would make of calls."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from locutory.capabilities.analysis.api import (
    BUILT_IN,
    Analyst,
    archive_template,
    change_template,
    create_template,
    find_template,
    get_template,
    list_templates,
    publish_template,
    rows_of_engine,
    run_agents,
    scorecard,
    template_in_force,
)
from locutory.capabilities.analysis.contract import (
    BUILT_IN_TEMPLATE,
    QUALITY_AGENT,
    AppliesIf,
    Parameter,
    StoredTemplate,
    TalkFacts,
    Template,
    TemplateDraft,
    TemplateNotFound,
)
from locutory.kernel.auth.contract import Access
from locutory.kernel.db import Database, Session
from locutory.kernel.paging import decode_cursor, encode_cursor, split_page
from locutory.kernel.preconditions import Precondition
from locutory.products.calls.records import queries as records
from locutory.products.calls.records.transcripts import transcript_of
from locutory.products.calls.reviews import queries
from locutory.products.calls.reviews.schemas import (
    AppliesIfWrite,
    ParameterRead,
    PreviewAsk,
    PreviewRead,
    PreviewRow,
    QualityParameters,
    QualityTemplate,
    TemplateList,
    TemplatePage,
    TemplateRead,
    TemplateWrite,
)

_SORT = "templates"


async def list_(db: Database, ask: TemplateList) -> TemplatePage:
    """A page of templates by name, each in its newest version."""
    after = decode_cursor(ask.cursor, _SORT, str) if ask.cursor else None
    async with db.read() as session:
        found = await list_templates(session, status=ask.status, after=after, limit=ask.limit)
    page, more = split_page(found, ask.limit)
    last = page[-1].template if more else None
    return TemplatePage(
        items=[read(one) for one in page],
        next_cursor=None if last is None else encode_cursor(_SORT, last.name, last.id),
    )


async def get(db: Database, template_id: UUID, version: int | None) -> StoredTemplate:
    """One version, by default the newest. Raises TemplateNotFound."""
    async with db.read() as session:
        return await get_template(session, template_id, version)


async def create(tx: Session, data: TemplateWrite, *, actor: str) -> TemplateRead:
    """Write a draft. Raises TemplateNameTaken."""
    return read(await create_template(tx, _draft(data), actor=actor))


async def change(
    access: Access, template_id: UUID, data: TemplateWrite, *, expected: Precondition
) -> StoredTemplate:
    """Write the draft anew, or the next version's. Raises what `change_template` raises."""
    actor = access.principal.key
    return await access.db.write(
        lambda tx: change_template(tx, template_id, _draft(data), expected=expected, actor=actor)
    )


async def publish(access: Access, template_id: UUID, *, expected: Precondition) -> StoredTemplate:
    """Let the newest version score from now on. Raises what `publish_template` raises."""
    actor = access.principal.key
    return await access.db.write(
        lambda tx: publish_template(tx, template_id, expected=expected, actor=actor)
    )


async def archive(access: Access, template_id: UUID, *, expected: Precondition) -> None:
    """Take a template out of use. Raises TemplateNotFound, TemplateChanged."""
    actor = access.principal.key
    await access.db.write(
        lambda tx: archive_template(tx, template_id, expected=expected, actor=actor)
    )


async def quality_parameters(db: Database) -> QualityParameters:
    """What calls are scored by where no template with conditions fits."""
    async with db.read() as session:
        return parameters_of(await template_in_force(session, TalkFacts()))


async def preview(
    access: Access, analyst: Analyst, template_id: UUID, ask: PreviewAsk
) -> PreviewRead:
    """Try the newest (or another) version on calls; nothing is kept.

    Raises TemplateNotFound, CallNotFound.
    """
    async with access.db.read() as session:
        version = ask.version
        if version is None:
            version = (await get_template(session, template_id)).template.version
        template = await find_template(session, template_id, version)
        callids: Sequence[str] = ask.callids or await queries.newest_callids(session, ask.limit)
    if template is None:
        raise TemplateNotFound
    tries = [_try(access.db, analyst, template, callid) for callid in dict.fromkeys(callids)]
    items = await asyncio.gather(*tries)
    return PreviewRead(
        template_id=template.id, version=template.version, engine=analyst.engine, items=items
    )


async def _try(db: Database, analyst: Analyst, template: Template, callid: str) -> PreviewRow:
    async with db.read() as session:
        record = await records.get(session, callid)
        row = await records.transcript(session, record.id, record.transcript_version)
        metric = await records.metric(session, record.id)
    if row is None:
        return PreviewRow(
            callid=callid, score=None, present=record.overall_score, error="no transcript"
        )
    [result] = await run_agents(
        transcript_of(row),
        [spec for spec in BUILT_IN if spec.key == QUALITY_AGENT],
        tenant=str(db.tenant_id),
        llm=analyst.llm,
        variables={
            "template": template,
            "metrics": {} if metric is None else metric.figures,
            "call": {"callid": record.callid, "direction": record.direction},
            "floor_agent": {"id": record.agent_id, "name": record.agent_name},
        },
    )
    score = None
    if result.result is not None:
        card = scorecard(template, rows_of_engine(template, result.result["parameters"]))
        score = {
            "total": card["total"],
            "pass": card["passed"],
            "auto_fail": card["auto_fail"],
            "state": card["state"],
            "sections": card["sections"],
            "parameters": card["answers"],
        }
    return PreviewRow(callid=callid, score=score, present=record.overall_score, error=result.error)


def _draft(data: TemplateWrite) -> TemplateDraft:
    conditions = data.applies_if
    return TemplateDraft(
        name=data.name,
        grading_mode=data.grading_mode,
        applies_if=AppliesIf(
            directions=tuple(direction.value for direction in conditions.directions),
            agents=tuple(conditions.agents),
            teams=tuple(conditions.teams),
            tags=tuple(conditions.tags),
            languages=tuple(conditions.languages),
        ),
        pass_mark=data.pass_mark,
        critical_cap=data.critical_cap,
        parameters=tuple(Parameter(**dict(parameter)) for parameter in data.parameters),
    )


def read(stored: StoredTemplate) -> TemplateRead:
    """The wire shape of a version."""
    template, conditions = stored.template, stored.applies_if
    return TemplateRead(
        id=template.id,
        name=template.name,
        version=template.version,
        status=stored.status,
        published_version=stored.published_version,
        grading_mode=template.grading_mode,
        applies_if=AppliesIfWrite.model_validate(
            {
                "directions": conditions.directions,
                "agents": conditions.agents,
                "teams": conditions.teams,
                "tags": conditions.tags,
                "languages": conditions.languages,
            }
        ),
        pass_mark=template.pass_mark,
        critical_cap=template.critical_cap,
        parameters=[_parameter(parameter) for parameter in template.parameters],
        created_by=stored.created_by,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        published_at=stored.published_at,
    )


def parameters_of(template: Template) -> QualityParameters:
    """The wire shape of a template as it scores."""
    return QualityParameters(
        template=QualityTemplate(
            id=template.id,
            name=template.name,
            version=template.version,
            grading_mode=template.grading_mode,
            pass_mark=template.pass_mark,
            critical_cap=template.critical_cap,
            built_in=template.id == BUILT_IN_TEMPLATE,
        ),
        parameters=[_parameter(parameter) for parameter in template.parameters],
    )


def _parameter(parameter: Parameter) -> ParameterRead:
    return ParameterRead(
        key=parameter.key,
        section=parameter.section,
        question=parameter.question,
        type=parameter.type,
        weight=parameter.weight,
        critical=parameter.critical,
        na_allowed=parameter.na_allowed,
        guidance=parameter.guidance,
        options=dict(parameter.options),
        binding=dict(parameter.binding),
    )
