"""Lists of a million calls: what they are narrowed to stands in the indexes that they walk."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014_ranked"
down_revision = "0013_intake"

_SCORE, _SENTIMENT = sa.text("coalesce(overall_score, -1)"), sa.text("coalesce(sentiment_score, -2)")
_DURATION = sa.text("coalesce(audio_ms, -1)")
_NARROWED_BY = (
    *("status", "direction", "agent_id", "has_words", "degraded", "stage", "consent"),
    "asr_quality",
)
_WALKED: dict[str, list[Any]] = {
    "started": ["started_at", "id", *_NARROWED_BY, _SCORE, _SENTIMENT],
    "score": [_SCORE, "id", "started_at", *_NARROWED_BY, _SENTIMENT],
    "sentiment": [_SENTIMENT, "id", "started_at", *_NARROWED_BY, _SCORE],
    "duration": [_DURATION, "id", "started_at", *_NARROWED_BY, _SCORE, _SENTIMENT],
}
_FOUND = {"stage": ["stage"], "consent": ["consent"], "marks": ["degraded", "has_words"]}


def upgrade() -> None:
    for name, columns in _WALKED.items():
        _replace(name, ["tenant_id", *columns])
    for name, columns in _FOUND.items():
        _replace(name, ["tenant_id", *columns, "id"])
    for name, value in (("score", _SCORE), ("sentiment", _SENTIMENT)):
        for column in ("status", "has_words"):
            op.create_index(
                f"ix_calls_record_{column}_{name}", "calls_record", ["tenant_id", column, value, "id"]
            )


def _replace(name: str, columns: list[Any]) -> None:
    op.drop_index(f"ix_calls_record_{name}", table_name="calls_record")
    op.create_index(f"ix_calls_record_{name}", "calls_record", columns)
