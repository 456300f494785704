"""Ranked lists of calls of one status, and of those without words."""

import sqlalchemy as sa
from alembic import op

revision = "0014_ranked"
down_revision = "0013_intake"

_RANKS = {"score": "coalesce(overall_score, -1)", "sentiment": "coalesce(sentiment_score, -2)"}


def upgrade() -> None:
    for name, value in _RANKS.items():
        for column in ("status", "has_words"):
            op.create_index(
                f"ix_calls_record_{column}_{name}",
                "calls_record",
                ["tenant_id", column, sa.text(value), "id"],
            )
