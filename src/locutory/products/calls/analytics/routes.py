"""Figures over HTTP."""

from typing import Annotated

from fastapi import Query

from locutory.kernel.auth.contract import Access, embedded
from locutory.kernel.auth.dependencies import SecuredRouter, SettledPrincipal, access
from locutory.kernel.ratelimit import rate_limit
from locutory.products.calls.analytics import service
from locutory.products.calls.analytics.contract import ANALYTICS
from locutory.products.calls.analytics.schemas import (
    AgentRead,
    Ask,
    BantRead,
    BoardAsk,
    BoardRead,
    CatalogRead,
    CostRead,
    CoverageRead,
    DistributionRead,
    FiguresRead,
    KeysAsk,
    ObjectionsRead,
    OutcomesRead,
    OverviewRead,
    QueryAsk,
    QueryRead,
    SentimentRead,
    TopicsRead,
    TrendAsk,
    TrendsRead,
)

router = SecuredRouter(tags=["analytics"], dependencies=[rate_limit("default")])
Reader = Annotated[Access, access("calls:read")]
Viewer = Annotated[Access, access("calls:read", embedded(ANALYTICS))]
Asking = Annotated[Ask, Query()]
AskingKeys = Annotated[KeysAsk, Query()]


@router.get("/analytics/catalog")
async def get_catalog(principal: SettledPrincipal) -> CatalogRead:
    """The metrics, dimensions and filters of a query."""
    return service.catalog()


@router.get("/analytics/{bid}/overview")
async def get_overview(reader: Viewer, ask: Asking) -> OverviewRead:
    """The first page: tiles with their changes, top topics and objections, BANT."""
    return await service.overview(reader, ask)


@router.get("/analytics/{bid}/trends")
async def get_trends(reader: Viewer, ask: Annotated[TrendAsk, Query()]) -> TrendsRead:
    """Metrics over time, with moving means and the change against the period before."""
    return await service.trends(reader, ask)


@router.get("/analytics/{bid}/score-distribution")
async def get_score_distribution(reader: Viewer, ask: Asking) -> DistributionRead:
    """Scores in ten bins, with mean, median, spread, and what has no score."""
    return await service.score_distribution(reader, ask)


@router.get("/analytics/{bid}/conversation")
async def get_conversation(reader: Viewer, ask: Asking) -> FiguresRead:
    """How people talk: ratios, silence, interruptions, pace; means over calls."""
    return await service.conversation(reader, ask)


@router.get("/analytics/{bid}/sentiment")
async def get_sentiment(reader: Viewer, ask: Asking) -> SentimentRead:
    """How calls feel, by whom, and how they turn."""
    return await service.sentiment(reader, ask)


@router.get("/analytics/{bid}/topics")
async def get_topics(reader: Viewer, ask: AskingKeys) -> TopicsRead:
    """What calls are about, by calls and by minutes."""
    return await service.topics(reader, ask)


@router.get("/analytics/{bid}/objections")
async def get_objections(reader: Viewer, ask: AskingKeys) -> ObjectionsRead:
    """What customers object to, how often, and how it is handled."""
    return await service.objections(reader, ask)


@router.get("/analytics/{bid}/bant")
async def get_bant(reader: Viewer, ask: Asking) -> BantRead:
    """What is known of budget, authority, need and time."""
    return await service.bant(reader, ask)


@router.get("/analytics/{bid}/outcomes")
async def get_outcomes(reader: Viewer, ask: AskingKeys) -> OutcomesRead:
    """How calls end."""
    return await service.outcomes(reader, ask)


@router.get("/analytics/{bid}/coverage")
async def get_coverage(reader: Viewer, ask: Asking) -> CoverageRead:
    """How many calls are analysed, how soon, and where the time goes."""
    return await service.coverage(reader, ask)


@router.get("/analytics/{bid}/asr-quality")
async def get_asr_quality(reader: Viewer, ask: Asking) -> FiguresRead:
    """How far transcripts can be trusted."""
    return await service.asr_quality(reader, ask)


@router.get("/analytics/{bid}/cost")
async def get_cost(reader: Reader, ask: Asking) -> CostRead:
    """What judging calls costs: per call, minute, day, floor agent and analysis agent."""
    return await service.cost(reader, ask)


@router.get("/analytics/{bid}/floor-agents")
async def list_floor_agents(reader: Reader, ask: Annotated[BoardAsk, Query()]) -> BoardRead:
    """The leaderboard: floor agents by their score, few calls drawn to the business's mean."""
    return await service.leaderboard(reader, ask)


@router.get("/analytics/{bid}/floor-agents/{agent_id}")
async def get_floor_agent(reader: Reader, agent_id: str, ask: Asking) -> AgentRead:
    """One floor agent beside the business, over time, and calls worth listening to."""
    return await service.floor_agent(reader, agent_id, ask)


@router.post("/analytics/{bid}/query")
async def query_analytics(reader: Reader, ask: QueryAsk) -> QueryRead:
    """Metrics of the catalogue, split by up to two dimensions."""
    return await service.query(reader, ask)
