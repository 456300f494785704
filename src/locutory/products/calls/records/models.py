"""Tables of calls. Personal columns (`*_enc`) hold what the key ring encrypted (AAD: the row)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from locutory.kernel.clock import utc_now
from locutory.kernel.db import TenantModel

LOW_ASR = "asr_quality < 0.5"  # of the spec's quality gate (6.4); as text, for a partial index


# Unknown values sort last in a descending list; the indexes have the same expressions.
VALUES = {
    "score": "coalesce(overall_score, -1)",
    "sentiment": "coalesce(sentiment_score, -2)",
    "duration": "coalesce(audio_ms, -1)",
}


_NARROWED_BY = (
    *("status", "direction", "agent_id", "has_words", "degraded", "stage", "consent"),
    "asr_quality",
)


def _walked(name: str) -> Index:
    """The index that a list sorted by `name` walks, with what lists are narrowed to behind it.

    A call that does not fit is then passed by without being looked up: without these columns lists
    of rare calls cost 20 times more in a million calls than in ten thousand.
    """
    order = "started_at" if name == "started" else text(VALUES[name])
    rest = [text(value) for by, value in VALUES.items() if by not in (name, "duration")]
    others = _NARROWED_BY if name == "started" else ("started_at", *_NARROWED_BY)
    return Index(f"ix_calls_record_{name}", "tenant_id", order, "id", *others, *rest)


def _ranked(column: str, by: str) -> Index:
    """Calls that failed or have no words have neither score nor sentiment.

    Ranked lists of them would else walk past all the calls that have.
    """
    name = f"ix_calls_record_{column}_{by}"
    return Index(name, "tenant_id", column, text(VALUES[by]), "id")


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class CallRecord(TenantModel):
    """One call. `status` is the seed's milestone, `stage` and `stage_state` tell the rest.

    `customer_phone_hash` is of the number as it was told; `phone_key` and `phone_tail_key` are what
    leads are found by, null until they were looked for.
    """

    __tablename__ = "calls_record"

    callid: Mapped[str]
    kind: Mapped[str] = mapped_column(default="call")
    direction: Mapped[str] = mapped_column(default="unknown")
    customer_phone_enc: Mapped[bytes | None] = mapped_column(LargeBinary)
    customer_phone_hash: Mapped[str | None]
    phone_last4: Mapped[str | None]
    agent_id: Mapped[str | None]
    agent_name: Mapped[str | None]
    disposition: Mapped[str | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    audio_url_enc: Mapped[bytes | None] = mapped_column(LargeBinary)
    audio_key: Mapped[str | None]
    audio_sha256: Mapped[str | None]
    audio_purged_at: Mapped[datetime | None]
    audio_ms: Mapped[int | None]
    channels: Mapped[int | None]
    true_stereo: Mapped[bool | None]
    sidecar_key: Mapped[str | None]
    sidecar_name: Mapped[str | None]
    source_hash: Mapped[str]
    language: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="pending")
    status_reason: Mapped[str | None]
    status_detail: Mapped[str | None]
    stage: Mapped[str] = mapped_column(default="transcribe")
    stage_state: Mapped[str] = mapped_column(default="queued")
    epoch: Mapped[int] = mapped_column(default=1)
    transcript_version: Mapped[int] = mapped_column(default=0)
    has_words: Mapped[bool] = mapped_column(default=False)
    overall_score: Mapped[float | None]
    sentiment_score: Mapped[float | None]
    bant_score: Mapped[float | None]
    talk_ratio: Mapped[float | None]
    summary_short: Mapped[str | None]
    partial: Mapped[bool] = mapped_column(default=False)
    degraded: Mapped[bool] = mapped_column(default=False)
    asr_quality: Mapped[float | None]
    flags: Mapped[list[str]] = mapped_column(default=list)
    tags: Mapped[list[str]] = mapped_column(default=list)
    legal_hold: Mapped[bool] = mapped_column(default=False)
    consent: Mapped[str] = mapped_column(default="unknown", server_default="unknown")
    lead_id: Mapped[str | None]
    lead_match: Mapped[str] = mapped_column(default="unknown", server_default="unknown")
    phone_key: Mapped[str | None]
    phone_tail_key: Mapped[str | None]
    custom: Mapped[dict[str, Any]] = mapped_column(default=dict)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    done_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("tenant_id", "callid"),
        *(_walked(name) for name in ("started", "score", "sentiment", "duration")),
        Index("ix_calls_record_status", "tenant_id", "status", "started_at", "id"),
        Index("ix_calls_record_agent", "tenant_id", "agent_id", "started_at", "id"),
        Index("ix_calls_record_direction", "tenant_id", "direction", "started_at", "id"),
        *(_ranked(c, by) for by in ("score", "sentiment") for c in ("status", "has_words")),
        # the rest only finds the few calls of a rare value, see `queries.page`; with the id, else
        # SQLite would rather read all of an index above that has it
        Index("ix_calls_record_own", "tenant_id", "id"),
        Index("ix_calls_record_stage", "tenant_id", "stage", "id"),
        Index("ix_calls_record_consent", "tenant_id", "consent", "id"),
        Index("ix_calls_record_marks", "tenant_id", "degraded", "has_words", "id"),
        # with the column, although all its values are low: SQLite looks at a partial index only
        # for what its columns narrow
        _partial("ix_calls_record_low_asr", "tenant_id", "asr_quality", "id", where=LOW_ASR),
        _partial(
            "ix_calls_record_phone_hash",
            *("tenant_id", "customer_phone_hash"),
            where="customer_phone_hash IS NOT NULL",
        ),
        _partial(
            "ix_calls_record_lead",
            *("tenant_id", "lead_id"),
            where="lead_id IS NOT NULL",
        ),
        _partial(
            "ix_calls_record_last4",
            *("tenant_id", "phone_last4"),
            where="phone_last4 IS NOT NULL",
        ),
    )


SORTS: dict[str, Any] = {
    "started_at": CallRecord.started_at,
    **{name: literal_column(value) for name, value in VALUES.items()},
}


class CallStageRun(TenantModel):
    """A stage of a call: how it went, by which engine, and a failure's own words."""

    __tablename__ = "calls_stage_run"

    call_id: Mapped[UUID]
    stage: Mapped[str]
    run_no: Mapped[int]
    state: Mapped[str]
    attempts: Mapped[int]
    engine: Mapped[str | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    engine_ms: Mapped[int | None]
    error_class: Mapped[str | None]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]

    __table_args__ = (UniqueConstraint("call_id", "stage", "run_no"),)


