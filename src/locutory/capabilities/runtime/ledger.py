"""What models use, booked on whoever it was for; rows are written a moment later, together."""

import asyncio
from collections import defaultdict, deque
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert

from locutory.capabilities.runtime.models import LlmCall
from locutory.engines.llm.base import Attempt, LLMRequest
from locutory.kernel.caller import caller_tenant
from locutory.kernel.clock import Clock, utc_now
from locutory.kernel.db import Session, Storage
from locutory.kernel.db.base import table_of
from locutory.kernel.errors import LocutoryError
from locutory.kernel.ids import new_id
from locutory.kernel.signals import pause
from locutory.kernel.telemetry.logs import correlation_id, get_logger
from locutory.kernel.telemetry.metrics import Metrics

FLUSH_S: Final = 0.5
_RECENT: Final = 1000
_MOST_WAITING: Final = 50_000  # beyond it rows are lost, and that is logged


class Ledger:
    """Notes attempts, and writes them every half second and at the end.

    A process that is killed loses the attempts of its last half second.
    """

    def __init__(self, storage: Storage, metrics: Metrics, clock: Clock = utc_now) -> None:
        self._storage, self._clock = storage, clock
        self._waiting: list[dict[str, Any]] = []
        self._recent: defaultdict[UUID, deque[tuple[datetime, int]]] = defaultdict(
            lambda: deque(maxlen=_RECENT)
        )
        labels = ("provider", "model", "purpose", "outcome")
        self._requests = metrics.counter("llm_requests_total", "Attempts at models", labels)
        self._seconds = metrics.histogram(
            "llm_request_seconds", "Time of an attempt", ("provider", "model")
        )
        self._ttft = metrics.histogram(
            "llm_ttft_seconds", "Time to the first token", ("provider", "model")
        )
        self._tokens = metrics.counter(
            "llm_tokens_total", "Tokens of prompts (in) and answers (out)", ("provider", "dir")
        )
        self._cost = metrics.counter("llm_cost_usd_total", "Known costs", ("provider",))
        self._unpriced = metrics.counter(
            "llm_unpriced_calls_total", "Answers whose price is unknown", ("provider",)
        )

    def note(self, request: LLMRequest, attempt: Attempt) -> None:
        """Book one attempt on the tenant of this task; what is nobody's is only counted."""
        self._count(request, attempt)
        tenant_id = caller_tenant.get()
        if tenant_id is None:
            return
        if len(self._waiting) >= _MOST_WAITING:
            get_logger().error("use of models is not booked", reason="too much waits")
            return
        now = self._clock()
        row = {
            "id": new_id(),
            "tenant_id": tenant_id,
            "created_at": now,
            "day": now.date().isoformat(),
            "purpose": request.purpose,
            "provider": attempt.provider,
            "model": attempt.model,
            "outcome": attempt.outcome,
            "error_code": attempt.error_code,
            "tokens_in": attempt.tokens_in,
            "tokens_out": attempt.tokens_out,
            "cost_micros": attempt.cost_micros,
            "estimated": attempt.estimated,
            "latency_ms": attempt.latency_ms,
            "ttft_ms": attempt.ttft_ms,
            "correlation_id": correlation_id(),
        }
        self._waiting.append(row)
        if attempt.cost_micros:
            self._recent[tenant_id].append((now, attempt.cost_micros))

    def booked_micros(self, tenant_id: UUID, since: datetime) -> int:
        """What this process has booked on a tenant from a moment on."""
        return sum(cost for at, cost in self._recent[tenant_id] if at >= since)

    async def flush(self) -> None:
        """Write what waits. What cannot be written now waits on."""
        rows, by_tenant = list(self._waiting), defaultdict(list)
        for row in rows:
            by_tenant[row["tenant_id"]].append(row)
        for tenant_id, own in by_tenant.items():
            try:
                await self._storage.database(tenant_id).write(lambda tx, own=own: _store(tx, own))  # type: ignore[misc]
            except LocutoryError as error:
                get_logger().warning("use of models waits", reason=error.detail)
                continue
            written = {row["id"] for row in own}
            self._waiting = [row for row in self._waiting if row["id"] not in written]

    async def run(self, stop: asyncio.Event) -> None:
        """Flush until stopped, and then once more."""
        while not stop.is_set():
            await pause(stop, FLUSH_S)
            if self._waiting:
                await self.flush()

    def _count(self, request: LLMRequest, attempt: Attempt) -> None:
        place = (attempt.provider, attempt.model)
        self._requests.labels(*place, request.purpose, attempt.outcome).inc()
        self._seconds.labels(*place).observe(attempt.latency_ms / 1000)
        if attempt.ttft_ms is not None:
            self._ttft.labels(*place).observe(attempt.ttft_ms / 1000)
        self._tokens.labels(attempt.provider, "in").inc(attempt.tokens_in)
        self._tokens.labels(attempt.provider, "out").inc(attempt.tokens_out)
        if attempt.cost_micros is not None:
            self._cost.labels(attempt.provider).inc(attempt.cost_micros / 1_000_000)
        elif attempt.ok:
            self._unpriced.labels(attempt.provider).inc()


async def _store(tx: Session, rows: list[dict[str, Any]]) -> None:
    await tx.execute(insert(table_of(LlmCall)), rows, execution_options={"fenced": True})
