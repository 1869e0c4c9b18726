"""The operator's limits, prices and aliases in the database."""

from __future__ import annotations

import sqlalchemy as sa

from codegate.catalog.catalog import Limit
from codegate.catalog.price import Price
from codegate.storage.schema import aliases, model_limits, model_prices


def load(connection: sa.Connection) -> tuple[dict[str, Limit], dict[str, Price]]:
    """Limits and prices by model name."""
    limits = {
        row.model: Limit(
            max_output=row.max_output,
            has_tools=row.has_tools,
            has_reasoning=row.has_reasoning,
            has_vision=row.has_vision,
        )
        for row in connection.execute(sa.select(model_limits).order_by(model_limits.c.model))
    }
    prices = {
        row.model: Price(
            input=row.input,
            output=row.output,
            cache_read=row.cache_read,
            cache_write=row.cache_write,
        )
        for row in connection.execute(sa.select(model_prices).order_by(model_prices.c.model))
    }
    return limits, prices


def load_aliases(connection: sa.Connection) -> dict[str, str]:
    """What each alias stands for."""
    rows = connection.execute(sa.select(aliases).order_by(aliases.c.name))
    return {name: model for name, model in rows}


def put_limit(connection: sa.Connection, model: str, limit: Limit) -> None:
    """Store a limit over whatever it was."""
    drop_limit(connection, model)
    connection.execute(
        sa.insert(model_limits).values(
            model=model,
            max_output=limit.max_output,
            has_tools=limit.has_tools,
            has_reasoning=limit.has_reasoning,
            has_vision=limit.has_vision,
        )
    )


def drop_limit(connection: sa.Connection, model: str) -> bool:
    """Take a limit away; whether there was one."""
    return _drop(connection, model_limits, model_limits.c.model == model)


def put_price(connection: sa.Connection, model: str, price: Price) -> None:
    """Store a price over whatever it was."""
    drop_price(connection, model)
    connection.execute(
        sa.insert(model_prices).values(
            model=model,
            input=price.input,
            output=price.output,
            cache_read=price.cache_read,
            cache_write=price.cache_write,
        )
    )


def drop_price(connection: sa.Connection, model: str) -> bool:
    """Take a price away; whether there was one."""
    return _drop(connection, model_prices, model_prices.c.model == model)


def put_alias(connection: sa.Connection, name: str, model: str) -> None:
    """Store an alias over whatever it was."""
    drop_alias(connection, name)
    connection.execute(sa.insert(aliases).values(name=name, model=model))


def drop_alias(connection: sa.Connection, name: str) -> bool:
    """Take an alias away; whether there was one."""
    return _drop(connection, aliases, aliases.c.name == name)


def _drop(connection: sa.Connection, table: sa.Table, where: sa.ColumnElement[bool]) -> bool:
    return connection.execute(sa.delete(table).where(where)).rowcount > 0
