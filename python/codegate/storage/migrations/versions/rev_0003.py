"""What guardrails look for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table of rules, and the counts by category beside each record."""
    op.create_table(
        "guardrail_rules",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "kind", "name", name="pk_guardrail_rules"),
    )
    op.add_column("request_log", sa.Column("masked", sa.Text, nullable=False, server_default="{}"))
