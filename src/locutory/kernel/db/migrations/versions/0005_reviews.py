"""Scoring templates, scores, reviews and how they are drawn."""

import sqlalchemy as sa
from alembic import op

from locutory.kernel.db.dialect import Json, UtcDateTime, fence_table

revision = "0005_reviews"
down_revision = "0004_findings_rules"


def upgrade() -> None:
    op.create_table('analysis_parameter',
    sa.Column('version_id', sa.Uuid(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('section', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('question', sa.String(), nullable=False),
    sa.Column('type', sa.String(), nullable=False),
    sa.Column('weight', sa.Float(), nullable=False),
    sa.Column('critical', sa.Boolean(), nullable=False),
    sa.Column('na_allowed', sa.Boolean(), nullable=False),
    sa.Column('guidance', sa.String(), nullable=False),
    sa.Column('options', Json, nullable=False),
    sa.Column('binding', Json, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_analysis_parameter')),
    sa.UniqueConstraint('version_id', 'key', name=op.f('uq_analysis_parameter_version_id_key'))
    )
    op.create_table('analysis_template',
    sa.Column('template_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('head', sa.Boolean(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('grading_mode', sa.String(), nullable=False),
    sa.Column('applies_if', Json, nullable=False),
    sa.Column('pass_mark', sa.Float(), nullable=False),
    sa.Column('critical_cap', sa.Float(), nullable=True),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('published_at', UtcDateTime(), nullable=True),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_analysis_template')),
    sa.UniqueConstraint('tenant_id', 'template_id', 'version', name=op.f('uq_analysis_template_tenant_id_template_id_version'))
    )
    op.create_index('ix_analysis_template_name', 'analysis_template', ['tenant_id', 'name', 'template_id'], unique=False)
    op.create_index('uq_analysis_template_name', 'analysis_template', ['tenant_id', 'name'], unique=True, sqlite_where=sa.text("head AND status <> 'archived'"), postgresql_where=sa.text("head AND status <> 'archived'"))
    op.create_index('uq_analysis_template_published', 'analysis_template', ['tenant_id', 'template_id'], unique=True, sqlite_where=sa.text("status = 'published'"), postgresql_where=sa.text("status = 'published'"))
    op.create_table('calls_review',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('reviewer_id', sa.Uuid(), nullable=True),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('draw', sa.String(), nullable=True),
    sa.Column('template_id', sa.Uuid(), nullable=True),
    sa.Column('template_version', sa.BigInteger(), nullable=True),
    sa.Column('answers', Json, nullable=False),
    sa.Column('comment', sa.String(), nullable=False),
    sa.Column('total', sa.Float(), nullable=True),
    sa.Column('assigned_by', sa.String(), nullable=False),
    sa.Column('due_at', UtcDateTime(), nullable=False),
    sa.Column('submitted_at', UtcDateTime(), nullable=True),
    sa.Column('acknowledged_at', UtcDateTime(), nullable=True),
    sa.Column('disputed_at', UtcDateTime(), nullable=True),
    sa.Column('resolved_at', UtcDateTime(), nullable=True),
    sa.Column('dispute', Json, nullable=True),
    sa.Column('resolution', Json, nullable=True),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_review')),
    sa.UniqueConstraint('call_id', 'draw', name=op.f('uq_calls_review_call_id_draw'))
    )
    op.create_index('ix_calls_review_call', 'calls_review', ['call_id', 'id'], unique=False)
    op.create_index('ix_calls_review_due', 'calls_review', ['tenant_id', 'due_at', 'id'], unique=False)
    op.create_index('ix_calls_review_kind', 'calls_review', ['tenant_id', 'kind', 'due_at', 'id'], unique=False)
    op.create_index('ix_calls_review_reviewer', 'calls_review', ['tenant_id', 'reviewer_id', 'due_at', 'id'], unique=False)
    op.create_index('ix_calls_review_state', 'calls_review', ['tenant_id', 'state', 'due_at', 'id'], unique=False)
    op.create_index('ix_calls_review_submitted', 'calls_review', ['tenant_id', 'submitted_at', 'id'], unique=False)
    op.create_table('calls_review_sampling',
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('per_agent', sa.BigInteger(), nullable=False),
    sa.Column('due_days', sa.BigInteger(), nullable=False),
    sa.Column('min_duration_s', sa.BigInteger(), nullable=False),
    sa.Column('reviewers', Json, nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('updated_by', sa.String(), nullable=False),
    sa.Column('updated_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_review_sampling')),
    sa.UniqueConstraint('tenant_id', name=op.f('uq_calls_review_sampling_tenant_id'))
    )
    op.create_table('calls_score',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('template_id', sa.Uuid(), nullable=False),
    sa.Column('template_name', sa.String(), nullable=False),
    sa.Column('template_version', sa.BigInteger(), nullable=False),
    sa.Column('grading_mode', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('current', sa.Boolean(), nullable=False),
    sa.Column('total', sa.Float(), nullable=True),
    sa.Column('passed', sa.Boolean(), nullable=True),
    sa.Column('auto_fail', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('sections', Json, nullable=False),
    sa.Column('answers', Json, nullable=False),
    sa.Column('scored_at', UtcDateTime(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_calls_score')),
    sa.UniqueConstraint('call_id', 'template_id', 'source', name=op.f('uq_calls_score_call_id_template_id_source'))
    )
    for table in ['analysis_parameter', 'analysis_template', 'calls_review', 'calls_review_sampling', 'calls_score']:
        fence_table(op.get_bind(), table)
