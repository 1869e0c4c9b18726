"""Configs: for each tier of models, which accounts are asked and in what order."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from codegate.catalog.catalog import TIERS
from codegate.errors import ConfigError, WrongUsage
from codegate.storage.schema import accounts, config_tiers, configs

STRATEGIES = ("priority", "round-robin", "least-used", "budget-aware")
"""``priority``: in the order given. ``round-robin``: in turn. ``least-used``: whoever cost least
this month first. ``budget-aware``: whoever has the largest share of its budget left first."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One account for one tier; ``model`` takes the place of the name that was asked for."""

    account: str
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingConfig:
    """A stored routing rule. At most one is active."""

    name: str
    strategy: str = "priority"
    is_active: bool = False
    tiers: Mapping[str, tuple[Assignment, ...]] = field(default_factory=dict)

    def assignments(self, tier: str | None) -> tuple[Assignment, ...]:
        """Those of ``tier``, or one for each account where the model has no tier."""
        if tier is not None:
            return self.tiers.get(tier, ())
        found: dict[str, Assignment] = {}
        for name in TIERS:
            for assignment in self.tiers.get(name, ()):
                found.setdefault(assignment.account, assignment)
        return tuple(found.values())


def check(config: RoutingConfig) -> RoutingConfig:
    """``config`` if it can be stored. Raises ``WrongUsage``."""
    if not _NAME.fullmatch(config.name):
        raise WrongUsage(
            f"{config.name!r} cannot be a config's name: use 1 to 64 of A-Z a-z 0-9 . _ -"
        )
    if config.strategy not in STRATEGIES:
        raise WrongUsage(
            f"no strategy is called {config.strategy!r}; known: {', '.join(STRATEGIES)}"
        )
    for tier in config.tiers:
        if tier not in TIERS:
            raise WrongUsage(f"no tier is called {tier!r}; known: {', '.join(TIERS)}")
    return config


def load_all(connection: sa.Connection) -> tuple[RoutingConfig, ...]:
    """Every config, oldest first."""
    tiers: dict[str, dict[str, list[Assignment]]] = {}
    for row in connection.execute(
        sa.select(config_tiers, accounts.c.name.label("account"))
        .join(accounts, accounts.c.id == config_tiers.c.account_id)
        .order_by(config_tiers.c.config_id, config_tiers.c.tier, config_tiers.c.position)
    ):
        tiers.setdefault(row.config_id, {}).setdefault(row.tier, []).append(
            Assignment(account=row.account, model=row.target_model)
        )
    return tuple(
        RoutingConfig(
            name=row.name,
            strategy=row.strategy,
            is_active=row.is_active,
            tiers={t: tuple(found) for t, found in tiers.get(row.id, {}).items()},
        )
        for row in connection.execute(sa.select(configs).order_by(configs.c.created_ms))
    )


def find(connection: sa.Connection, name: str) -> RoutingConfig:
    """The config of that name. Raises ``ConfigError``."""
    for config in load_all(connection):
        if config.name == name:
            return config
    raise ConfigError(f"no config is called {name!r}; codegate configs list shows all")


def insert(connection: sa.Connection, config: RoutingConfig) -> None:
    """Store a new config. Raises ``ConfigError`` for a name that is taken."""
    check(config)
    taken = connection.execute(sa.select(configs.c.id).where(configs.c.name == config.name))
    if taken.first() is not None:
        raise ConfigError(f"a config called {config.name!r} exists; choose another name")
    config_id = uuid.uuid4().hex
    connection.execute(
        sa.insert(configs).values(
            id=config_id,
            name=config.name,
            strategy=config.strategy,
            is_active=False,
            created_ms=time.time_ns() // 1_000_000,
        )
    )
    _insert_tiers(connection, config_id, config)


def update(connection: sa.Connection, config: RoutingConfig) -> None:
    """Store ``config`` over the one of the same name. Raises ``ConfigError``."""
    check(config)
    config_id = _id(connection, config.name)
    connection.execute(
        sa.update(configs).where(configs.c.id == config_id).values(strategy=config.strategy)
    )
    connection.execute(sa.delete(config_tiers).where(config_tiers.c.config_id == config_id))
    _insert_tiers(connection, config_id, config)


def remove(connection: sa.Connection, name: str) -> None:
    """Delete a config. Raises ``ConfigError``."""
    connection.execute(sa.delete(configs).where(configs.c.id == _id(connection, name)))


def activate(connection: sa.Connection, name: str | None) -> None:
    """Make this the one active config, or none. Raises ``ConfigError``."""
    wanted = None if name is None else _id(connection, name)
    connection.execute(sa.update(configs).values(is_active=False))
    if wanted is not None:
        connection.execute(sa.update(configs).where(configs.c.id == wanted).values(is_active=True))


def _id(connection: sa.Connection, name: str) -> str:
    found = connection.execute(
        sa.select(configs.c.id).where(configs.c.name == name)
    ).scalar_one_or_none()
    if found is None:
        raise ConfigError(f"no config is called {name!r}; codegate configs list shows all")
    return str(found)


def _insert_tiers(connection: sa.Connection, config_id: str, config: RoutingConfig) -> None:
    ids = {
        name: row_id
        for row_id, name in connection.execute(sa.select(accounts.c.id, accounts.c.name))
    }
    for tier, assignments in config.tiers.items():
        for position, assignment in enumerate(assignments):
            if assignment.account not in ids:
                raise ConfigError(
                    f"no account is called {assignment.account!r}; codegate accounts list shows all"
                )
            connection.execute(
                sa.insert(config_tiers).values(
                    config_id=config_id,
                    tier=tier,
                    position=position,
                    account_id=ids[assignment.account],
                    target_model=assignment.model,
                )
            )
