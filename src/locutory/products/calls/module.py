"""All modules of the product."""

from locutory.kernel.module import Module
from locutory.products.calls.businesses.module import module as businesses
from locutory.products.calls.insights.module import module as insights
from locutory.products.calls.pipeline.module import module as pipeline
from locutory.products.calls.records.module import module as records
from locutory.products.calls.sources.module import module as sources

MODULES: tuple[Module, ...] = (businesses, records, sources, pipeline, insights)
