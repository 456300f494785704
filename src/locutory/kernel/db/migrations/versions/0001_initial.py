"""All tables of the first version."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table
from locutory.kernel.db.fulltext import create_fulltext

revision = "0001_initial"
down_revision = None

TENANT_TABLES = (
    "analysis_answer",
    "calls_analysis",
    "calls_metric",
    "calls_record",
    "calls_stage_run",
    "calls_transcript",
    "knowledge_chunk",
    "knowledge_collection",
    "knowledge_message",
    "knowledge_session",
)
# Unknown values sort last; Alembic cannot render indexes on expressions.
BY_VALUE = {
    "score": "overall_score, -1",
    "duration": "audio_ms, -1",
    "sentiment": "sentiment_score, -2",
}


def upgrade() -> None:
    op.create_table(
        "analysis_answer",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("value", Json, nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analysis_answer")),
        sa.UniqueConstraint("tenant_id", "key", name=op.f("uq_analysis_answer_tenant_id_key")),
    )
    op.create_index("ix_analysis_answer_expires", "analysis_answer", ["tenant_id", "expires_at"], unique=False)
    op.create_table(
        "calls_analysis",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("transcript_version", sa.BigInteger(), nullable=False),
        sa.Column("analysis", Json, nullable=False),
        sa.Column("meta", Json, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls_analysis")),
        sa.UniqueConstraint("call_id", "version", name=op.f("uq_calls_analysis_call_id_version")),
    )
    op.create_table(
        "calls_metric",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("transcript_version", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("figures", Json, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls_metric")),
        sa.UniqueConstraint("call_id", name=op.f("uq_calls_metric_call_id")),
    )
    op.create_table(
        "calls_record",
        sa.Column("callid", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("customer_phone_enc", sa.LargeBinary(), nullable=True),
        sa.Column("customer_phone_hash", sa.String(), nullable=True),
        sa.Column("phone_last4", sa.String(), nullable=True),
        sa.Column("agent_id", sa.String(), nullable=True),
        sa.Column("agent_name", sa.String(), nullable=True),
        sa.Column("disposition", sa.String(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("audio_url_enc", sa.LargeBinary(), nullable=True),
        sa.Column("audio_key", sa.String(), nullable=True),
        sa.Column("audio_sha256", sa.String(), nullable=True),
        sa.Column("audio_ms", sa.BigInteger(), nullable=True),
        sa.Column("channels", sa.BigInteger(), nullable=True),
        sa.Column("true_stereo", sa.Boolean(), nullable=True),
        sa.Column("sidecar_key", sa.String(), nullable=True),
        sa.Column("sidecar_name", sa.String(), nullable=True),
        sa.Column("source_hash", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_reason", sa.String(), nullable=True),
        sa.Column("status_detail", sa.String(), nullable=True),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("stage_state", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("transcript_version", sa.BigInteger(), nullable=False),
        sa.Column("has_words", sa.Boolean(), nullable=False),
        sa.Column("overall_score", sa.Float(), nullable=True),
        sa.Column("sentiment_score", sa.Float(), nullable=True),
        sa.Column("bant_score", sa.Float(), nullable=True),
        sa.Column("talk_ratio", sa.Float(), nullable=True),
        sa.Column("summary_short", sa.String(), nullable=True),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("flags", Json, nullable=False),
        sa.Column("custom", Json, nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls_record")),
        sa.UniqueConstraint("tenant_id", "callid", name=op.f("uq_calls_record_tenant_id_callid")),
    )
    op.create_index("ix_calls_record_agent", "calls_record", ["tenant_id", "agent_id", "started_at", "id"], unique=False)
    op.create_index("ix_calls_record_direction", "calls_record", ["tenant_id", "direction", "started_at", "id"], unique=False)
    op.create_index("ix_calls_record_started", "calls_record", ["tenant_id", "started_at", "id"], unique=False)
    op.create_index("ix_calls_record_status", "calls_record", ["tenant_id", "status", "started_at", "id"], unique=False)
    op.create_table(
        "calls_stage_run",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("run_no", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("engine", sa.String(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("engine_ms", sa.BigInteger(), nullable=True),
        sa.Column("error_class", sa.String(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_detail", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls_stage_run")),
        sa.UniqueConstraint("call_id", "stage", "run_no", name=op.f("uq_calls_stage_run_call_id_stage_run_no")),
    )
    op.create_table(
        "calls_transcript",
        sa.Column("call_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("word_count", sa.BigInteger(), nullable=False),
        sa.Column("turns", Json, nullable=False),
        sa.Column("raw_enc", sa.LargeBinary(), nullable=True),
        sa.Column("quality", Json, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls_transcript")),
        sa.UniqueConstraint("call_id", "version", name=op.f("uq_calls_transcript_call_id_version")),
    )
    op.create_table(
        "kernel_api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_api_key")),
        sa.UniqueConstraint("prefix", name=op.f("uq_kernel_api_key_prefix")),
    )
    op.create_index("ix_kernel_api_key_tenant", "kernel_api_key", ["tenant_id", "id"], unique=False)
    op.create_table(
        "kernel_audit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("hash", sa.String(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_audit")),
    )
    op.create_index(
        "ix_kernel_audit_unsealed", "kernel_audit", ["id"], unique=False, sqlite_where=sa.text("seq IS NULL"), postgresql_where=sa.text("seq IS NULL")
    )
    op.create_index(
        "uq_kernel_audit_seq",
        "kernel_audit",
        ["tenant_id", "seq"],
        unique=True,
        sqlite_where=sa.text("seq IS NOT NULL"),
        postgresql_where=sa.text("seq IS NOT NULL"),
    )
    op.create_table(
        "kernel_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("payload", Json, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_event")),
    )
    op.create_index(
        "ix_kernel_event_unsealed", "kernel_event", ["id"], unique=False, sqlite_where=sa.text("seq IS NULL"), postgresql_where=sa.text("seq IS NULL")
    )
    op.create_index(
        "uq_kernel_event_seq",
        "kernel_event",
        ["tenant_id", "seq"],
        unique=True,
        sqlite_where=sa.text("seq IS NOT NULL"),
        postgresql_where=sa.text("seq IS NOT NULL"),
    )
    op.create_table(
        "kernel_idempotency",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_kernel_idempotency")),
    )
    op.create_index("ix_kernel_idempotency_expires", "kernel_idempotency", ["tenant_id", "expires_at"], unique=False)
    op.create_table(
        "kernel_job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("run_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("throttles", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.BigInteger(), nullable=False),
        sa.Column("max_attempts", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("progress", Json, nullable=True),
        sa.Column("error_class", sa.String(), nullable=True),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("error_detail", sa.String(), nullable=True),
        sa.Column("dedupe_key", sa.String(), nullable=True),
        sa.Column("correlation_id", sa.String(), nullable=True),
        sa.Column("redrives", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=True),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_job")),
    )
    op.create_index(
        "ix_kernel_job_dead",
        "kernel_job",
        ["tenant_id", "queue", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "ix_kernel_job_delayed",
        "kernel_job",
        ["run_at_ms"],
        unique=False,
        sqlite_where=sa.text("state = 'delayed'"),
        postgresql_where=sa.text("state = 'delayed'"),
    )
    op.create_index(
        "ix_kernel_job_finished",
        "kernel_job",
        ["finished_ms"],
        unique=False,
        sqlite_where=sa.text("state = 'done' OR state = 'cancelled'"),
        postgresql_where=sa.text("state = 'done' OR state = 'cancelled'"),
    )
    op.create_index(
        "ix_kernel_job_queued",
        "kernel_job",
        ["queue", "tenant_id", "priority", "run_at_ms", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_kernel_job_running",
        "kernel_job",
        ["lease_until_ms"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_kernel_job_subject",
        "kernel_job",
        ["tenant_id", "subject"],
        unique=False,
        sqlite_where=sa.text("subject IS NOT NULL"),
        postgresql_where=sa.text("subject IS NOT NULL"),
    )
    op.create_index(
        "uq_kernel_job_dedupe",
        "kernel_job",
        ["tenant_id", "dedupe_key"],
        unique=True,
        sqlite_where=sa.text("dedupe_key IS NOT NULL"),
        postgresql_where=sa.text("dedupe_key IS NOT NULL"),
    )
    op.create_table(
        "kernel_job_attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("error_class", sa.String(), nullable=False),
        sa.Column("error_code", sa.String(), nullable=False),
        sa.Column("error_detail", sa.String(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_job_attempt")),
    )
    op.create_index(op.f("ix_kernel_job_attempt_job_id"), "kernel_job_attempt", ["job_id"], unique=False)
    op.create_table(
        "kernel_job_gate",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "queue", name=op.f("pk_kernel_job_gate")),
    )
    op.create_table(
        "kernel_job_schedule",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_kernel_job_schedule")),
    )
    op.create_table(
        "kernel_job_share",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("weight", sa.BigInteger(), nullable=False),
        sa.Column("cap", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "queue", name=op.f("pk_kernel_job_share")),
    )
    op.create_table(
        "kernel_login_failure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_login_failure")),
    )
    op.create_index(op.f("ix_kernel_login_failure_at"), "kernel_login_failure", ["at"], unique=False)
    op.create_index("ix_kernel_login_failure_who", "kernel_login_failure", ["who", "at"], unique=False)
    op.create_table(
        "kernel_membership",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("roles", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name=op.f("pk_kernel_membership")),
    )
    op.create_index(op.f("ix_kernel_membership_user_id"), "kernel_membership", ["user_id"], unique=False)
    op.create_table(
        "kernel_refresh_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("family", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_refresh_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_kernel_refresh_token_hash")),
    )
    op.create_index(op.f("ix_kernel_refresh_token_family"), "kernel_refresh_token", ["family"], unique=False)
    op.create_index(op.f("ix_kernel_refresh_token_user_id"), "kernel_refresh_token", ["user_id"], unique=False)
    op.create_table(
        "kernel_seal",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("log", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "log", name=op.f("pk_kernel_seal")),
    )
    op.create_table(
        "kernel_stream_ticket",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_kernel_stream_ticket")),
    )
    op.create_index(op.f("ix_kernel_stream_ticket_expires_at"), "kernel_stream_ticket", ["expires_at"], unique=False)
    op.create_table(
        "kernel_tenant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("country_code", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_tenant")),
        sa.UniqueConstraint("slug", name=op.f("uq_kernel_tenant_slug")),
    )
    op.create_table(
        "kernel_user",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("password_temporary", sa.Boolean(), nullable=False),
        sa.Column("platform_admin", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("avatar_key", sa.String(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_user")),
        sa.UniqueConstraint("email", name=op.f("uq_kernel_user_email")),
    )
    op.create_table(
        "kernel_worker",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("queues", Json, nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kernel_worker")),
    )
    op.create_table(
        "knowledge_chunk",
        sa.Column("fts_id", sa.BigInteger(), nullable=False),
        sa.Column("collection", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("source_key", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("chunk_no", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("first_turn", sa.BigInteger(), nullable=False),
        sa.Column("last_turn", sa.BigInteger(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("turns", Json, nullable=False),
        sa.Column("meta", Json, nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("embedder", sa.String(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_chunk")),
        sa.UniqueConstraint("tenant_id", "collection", "source_id", "version", "chunk_no", name="uq_knowledge_chunk_place"),
    )
    op.create_index("ix_knowledge_chunk_fts", "knowledge_chunk", ["fts_id"], unique=True)
    op.create_index("ix_knowledge_chunk_new", "knowledge_chunk", ["tenant_id", "collection", "revision"], unique=False)
    op.create_index("ix_knowledge_chunk_occurred", "knowledge_chunk", ["tenant_id", "collection", "occurred_at"], unique=False)
    op.create_index("ix_knowledge_chunk_own", "knowledge_chunk", ["tenant_id", "id"], unique=False)
    op.create_table(
        "knowledge_collection",
        sa.Column("collection", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_collection")),
        sa.UniqueConstraint("tenant_id", "collection", name=op.f("uq_knowledge_collection_tenant_id_collection")),
    )
    op.create_table(
        "knowledge_message",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("intent", sa.String(), nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_message")),
        sa.UniqueConstraint("session_id", "turn", name=op.f("uq_knowledge_message_session_id_turn")),
    )
    op.create_table(
        "knowledge_session",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("turns", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_session")),
    )
    op.create_index("ix_knowledge_session_owner", "knowledge_session", ["tenant_id", "owner", "updated_at"], unique=False)
    for name, value in BY_VALUE.items():
        op.create_index(f"ix_calls_record_{name}", "calls_record", ["tenant_id", sa.text(f"coalesce({value})"), "id"])
    connection = op.get_bind()
    create_fulltext(connection, "knowledge_chunk")
    for table in TENANT_TABLES:
        fence_table(connection, table)
