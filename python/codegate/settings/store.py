"""Settings in the database, as the texts that an operator gave."""

from __future__ import annotations

import sqlalchemy as sa

from codegate.storage.schema import settings


def load(connection: sa.Connection) -> dict[str, str]:
    """Every stored setting by name."""
    rows = connection.execute(sa.select(settings).order_by(settings.c.name))
    return {name: value for name, value in rows}


def put(connection: sa.Connection, name: str, value: str) -> None:
    """Store a setting over whatever it was."""
    connection.execute(sa.delete(settings).where(settings.c.name == name))
    connection.execute(sa.insert(settings).values(name=name, value=value))


def drop(connection: sa.Connection, name: str) -> bool:
    """Back to the default; whether it was set."""
    done = connection.execute(sa.delete(settings).where(settings.c.name == name))
    return done.rowcount > 0
