"""What models can do at accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of trials, and let operators say whether a model sees."""
    op.create_table(
        "account_models",
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("has_vision", sa.Boolean, nullable=True),
        sa.Column("has_tools", sa.Boolean, nullable=True),
        sa.Column("checked_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            ondelete="CASCADE",
            name="fk_account_models_account_id",
        ),
        sa.PrimaryKeyConstraint("account_id", "model", name="pk_account_models"),
    )
    op.add_column("model_limits", sa.Column("has_vision", sa.Boolean, nullable=True))
