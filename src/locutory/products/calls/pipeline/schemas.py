"""Wire shapes of the pipeline."""

from pydantic import BaseModel


class QueueRead(BaseModel):
    """How much waits in one stage."""

    ready: int
    running: int
    waiting: int
    retry: int
    blocked: int
    dead: int
    oldest_age_s: float | None


class Blocked(BaseModel):
    """Why a stage does not go on."""

    stage: str
    state: str  # paused | blocked
    code: str
    detail: str


class PipelineStatus(BaseModel):
    """Where a business's calls stand."""

    watermarks: list[dict[str, str]]
    status_counts: dict[str, int]
    queues: dict[str, QueueRead]
    throughput: dict[str, int]  # calls analysed in the last 5 minutes and hour
    eta_s: float | None
    providers: dict[str, str]
    blocked_reasons: list[Blocked]
    workers: bool  # whether somebody works the queues
