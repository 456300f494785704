"""A call's scores: the engine's, what people say, and which of them counts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from locutory.capabilities.analysis.api import (
    PersonsAnswer,
    find_template,
    merged,
    rows_of_engine,
    rows_of_person,
    scorecard,
    template_in_force,
)
from locutory.capabilities.analysis.contract import GradingMode, TalkFacts, Template
from locutory.kernel.clock import rfc3339, utc_now
from locutory.kernel.db import Session
from locutory.kernel.events import emit
from locutory.products.calls.businesses.roster import team_of
from locutory.products.calls.records.marks import mark_stale
from locutory.products.calls.records.models import CallRecord
from locutory.products.calls.reviews import queries
from locutory.products.calls.reviews.contract import ScoreChanged, ScoreSource
from locutory.products.calls.reviews.models import CallScore


async def template_for(session: Session, record: CallRecord) -> Template:
    """The template that the call is scored by when it is analysed now."""
    facts = TalkFacts(
        direction=record.direction,
        agent_id=record.agent_id,
        team=None if record.agent_id is None else await team_of(session, record.agent_id),
        tags=tuple(record.tags),
        language=record.language,
    )
    return await template_in_force(session, facts)


async def template_of_score(session: Session, record: CallRecord) -> Template:
    """The version of the template that the call was scored by, else the one in force."""
    for row in await queries.scores(session, record.id):
        if row.current:
            found = await find_template(session, row.template_id, row.template_version)
            if found is not None:
                return found
    return await template_for(session, record)


async def store_engine_score(
    tx: Session, record: CallRecord, template: Template, quality: Mapping[str, Any] | None
) -> None:
    """Keep what the engine answered (None: nothing) and set the call's score.

    What people said of the call stays and counts again. Doing it twice changes nothing more.
    """
    await queries.lock_call(tx, record.id)
    engine = await queries.find_score(tx, record.id, template.id, ScoreSource.AI)
    if quality is None:
        if engine is not None:
            await tx.delete(engine)
            await tx.flush()
    else:
        rows = rows_of_engine(template, quality.get("parameters") or ())
        await _keep(tx, record.id, template, ScoreSource.AI, rows)
    await _settle(tx, record, template)


async def store_answers(
    tx: Session,
    record: CallRecord,
    template: Template,
    answers: Sequence[PersonsAnswer],
    *,
    by: str,
    review_id: UUID,
) -> None:
    """Put a person's answers above the engine's; those of earlier reviews stay where not given."""
    await queries.lock_call(tx, record.id)
    human = await queries.find_score(tx, record.id, template.id, ScoreSource.HUMAN)
    said = {} if human is None else _fitting(template, human)
    said |= rows_of_person(template, answers, by=by, review_id=str(review_id))
    await _keep(tx, record.id, template, ScoreSource.HUMAN, said)
    await _settle(tx, record, template)


async def _settle(tx: Session, record: CallRecord, template: Template) -> None:
    """Merge what there is, say which template is current, and let the call's score follow."""
    engine = await queries.find_score(tx, record.id, template.id, ScoreSource.AI)
    human = await queries.find_score(tx, record.id, template.id, ScoreSource.HUMAN)
    counting = engine if template.grading_mode is GradingMode.AUTO else None
    if human is not None:
        rows = merged({} if engine is None else _by_key(engine), _fitting(template, human))
        counting = await _keep(tx, record.id, template, ScoreSource.MERGED, rows)
    for row in await queries.scores(tx, record.id):
        row.current = row.template_id == template.id
    previous, score = record.overall_score, None if counting is None else counting.total
    record.overall_score = score
    await tx.flush()
    await mark_stale(tx, record.id)
    first = previous is None and human is None  # the analysis tells of it by itself
    if score != previous and not first:
        source = ScoreSource.AI if counting is None else counting.source
        changed = ScoreChanged(callid=record.callid, score=score, previous=previous, source=source)
        await emit(tx, changed)


async def _keep(
    tx: Session,
    call_id: UUID,
    template: Template,
    source: ScoreSource,
    rows: Mapping[str, Mapping[str, Any]],
) -> CallScore:
    row = await queries.find_score(tx, call_id, template.id, source)
    if row is None:
        row = CallScore(call_id=call_id, template_id=template.id, source=source, current=True)
        tx.add(row)
    card = scorecard(template, rows)
    row.template_name, row.template_version = template.name, template.version
    row.grading_mode, row.scored_at = template.grading_mode, utc_now()
    for name, value in card.items():
        setattr(row, name, value)
    await tx.flush()
    return row


def _by_key(score: CallScore) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in score.answers}


def _fitting(template: Template, human: CallScore) -> dict[str, dict[str, Any]]:
    """What people said, by the version that scores now: questions that are gone drop out."""
    if human.template_version == template.version:
        return _by_key(human)
    kept: dict[str, dict[str, Any]] = {}
    for row in human.answers:
        parameter = template.parameter(row["key"])
        if parameter is None or parameter.type != row["type"]:
            continue
        if row["na"] and not parameter.na_allowed:
            continue
        answer = PersonsAnswer(
            key=row["key"], value=row["value"], na=row["na"], comment=row["reason"]
        )
        more = {name: row[name] for name in ("by", "review_id")}
        anew = rows_of_person(template, [answer], **more)
        if row["na"] or anew[row["key"]]["points"] is not None:
            kept |= anew
    return kept


def shown(scores: Iterable[CallScore]) -> list[dict[str, Any]]:
    """A call's scores for its page: the one that counts first, old templates' last."""
    rank = {ScoreSource.MERGED: 0, ScoreSource.AI: 1, ScoreSource.HUMAN: 2}
    rows = sorted(scores, key=lambda row: (not row.current, rank[ScoreSource(row.source)]))
    return [_read(row) for row in rows]


def _read(row: CallScore) -> dict[str, Any]:
    return {
        "source": row.source,
        "template_id": str(row.template_id),
        "template": row.template_name,
        "version": row.template_version,
        "grading_mode": row.grading_mode,
        "current": row.current,
        "total": row.total,
        "pass": row.passed,
        "auto_fail": row.auto_fail,
        "state": row.state,
        "sections": row.sections,
        "parameters": row.answers,
        "scored_at": rfc3339(row.scored_at),
    }
