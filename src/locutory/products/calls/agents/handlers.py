"""The jobs of agents. Judging a call anew is a job of the pipeline's own analyze stage."""

from locutory.kernel.jobs import JobKind
from locutory.products.calls.agents import service
from locutory.products.calls.agents.contract import TRIAL, TRIALS

JOBS = (
    JobKind(
        kind=TRIAL,
        queue=TRIALS,
        handler=service.run_trial,
        max_attempts=3,
        timeout_s=3600,
        on_dead=service.give_up_trial,
    ),
)
