"""The views on the read models."""

from locutory.products.calls.analytics.service.agents import floor_agent, leaderboard
from locutory.products.calls.analytics.service.cost import cost
from locutory.products.calls.analytics.service.found import bant, objections, outcomes, topics
from locutory.products.calls.analytics.service.overview import overview
from locutory.products.calls.analytics.service.query import catalog, query
from locutory.products.calls.analytics.service.talk import asr_quality, conversation, sentiment
from locutory.products.calls.analytics.service.trends import trends
from locutory.products.calls.analytics.service.work import coverage, score_distribution

__all__ = [
    "asr_quality",
    "bant",
    "catalog",
    "conversation",
    "cost",
    "coverage",
    "floor_agent",
    "leaderboard",
    "objections",
    "outcomes",
    "overview",
    "query",
    "score_distribution",
    "sentiment",
    "topics",
    "trends",
]
