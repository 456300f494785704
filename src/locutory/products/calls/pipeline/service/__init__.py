"""The use cases of the pipeline, one verb a file."""

from locutory.products.calls.pipeline.service.analyze import analyze
from locutory.products.calls.pipeline.service.give_up import give_up
from locutory.products.calls.pipeline.service.index import index
from locutory.products.calls.pipeline.service.status import status
from locutory.products.calls.pipeline.service.transcribe import transcribe

__all__ = ["analyze", "give_up", "index", "status", "transcribe"]
