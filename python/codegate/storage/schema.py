"""Every table. Money is in integers of 1e-12 USD, times are milliseconds since 1970 (UTC)."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
"""``config`` moves with each change that running proxies must take over."""

key_checks = sa.Table(
    "key_checks",
    metadata,
    sa.Column("purpose", sa.String(32), primary_key=True),
    sa.Column("key_id", sa.String(16), nullable=False),
    sa.Column("check_enc", sa.Text, nullable=False),
)
"""Which key the encrypted columns are under, and a known text to prove it by."""

settings = sa.Table(
    "settings",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("provider", sa.String(32), nullable=False),
    sa.Column("endpoints", sa.JSON, nullable=False),
    sa.Column("models", sa.JSON, nullable=False),
    sa.Column("model_map", sa.JSON, nullable=False),
    sa.Column("default_model", sa.Text, nullable=True),
    sa.Column("reasoning_model", sa.Text, nullable=True),
    sa.Column("headers_enc", sa.Text, nullable=True),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("rpm", sa.Integer, nullable=False),
    sa.Column("monthly_budget", sa.BigInteger, nullable=True),
    sa.Column("timeout_s", sa.Float, nullable=True),
    sa.Column("is_enabled", sa.Boolean, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("updated_ms", sa.BigInteger, nullable=False),
)

account_keys = sa.Table(
    "account_keys",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column(
        "account_id",
        sa.String(32),
        sa.ForeignKey("accounts.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("secret_enc", sa.Text, nullable=False),
)

configs = sa.Table(
    "configs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("strategy", sa.String(32), nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

config_tiers = sa.Table(
    "config_tiers",
    metadata,
    sa.Column(
        "config_id",
        sa.String(32),
        sa.ForeignKey("configs.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("tier", sa.String(16), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column(
        "account_id",
        sa.String(32),
        sa.ForeignKey("accounts.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("target_model", sa.Text, nullable=True),
)

model_limits = sa.Table(
    "model_limits",
    metadata,
    sa.Column("model", sa.String(256), primary_key=True),
    sa.Column("max_output", sa.Integer, nullable=True),
    sa.Column("has_tools", sa.Boolean, nullable=True),
    sa.Column("has_reasoning", sa.Boolean, nullable=True),
)

model_prices = sa.Table(
    "model_prices",
    metadata,
    sa.Column("model", sa.String(256), primary_key=True),
    sa.Column("input", sa.BigInteger, nullable=False),
    sa.Column("output", sa.BigInteger, nullable=False),
    sa.Column("cache_read", sa.BigInteger, nullable=True),
    sa.Column("cache_write", sa.BigInteger, nullable=True),
)
"""Prices of one token in 1e-12 USD."""

aliases = sa.Table(
    "aliases",
    metadata,
    sa.Column("name", sa.String(256), primary_key=True),
    sa.Column("model", sa.String(256), nullable=False),
)

request_log = sa.Table(
    "request_log",
    metadata,
    sa.Column("request_id", sa.String(64), primary_key=True),
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
)
"""One row for each exchange, ordered by its id. ``cost`` NULL: no price is known."""

spend = sa.Table(
    "spend",
    metadata,
    sa.Column("month", sa.String(7), primary_key=True),
    sa.Column("account", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("cost", sa.BigInteger, nullable=False),
    sa.Column("requests", sa.BigInteger, nullable=False),
)
"""What each account cost each tenant in a month (UTC); what budgets are held against."""

usage = sa.Table(
    "usage",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("account", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(256), primary_key=True),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("errors", sa.BigInteger, nullable=False),
    sa.Column("unpriced", sa.BigInteger, nullable=False),
    sa.Column("tokens_in", sa.BigInteger, nullable=False),
    sa.Column("tokens_out", sa.BigInteger, nullable=False),
    sa.Column("tokens_cache_read", sa.BigInteger, nullable=False),
    sa.Column("tokens_cache_write", sa.BigInteger, nullable=False),
    sa.Column("tokens_reasoning", sa.BigInteger, nullable=False),
    sa.Column("cost", sa.BigInteger, nullable=False),
)
"""Sums by day (UTC); they outlive the rows of the request log."""
