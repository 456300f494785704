"""The jobs of the pipeline."""

from locutory.kernel.jobs import JobKind
from locutory.products.calls.pipeline import service
from locutory.products.calls.pipeline.contract import ANALYZE, INDEX, TRANSCRIBE
from locutory.products.calls.records.contract import Stage

JOBS = (
    JobKind(
        kind=TRANSCRIBE,
        queue=Stage.TRANSCRIBE,
        handler=service.transcribe,
        max_attempts=6,
        timeout_s=3600,
        on_dead=service.give_up,
    ),
    JobKind(
        kind=ANALYZE,
        queue=Stage.ANALYZE,
        handler=service.analyze,
        max_attempts=5,
        timeout_s=900,
        on_dead=service.give_up,
    ),
    JobKind(
        kind=INDEX,
        queue=Stage.INDEX,
        handler=service.index,
        max_attempts=8,
        timeout_s=300,
        on_dead=service.give_up,
    ),
)
