"""Rules of guardrails in the database."""

from __future__ import annotations

import sqlalchemy as sa

from codegate.errors import ConfigError
from codegate.guardrails.rules import MAX_RULES, Rule, Rules, from_rows
from codegate.storage.schema import guardrail_rules as table


def load(connection: sa.Connection, tenant: str) -> Rules:
    """What ``tenant`` wants."""
    rows = connection.execute(
        sa.select(table.c.kind, table.c.name, table.c.value)
        .where(table.c.tenant == tenant)
        .order_by(table.c.kind, table.c.name)
    )
    return from_rows(Rule(*row) for row in rows)


def put(connection: sa.Connection, tenant: str, rule: Rule) -> None:
    """Store a rule over whatever it was. Raises ``ConfigError`` for one too many."""
    drop(connection, tenant, rule.kind, rule.name)
    count = connection.execute(
        sa.select(sa.func.count()).where(table.c.tenant == tenant, table.c.kind == rule.kind)
    ).scalar_one()
    if count >= MAX_RULES:
        raise ConfigError(f"there are {MAX_RULES} already; remove one first")
    connection.execute(
        sa.insert(table).values(tenant=tenant, kind=rule.kind, name=rule.name, value=rule.value)
    )


def drop(connection: sa.Connection, tenant: str, kind: str, name: str) -> bool:
    """Forget a rule; whether there was one."""
    done = connection.execute(
        sa.delete(table).where(table.c.tenant == tenant, table.c.kind == kind, table.c.name == name)
    )
    return done.rowcount > 0
