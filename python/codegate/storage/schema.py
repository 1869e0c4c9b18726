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
