"""What analysis keeps: answers of models, so that nothing is paid for twice."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from locutory.kernel.db import TenantModel


class AnalysisAnswer(TenantModel):
    """A model's answer by the hash of everything that it depends on; never shared by tenants."""

    __tablename__ = "analysis_answer"

    key: Mapped[str]
    engine: Mapped[str]
    value: Mapped[dict[str, Any]]
    expires_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("tenant_id", "key"),
        Index("ix_analysis_answer_expires", "tenant_id", "expires_at"),
    )
