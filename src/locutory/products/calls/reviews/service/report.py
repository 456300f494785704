"""How far people agree with one another, and with the engine."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

from locutory.capabilities.analysis.api import AnswerState, find_template, points_for
from locutory.capabilities.analysis.contract import Parameter, ParameterType, Template
from locutory.kernel.clock import utc_now
from locutory.kernel.db import Database, Session
from locutory.products.calls.reviews import queries
from locutory.products.calls.reviews.agreement import Agreement, agreement
from locutory.products.calls.reviews.contract import ReviewKind
from locutory.products.calls.reviews.schemas import (
    AgreementAsk,
    AgreementRead,
    AgreementReport,
    ParameterAgreement,
)

MOST_REVIEWS = 5000
_WINDOW = timedelta(days=90)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_WEIGHTED = {ParameterType.SCALE, ParameterType.NUMBER}
_NA = ("n/a",)  # no template has an option like it

_Pairs = list[tuple[Hashable, Hashable]]


@dataclass(slots=True)
class _Question:
    template: Template
    parameter: Parameter
    person_person: _Pairs = field(default_factory=list)
    person_ai: _Pairs = field(default_factory=list)


async def report(db: Database, ask: AgreementAsk, *, asked_by: UUID) -> AgreementReport:
    """Agreement per parameter over the reviews that were submitted in that time.

    Calls that the asker has yet to calibrate are left out: the figures would tell of the others.
    """
    # by whole days: who asks twice gets one answer
    tomorrow = datetime.combine(utc_now().date() + timedelta(days=1), time(), tzinfo=UTC)
    until = ask.to or tomorrow
    since = ask.from_ or (until - _WINDOW if until - _EARLIEST > _WINDOW else _EARLIEST)
    async with db.read() as session:
        rows = await queries.submitted(
            session, since, until, template_id=ask.template_id, limit=MOST_REVIEWS
        )
        truncated = len(rows) > MOST_REVIEWS
        blind = await queries.still_blind(session, asked_by)
        rows = [row for row in rows[:MOST_REVIEWS] if row.call_id not in blind]
        engine = await queries.engine_scores(session, {row.call_id for row in rows})
        templates = await _templates(session, rows)
    questions = _questions(rows, engine, templates)
    return AgreementReport(
        from_=since,
        to=until,
        reviews=len(rows),
        truncated=truncated,
        parameters=[_read(question) for question in questions],
    )


async def _templates(session: Session, rows: Sequence[Any]) -> dict[UUID, Template]:
    """Of each template, the newest version that was reviewed."""
    versions: dict[UUID, int] = {}
    for row in rows:
        versions[row.template_id] = max(row.template_version, versions.get(row.template_id, 0))
    found = {
        template_id: await find_template(session, template_id, version)
        for template_id, version in sorted(versions.items())
    }
    return {key: template for key, template in found.items() if template is not None}


def _questions(
    rows: Sequence[Any],
    engine: Mapping[tuple[UUID, UUID], Sequence[Any]],
    templates: Mapping[UUID, Template],
) -> list[_Question]:
    questions = {
        (template_id, parameter.key): _Question(template, parameter)
        for template_id, template in templates.items()
        for parameter in template.parameters
    }
    calibrations: dict[tuple[UUID, UUID], list[tuple[UUID, dict[str, Hashable]]]]
    calibrations = defaultdict(list)
    for row in rows:
        template = templates.get(row.template_id)
        if template is None:
            continue
        said = _persons(template, row.answers)
        place = (row.call_id, row.template_id)
        judged = _engines(template, engine.get(place, ()))
        for key in said.keys() & judged.keys():
            questions[row.template_id, key].person_ai.append((said[key], judged[key]))
        if row.kind == ReviewKind.CALIBRATION:
            calibrations[place].append((row.reviewer_id, said))
    for (_, template_id), graded in calibrations.items():
        # in one order of people throughout: each pair of them keeps its first and its second
        graded.sort(key=lambda one: one[0])
        for (_, one), (_, other) in combinations(graded, 2):
            for key in one.keys() & other.keys():
                questions[template_id, key].person_person.append((one[key], other[key]))
    return [q for q in questions.values() if q.person_ai or q.person_person]


def _persons(template: Template, answers: Sequence[Mapping[str, Any]]) -> dict[str, Hashable]:
    said: dict[str, Hashable] = {}
    for answer in answers:
        parameter = template.parameter(answer["key"])
        if parameter is not None:
            value = _value(parameter, answer["value"], na=answer["na"])
            if value is not None:
                said[parameter.key] = value
    return said


def _engines(template: Template, answers: Sequence[Mapping[str, Any]]) -> dict[str, Hashable]:
    judged: dict[str, Hashable] = {}
    for row in answers:
        parameter = template.parameter(row["key"])
        if parameter is None or row["state"] == AnswerState.NEEDS_REVIEW:
            continue
        value = _value(parameter, row["value"], na=row["state"] == AnswerState.NA)
        if value is not None:
            judged[parameter.key] = value
    return judged


def _value(parameter: Parameter, value: Any, *, na: bool) -> Hashable:
    """What is compared; None for what is no answer. Of a figure, the band that it lies in."""
    if na:
        return _NA
    points = points_for(parameter, value)
    if points is None:
        return None
    return points if parameter.type is ParameterType.METRIC else value


def _read(question: _Question) -> ParameterAgreement:
    parameter = question.parameter
    return ParameterAgreement(
        template_id=question.template.id,
        template=question.template.name,
        key=parameter.key,
        question=parameter.question,
        type=parameter.type,
        person_person=_agreement(parameter, question.person_person),
        person_ai=_agreement(parameter, question.person_ai),
    )


def _agreement(parameter: Parameter, pairs: _Pairs) -> AgreementRead:
    found: Agreement = agreement(pairs, weighted=parameter.type in _WEIGHTED, not_applicable=_NA)
    return AgreementRead(
        n=found.n, percent=found.percent, kappa=found.kappa, weighted=found.weighted
    )
