"""Accounts, configs, limits, prices, aliases, settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of the first version."""
    op.create_table(
        "versions",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_versions"),
    )
    op.create_table(
        "key_checks",
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("check_enc", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("purpose", name="pk_key_checks"),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    _accounts()
    _configs()
    _models()
    op.execute("INSERT INTO versions (name, value) VALUES ('config', 1)")


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
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
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("name", name="uq_accounts_name"),
    )
    op.create_table(
        "account_keys",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("secret_enc", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account_keys"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name="fk_account_keys_account_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_account_keys_account_id", "account_keys", ["account_id"])


def _configs() -> None:
    op.create_table(
        "configs",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("strategy", sa.String(32), nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_configs"),
        sa.UniqueConstraint("name", name="uq_configs_name"),
    )
    op.create_table(
        "config_tiers",
        sa.Column("config_id", sa.String(32), nullable=False),
        sa.Column("tier", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("target_model", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("config_id", "tier", "position", name="pk_config_tiers"),
        sa.ForeignKeyConstraint(
            ["config_id"], ["configs.id"], name="fk_config_tiers_config_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name="fk_config_tiers_account_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_config_tiers_account_id", "config_tiers", ["account_id"])


def _models() -> None:
    op.create_table(
        "model_limits",
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("max_output", sa.Integer, nullable=True),
        sa.Column("has_tools", sa.Boolean, nullable=True),
        sa.Column("has_reasoning", sa.Boolean, nullable=True),
        sa.PrimaryKeyConstraint("model", name="pk_model_limits"),
    )
    op.create_table(
        "model_prices",
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("input", sa.BigInteger, nullable=False),
        sa.Column("output", sa.BigInteger, nullable=False),
        sa.Column("cache_read", sa.BigInteger, nullable=True),
        sa.Column("cache_write", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("model", name="pk_model_prices"),
    )
    op.create_table(
        "aliases",
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_aliases"),
    )