class CallTranscript(TenantModel):
    """A version of a transcript.

    `turns` is the redacted list `[{idx, start_ms, end_ms, role, speaker, channel, text,
    confidence, role_confidence, flags}]`; `raw_enc` the same list's raw texts, encrypted.
    `muted` are the stretches `[start_ms, end_ms]` of the recording in which something was said
    that is redacted; None in old rows. Retention empties `turns` and `raw_enc`: `purged_at`.
    """

    __tablename__ = "calls_transcript"

    call_id: Mapped[UUID]
    version: Mapped[int]
    epoch: Mapped[int]
    origin: Mapped[str]
    engine: Mapped[str]
    language: Mapped[str | None]
    duration_ms: Mapped[int]
    word_count: Mapped[int]
    turns: Mapped[list[Any]]
    raw_enc: Mapped[bytes | None] = mapped_column(LargeBinary)
    quality: Mapped[dict[str, Any]]
    muted: Mapped[list[Any] | None]
    purged_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("call_id", "version"),)


class CallMetric(TenantModel):
    """The conversation's figures (calls seed, section 11), one row a call."""

    __tablename__ = "calls_metric"

    call_id: Mapped[UUID] = mapped_column(unique=True)
    transcript_version: Mapped[int]
    basis: Mapped[str]
    figures: Mapped[dict[str, Any]]


class CallAnalysis(TenantModel):
    """The aggregated analysis blob of one run of the agents.

    Retention takes the words out of it and leaves the figures: `purged_at`.
    """

    __tablename__ = "calls_analysis"

    call_id: Mapped[UUID]
    version: Mapped[int]
    transcript_version: Mapped[int]
    analysis: Mapped[dict[str, Any]]
    meta: Mapped[dict[str, Any]]
    purged_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("call_id", "version"),)


class StaleCall(TenantModel):
    """A call whose read models must be made again.

    `mark` changes with every change of the call: who made them anew removes the row only if it
    still holds the mark that was read before.
    """

    __tablename__ = "calls_stale"

    call_id: Mapped[UUID]
    mark: Mapped[UUID]

    __table_args__ = (
        UniqueConstraint("call_id"),
        Index("ix_calls_stale_tenant", "tenant_id", "id"),
    )


class CallTag(TenantModel):
    """A tag of a call, for lists; the call's row shows the same tags."""

    __tablename__ = "calls_tag"

    call_id: Mapped[UUID]
    tag: Mapped[str]

    __table_args__ = (
        UniqueConstraint("call_id", "tag"),
        Index("ix_calls_tag_tag", "tenant_id", "tag", "call_id"),
    )


class CallComment(TenantModel):
    """What somebody noted on a call, redacted; `at_ms` is the place in the recording."""

    __tablename__ = "calls_comment"

    call_id: Mapped[UUID]
    author: Mapped[str]
    author_name: Mapped[str]
    at_ms: Mapped[int | None]
    text: Mapped[str]

    __table_args__ = (Index("ix_calls_comment_call", "call_id", "id"),)


class CallBulk(TenantModel):
    """One deed on many calls, with how far it is.

    The calls are those of the moment when it was asked for. `refused` is `[{callid, code,
    detail}]`, the first hundred.
    """

    __tablename__ = "calls_bulk"

    action: Mapped[str]
    params: Mapped[dict[str, Any]]
    actor: Mapped[str]
    callids: Mapped[list[str]]
    total: Mapped[int]
    position: Mapped[int] = mapped_column(default=0)
    refused_count: Mapped[int] = mapped_column(default=0)
    refused: Mapped[list[Any]] = mapped_column(default=list)
    finished_at: Mapped[datetime | None]
