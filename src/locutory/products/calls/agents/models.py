"""Trials of agents: test runs that took long, and back-tests."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from locutory.kernel.db import TenantModel


class AgentTrial(TenantModel):
    """A trial: what was asked, with the agent's versions as they were then, and its report."""

    __tablename__ = "calls_agent_trial"

    kind: Mapped[str]
    agent_key: Mapped[str]
    state: Mapped[str]
    ask: Mapped[dict[str, Any]]
    report: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    created_by: Mapped[str]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_calls_agent_trial_kind", "tenant_id", "kind", "created_at", "id"),
        Index("ix_calls_agent_trial_agent", "tenant_id", "kind", "agent_key", "created_at", "id"),
    )
