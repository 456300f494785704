"""All modules of the product."""

from locutory.kernel.module import Module
from locutory.products.calls.agents.module import module as agents
from locutory.products.calls.analytics.module import module as analytics
from locutory.products.calls.businesses.module import module as businesses
from locutory.products.calls.crm.module import module as crm
from locutory.products.calls.embeds.module import module as embeds
from locutory.products.calls.exchange.module import module as exchange
from locutory.products.calls.findings.module import module as findings
from locutory.products.calls.inbound.module import module as inbound
from locutory.products.calls.insights.module import module as insights
from locutory.products.calls.leads.module import module as leads
from locutory.products.calls.notices.module import module as notices
from locutory.products.calls.pipeline.module import module as pipeline
from locutory.products.calls.privacy.module import module as privacy
from locutory.products.calls.records.module import module as records
from locutory.products.calls.reviews.module import module as reviews
from locutory.products.calls.sources.module import module as sources

MODULES: tuple[Module, ...] = (
    businesses,
    records,
    findings,
    reviews,
    analytics,
    embeds,
    agents,
    sources,
    inbound,
    pipeline,
    insights,
    notices,
    exchange,
    privacy,
    leads,
    crm,
)
