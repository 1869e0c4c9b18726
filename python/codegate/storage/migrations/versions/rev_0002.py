"""The request log, and sums of usage and spend."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables that exchanges are recorded in."""
    _request_log()
    _sums()


def _request_log() -> None:
    op.create_table(
        "request_log",
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("session", sa.String(32), nullable=False),
        sa.Column("client_format", sa.String(32), nullable=False),
        sa.Column("upstream_format", sa.String(32), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("upstream_model", sa.Text, nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("strategy", sa.String(32), nullable=False),
        sa.Column("attempts", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("error_code", sa.Text, nullable=False),
        sa.Column("is_streaming", sa.Boolean, nullable=False),
        sa.Column("tokens_in", sa.BigInteger, nullable=True),
        sa.Column("tokens_out", sa.BigInteger, nullable=True),
        sa.Column("tokens_cache_read", sa.BigInteger, nullable=True),
        sa.Column("tokens_cache_write", sa.BigInteger, nullable=True),
        sa.Column("tokens_reasoning", sa.BigInteger, nullable=True),
        sa.Column("is_estimated", sa.Boolean, nullable=False),
        sa.Column("cost", sa.BigInteger, nullable=True),
        sa.Column("first_byte_ms", sa.Float, nullable=True),
        sa.Column("total_ms", sa.Float, nullable=False),
        sa.Column("bytes_in", sa.BigInteger, nullable=False),
        sa.Column("bytes_out", sa.BigInteger, nullable=False),
        sa.Column("malformed_events", sa.Integer, nullable=False),
        sa.Column("masked_spans", sa.Integer, nullable=False),
        sa.Column("losses", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("request_id", name="pk_request_log"),
    )


def _sums() -> None:
    op.create_table(
        "spend",
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("cost", sa.BigInteger, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("month", "account", "tenant", name="pk_spend"),
    )
    op.create_table(
        "usage",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("errors", sa.BigInteger, nullable=False),
        sa.Column("unpriced", sa.BigInteger, nullable=False),
        sa.Column("tokens_in", sa.BigInteger, nullable=False),
        sa.Column("tokens_out", sa.BigInteger, nullable=False),
        sa.Column("tokens_cache_read", sa.BigInteger, nullable=False),
        sa.Column("tokens_cache_write", sa.BigInteger, nullable=False),
        sa.Column("tokens_reasoning", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "tenant", "account", "model", name="pk_usage"),
    )
