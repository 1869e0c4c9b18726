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

TOKENS = ("tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write", "tokens_reasoning")


def _counts(*names: str, nullable: bool = False) -> tuple[sa.Column[int], ...]:
    """Columns of whole numbers that may grow beyond 32 bits."""
    return tuple(sa.Column(name, sa.BigInteger, nullable=nullable) for name in names)


def _belongs_to(table: str, *, is_key: bool = False) -> sa.Column[str]:
    """The row of ``table`` that a row goes with when it is deleted."""
    return sa.Column(
        f"{table.removesuffix('s')}_id",
        sa.String(32),
        sa.ForeignKey(f"{table}.id", ondelete="CASCADE"),
        primary_key=is_key,
        nullable=False,
        index=not is_key,
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
    *_counts("created_ms", "updated_ms"),
)

account_keys = sa.Table(
    "account_keys",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    _belongs_to("accounts"),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("secret_enc", sa.Text, nullable=False),
)

account_models = sa.Table(
    "account_models",
    metadata,
    _belongs_to("accounts", is_key=True),
    sa.Column("model", sa.String(256), primary_key=True),
    sa.Column("has_vision", sa.Boolean, nullable=True),
    sa.Column("has_tools", sa.Boolean, nullable=True),
    sa.Column("checked_ms", sa.BigInteger, nullable=False),
)
"""What a trial showed of a model at an account; NULL is unknown."""

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
    _belongs_to("configs", is_key=True),
    sa.Column("tier", sa.String(16), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    _belongs_to("accounts"),
    sa.Column("target_model", sa.Text, nullable=True),
)

model_limits = sa.Table(
    "model_limits",
    metadata,
    sa.Column("model", sa.String(256), primary_key=True),
    sa.Column("max_output", sa.Integer, nullable=True),
    sa.Column("has_tools", sa.Boolean, nullable=True),
    sa.Column("has_reasoning", sa.Boolean, nullable=True),
    sa.Column("has_vision", sa.Boolean, nullable=True),
)

model_prices = sa.Table(
    "model_prices",
    metadata,
    sa.Column("model", sa.String(256), primary_key=True),
    *_counts("input", "output"),
    *_counts("cache_read", "cache_write", nullable=True),
)
"""Prices of one token in 1e-12 USD."""

aliases = sa.Table(
    "aliases",
    metadata,
    sa.Column("name", sa.String(256), primary_key=True),
    sa.Column("model", sa.String(256), nullable=False),
)

guardrail_rules = sa.Table(
    "guardrail_rules",
    metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(512), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""What a tenant wants masked, as far as it differs from the defaults."""

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
    *_counts(*TOKENS, nullable=True),
    sa.Column("is_estimated", sa.Boolean, nullable=False),
    sa.Column("cost", sa.BigInteger, nullable=True),
    sa.Column("first_byte_ms", sa.Float, nullable=True),
    sa.Column("total_ms", sa.Float, nullable=False),
    *_counts("bytes_in", "bytes_out"),
    sa.Column("malformed_events", sa.Integer, nullable=False),
    sa.Column("masked_spans", sa.Integer, nullable=False),
    sa.Column("losses", sa.Text, nullable=False),
    sa.Column("masked", sa.Text, nullable=False, server_default="{}"),
)
"""One row for each exchange, ordered by its id. ``cost`` NULL: no price is known."""

spend = sa.Table(
    "spend",
    metadata,
    sa.Column("month", sa.String(7), primary_key=True),
    sa.Column("account", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String(64), primary_key=True),
    *_counts("cost", "requests"),
)
"""What each account cost each tenant in a month (UTC); what budgets are held against."""

usage = sa.Table(
    "usage",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("account", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(256), primary_key=True),
    *_counts("requests", "errors", "unpriced", *TOKENS, "cost"),
)
"""Sums by day (UTC); they outlive the rows of the request log."""

masked_usage = sa.Table(
    "masked_usage",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("category", sa.String(32), primary_key=True),
    *_counts("found"),
)
"""What guardrails found by day (UTC): how many of each category, never what."""
