"""Accounts in the database, their credentials encrypted each in its own place."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import sqlalchemy as sa

from codegate.accounts.abilities import Abilities
from codegate.accounts.record import AccountRecord
from codegate.crypto.cipher import Place
from codegate.crypto.secret import Secret
from codegate.crypto.vault import Vault
from codegate.errors import ConfigError, DecryptError
from codegate.storage.schema import account_keys, account_models, accounts


def load_all(connection: sa.Connection, vault: Vault) -> tuple[AccountRecord, ...]:
    """Every account, oldest first. One that does not decrypt has ``problem`` and no keys."""
    keys: dict[str, list[tuple[str, str]]] = {}
    for account_id, row_id, stored in connection.execute(
        sa.select(account_keys.c.account_id, account_keys.c.id, account_keys.c.secret_enc).order_by(
            account_keys.c.account_id, account_keys.c.position
        )
    ):
        keys.setdefault(account_id, []).append((row_id, stored))
    tried = _load_abilities(connection)
    rows = connection.execute(
        sa.select(accounts).order_by(accounts.c.created_ms, accounts.c.id)
    ).mappings()
    return tuple(
        _record(row, keys.get(row["id"], []), tried.get(row["id"], {}), vault) for row in rows
    )


def find(connection: sa.Connection, vault: Vault, name: str) -> AccountRecord:
    """The account of that name. Raises ``ConfigError``."""
    for record in load_all(connection, vault):
        if record.name == name:
            return record
    raise ConfigError(f"no account is called {name!r}; codegate accounts list shows all")


def insert(connection: sa.Connection, vault: Vault, record: AccountRecord) -> None:
    """Store a new account. Raises ``ConfigError`` for a name that is taken."""
    taken = connection.execute(
        sa.select(accounts.c.id).where(accounts.c.name == record.name)
    ).first()
    if taken is not None:
        raise ConfigError(f"an account called {record.name!r} exists; choose another name")
    connection.execute(sa.insert(accounts).values(**_columns(vault, record)))
    _insert_keys(connection, vault, record)


def update(connection: sa.Connection, vault: Vault, record: AccountRecord) -> None:
    """Store ``record`` over the account of the same id, credentials included."""
    connection.execute(
        sa.update(accounts).where(accounts.c.id == record.id).values(**_columns(vault, record))
    )
    connection.execute(sa.delete(account_keys).where(account_keys.c.account_id == record.id))
    _insert_keys(connection, vault, record)
    if not record.abilities:
        # They were another service's.
        connection.execute(
            sa.delete(account_models).where(account_models.c.account_id == record.id)
        )


def put_abilities(
    connection: sa.Connection, account_id: str, model: str, abilities: Abilities
) -> None:
    """Store what a trial showed over what an earlier one did."""
    connection.execute(
        sa.delete(account_models).where(
            account_models.c.account_id == account_id, account_models.c.model == model
        )
    )
    connection.execute(
        sa.insert(account_models).values(
            account_id=account_id,
            model=model,
            has_vision=abilities.has_vision,
            has_tools=abilities.has_tools,
            checked_ms=abilities.checked_ms,
        )
    )


def set_enabled(connection: sa.Connection, name: str, *, is_enabled: bool, now_ms: int) -> None:
    """Switch an account on or off without touching its credentials. Raises ``ConfigError``."""
    done = connection.execute(
        sa.update(accounts)
        .where(accounts.c.name == name)
        .values(is_enabled=is_enabled, updated_ms=now_ms)
    )
    if done.rowcount == 0:
        raise ConfigError(f"no account is called {name!r}; codegate accounts list shows all")


def remove(connection: sa.Connection, name: str) -> None:
    """Delete an account with its keys and its places in configs. Raises ``ConfigError``."""
    done = connection.execute(sa.delete(accounts).where(accounts.c.name == name))
    if done.rowcount == 0:
        raise ConfigError(f"no account is called {name!r}; codegate accounts list shows all")


def _columns(vault: Vault, record: AccountRecord) -> dict[str, object]:
    headers = None
    if record.headers:
        text = orjson.dumps({k: v.reveal() for k, v in record.headers.items()}).decode("utf-8")
        headers = vault.encrypt(text, Place("accounts", record.id, "headers_enc"))
    return {
        "id": record.id,
        "name": record.name,
        "provider": record.provider,
        "endpoints": record.endpoints,
        "models": list(record.models),
        "model_map": record.model_map,
        "default_model": record.default_model,
        "reasoning_model": record.reasoning_model,
        "headers_enc": headers,
        "priority": record.priority,
        "rpm": record.rpm,
        "monthly_budget": record.monthly_budget,
        "timeout_s": record.timeout_s,
        "is_enabled": record.is_enabled,
        "created_ms": record.created_ms,
        "updated_ms": record.updated_ms,
    }


def _insert_keys(connection: sa.Connection, vault: Vault, record: AccountRecord) -> None:
    for position, key in enumerate(record.keys):
        row_id = uuid.uuid4().hex
        connection.execute(
            sa.insert(account_keys).values(
                id=row_id,
                account_id=record.id,
                position=position,
                secret_enc=vault.encrypt(key.reveal(), Place("account_keys", row_id, "secret_enc")),
            )
        )


def _load_abilities(connection: sa.Connection) -> dict[str, dict[str, Abilities]]:
    found: dict[str, dict[str, Abilities]] = {}
    for row in connection.execute(sa.select(account_models).order_by(account_models.c.model)):
        found.setdefault(row.account_id, {})[row.model] = Abilities(
            has_vision=row.has_vision, has_tools=row.has_tools, checked_ms=row.checked_ms
        )
    return found


def _record(
    row: Any,
    stored_keys: list[tuple[str, str]],
    abilities: dict[str, Abilities],
    vault: Vault,
) -> AccountRecord:
    problem: str | None = None
    keys: tuple[Secret, ...] = ()
    headers: dict[str, Secret] = {}
    try:
        keys = tuple(
            Secret(vault.decrypt(stored, Place("account_keys", row_id, "secret_enc")))
            for row_id, stored in stored_keys
        )
        if row["headers_enc"] is not None:
            text = vault.decrypt(row["headers_enc"], Place("accounts", row["id"], "headers_enc"))
            headers = {k: Secret(v) for k, v in orjson.loads(text).items()}
    except DecryptError as error:
        problem, keys, headers = error.message, (), {}
    return AccountRecord(
        id=row["id"],
        name=row["name"],
        provider=row["provider"],
        endpoints=dict(row["endpoints"]),
        keys=keys,
        headers=headers,
        models=tuple(row["models"]),
        model_map=dict(row["model_map"]),
        default_model=row["default_model"],
        reasoning_model=row["reasoning_model"],
        priority=row["priority"],
        rpm=row["rpm"],
        monthly_budget=row["monthly_budget"],
        timeout_s=row["timeout_s"],
        is_enabled=row["is_enabled"],
        created_ms=row["created_ms"],
        updated_ms=row["updated_ms"],
        abilities=abilities,
        problem=problem,
    )
