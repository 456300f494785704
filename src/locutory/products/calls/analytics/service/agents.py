"""Floor agents: who does well, and which calls to listen to with one of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from locutory.kernel.auth.contract import Access
from locutory.kernel.db import Session
from locutory.kernel.ids import KERNEL
from locutory.kernel.paging import decode_cursor, encode_cursor
from locutory.products.calls.analytics import queries
from locutory.products.calls.analytics.contract import FloorAgentNotFound
from locutory.products.calls.analytics.figures import Sums, columns_of, figure, total
from locutory.products.calls.analytics.queries import Slice
from locutory.products.calls.analytics.schemas import (
    AgentFigureRead,
    AgentRead,
    Ask,
    BoardAsk,
    BoardRead,
    BoardRow,
    CoachRead,
)
from locutory.products.calls.analytics.service.asking import (
    Asked,
    asked_of,
    day_of,
    key_pairs,
    pair_of,
)
from locutory.products.calls.analytics.service.found import read_objection
from locutory.products.calls.analytics.service.trends import trend_of
from locutory.products.calls.analytics.statistics import Sample, shrunk

TOO_FEW = 5
_COLUMNS = {
    "pass_pct": "pass_rate",
    "talk_ratio": "talk_ratio",
    "dead_air_pct": "dead_air_pct",
    "interruptions_per_10min": "interruptions_agent_per_10min",
    "sentiment_trend": "sentiment_trend",
    "handled_objection_pct": "handled_rate",
}
_BOARD = ("score", "calls", *_COLUMNS.values())
_PROFILE = (
    "calls",
    "handle_s",
    "score",
    "pass_rate",
    "auto_fail_rate",
    "sentiment",
    "sentiment_trend",
    "talk_ratio",
    "dead_air_pct",
    "overtalk_pct",
    "silence_pct",
    "interruptions_agent_per_10min",
    "longest_mono_agent_ms",
    "patience_ms",
    "questions_agent_per_10min",
    "wpm_agent",
    "bant_coverage",
    "objections_per_100",
    "handled_rate",
)
# Which end of a figure is worth listening to, and how a person would say so.
_COACHED = {
    "score": (False, "low_score"),
    "auto_failed": (True, "auto_fail"),
    "sentiment_trend": (False, "mood_fell"),
    "longest_dead_air_ms": (True, "long_dead_air"),
    "interruptions_agent_per_10min": (True, "interruptions"),
    "objections_no": (True, "objection_not_handled"),
}
_PER_REASON = 3
_COACHED_FROM = 500  # of the period, the newest
_MOST_COACHED = 10
_SORT = "floor-agents"


async def leaderboard(access: Access, ask: BoardAsk) -> BoardRead:
    """The floor agents of the period, best first."""
    asked = asked_of(access, ask)
    after = decode_cursor(ask.cursor, _SORT, list)[0] if ask.cursor else None
    async with access.db.read() as session:
        ranked, mean = await _ranked(session, asked)
    if after is not None:
        ranked = [row for row in ranked if _place(row) > after]
    page = ranked[: ask.limit]
    more = len(ranked) > ask.limit
    return BoardRead(
        scope=asked.scope(),
        business_mean=mean,
        items=page,
        next_cursor=encode_cursor(_SORT, _place(page[-1]), KERNEL) if more else None,
    )


async def floor_agent(access: Access, agent_id: str, ask: Ask) -> AgentRead:
    """One floor agent beside the business, over time, and calls to listen to.

    Raises FloorAgentNotFound.
    """
    asked = asked_of(access, ask)
    mine = replace(asked, where=replace(asked.where, agents=(agent_id,)))
    async with access.db.read() as session:
        if not await queries.knows_agent(session, agent_id):
            raise FloorAgentNotFound
        ranked, mean = await _ranked(session, replace(asked, where=replace(asked.where, agents=())))
        pair = await pair_of(session, mine, _PROFILE, "has_text")
        business = await pair_of(
            session,
            replace(asked, where=replace(asked.where, agents=()), compare=False),
            _PROFILE,
        )
        trend = await trend_of(session, mine, ask.granularity, "score")
        objections = await key_pairs(session, mine, "objection", limit=20)
        coaching = await _coaching(session, mine.where)
    row = next((one for one in ranked if one.agent_id == agent_id), None)
    return AgentRead(
        scope=mine.scope(),
        row=row or _row(agent_id, total([], columns_of(_BOARD)), None, mean),
        of_agents=sum(not one.too_few for one in ranked),
        figures=[
            AgentFigureRead(agent=pair.read(key), business=figure(key, business.now).value)
            for key in _PROFILE
        ],
        trend=trend,
        objections=[read_objection(pair, one, was) for one, was in objections],
        coaching=coaching,
    )


async def _ranked(db: Session, asked: Asked) -> tuple[list[BoardRow], float | None]:
    """All floor agents in order with their ranks, and the business's mean score."""
    columns = columns_of(_BOARD)
    found = await queries.sums(db, asked.where, columns, ("agent",))
    mean = figure("score", total(found, columns)).value
    rows = [_row(one["agent"], one, one["agent_name"], mean) for one in found if one["agent"] != ""]
    rows.sort(key=_place)
    rank = 0
    for row in rows:
        if not row.too_few:
            rank += 1
            row.rank = rank
    return rows, mean


def _row(agent: str, sums: Sums, name: str | None, mean: float | None) -> BoardRow:
    sample = Sample(sums["score_n"], sums["score_sum"], sums["score_sq"])
    return BoardRow(
        agent_id=agent,
        name=name,
        rank=None,
        too_few=sample.n < TOO_FEW,
        n=sample.n,
        calls=sums["calls"],
        score=sample.mean,
        rank_score=None if mean is None or not sample.n else shrunk(sample, mean),
        **{column: figure(key, sums).value for column, key in _COLUMNS.items()},
    )


def _place(row: BoardRow) -> list[Any]:
    """Where a row stands: enough calls first, then the score, then the number of calls."""
    score = -1.0 if row.rank_score is None else row.rank_score
    return [row.too_few, -score, -row.n, row.agent_id]


async def _coaching(db: Session, where: Slice) -> list[CoachRead]:
    """Of the newest calls those that stand out, those with most reasons first."""
    order = {name: descending for name, (descending, _) in _COACHED.items()}
    found = await queries.coachable(db, where, order, newest=_COACHED_FROM, limit=_PER_REASON)
    reasons: dict[str, list[str]] = {}
    rows: dict[str, Any] = {}
    for name, row in found:
        rows[row.callid] = row
        reasons.setdefault(row.callid, []).append(_COACHED[name][1])
    chosen: Sequence[str] = sorted(reasons, key=lambda callid: -len(reasons[callid]))
    return [
        CoachRead(
            callid=callid,
            day=day_of(rows[callid].day),
            reasons=reasons[callid],
            score=rows[callid].score,
            sentiment_trend=rows[callid].sentiment_trend,
            longest_dead_air_ms=rows[callid].longest_dead_air_ms,
            interruptions_per_10min=rows[callid].interruptions_agent_per_10min,
        )
        for callid in chosen[:_MOST_COACHED]
    ]
