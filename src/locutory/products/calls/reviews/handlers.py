"""The jobs of reviews."""

from locutory.kernel.jobs import JobKind
from locutory.products.calls.reviews.contract import SAMPLE
from locutory.products.calls.reviews.service import sampling

JOBS = (
    JobKind(
        kind=SAMPLE, queue="reviews", handler=sampling.draw_weekly, max_attempts=5, timeout_s=300
    ),
)
