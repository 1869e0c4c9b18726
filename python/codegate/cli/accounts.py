"""``codegate accounts``: credentials at providers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from codegate import config
from codegate.accounts import store
from codegate.accounts.abilities import Abilities
from codegate.accounts.account import from_record
from codegate.accounts.probe import probe
from codegate.accounts.record import AccountChange, AccountRecord, edited, make, now_ms
from codegate.accounts.trial import models_of, try_model
from codegate.catalog.price import as_usd
from codegate.cli.account_options import AccountOptions, with_account_options
from codegate.cli.command import Command
from codegate.cli.condition import Condition, read_condition
from codegate.cli.credentials import ask_key
from codegate.cli.output import print_fields, print_json, print_table, time_text
from codegate.cli.state import AsJson, DataDir, State, opened
from codegate.crypto.secret import Secret
from codegate.crypto.vault import Vault
from codegate.errors import ConfigError, WrongUsage
from codegate.providers.base import Provider
from codegate.providers.known import (
    known_providers,
    provider_named,
    recognise,
    storable_providers,
)

app = typer.Typer(help="Credentials at providers.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name.")]
ProviderName = Annotated[
    str | None,
    typer.Option("--provider", help="The service; left out when the key's beginning tells it."),
]
Disabled = Annotated[bool, typer.Option("--disabled", help="Keep it out of use.")]


@app.command()
@with_account_options
def add(
    name: Name,
    options: AccountOptions,
    provider: ProviderName = None,
    disabled: Disabled = False,
    data_dir: DataDir = None,
) -> None:
    """Add an account. It is in use within a second, also while the proxy runs."""
    keys = options.keys()
    chosen = _choose_provider(provider, keys)
    if keys is None and chosen.needs_key:
        keys = ask_key(chosen.label)
    change = options.change(keys, is_enabled=not disabled)
    with opened(data_dir) as state:
        _insert(state, make(name, chosen, change))
    typer.echo(f"Added {name} at {chosen.label}.")


@app.command()
@with_account_options
def edit(name: Name, options: AccountOptions, data_dir: DataDir = None) -> None:
    """Change an account; what is not named stays. `none` clears a field.

    A new address needs the key again: the stored one was given for the stored address.
    """
    change = options.change(options.keys())
    with opened(data_dir) as state:
        vault = state.vault
        with state.database.change() as connection:
            record = edited(store.find(connection, vault, name), change)
            from_record(record)
            store.update(connection, vault, record)
    typer.echo(f"Changed {name}.")


@app.command("list")
def list_(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List all accounts, oldest first."""
    with opened(data_dir) as state:
        records = _load(state)
        condition = read_condition(state)
        items = [_view(record, state.vault, condition) for record in records]
    if as_json:
        print_json({"items": items})
        return
    words = [condition.word(record) for record in records]
    print_table(
        (
            *("name", "provider", "state", "until", "reason", "priority", "keys", "formats"),
            *("models", "images"),
        ),
        [
            (
                record.name,
                record.provider,
                word.state,
                word.until,
                word.reason,
                record.priority,
                len(record.keys),
                list(record.endpoints),
                list(record.models) or "any",
                _summary([tried.has_vision for tried in record.abilities.values()]),
            )
            for record, word in zip(records, words, strict=True)
        ],
        "No account yet: codegate accounts add NAME --provider P --api-key-stdin",
    )


@app.command()
def show(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show one account. Keys are shown as a fingerprint only."""
    with opened(data_dir) as state:
        record = _find(state, name)
        condition = read_condition(state)
        view = _view(record, state.vault, condition)
    if as_json:
        print_json(view)
    else:
        view["abilities"] = [
            f"{model}: images {_tri(a.has_vision)}, tools {_tri(a.has_tools)}"
            for model, a in record.abilities.items()
        ]
        view["health"] = _health_words(condition.health(name))
        print_fields(view)


@app.command()
def remove(name: Name, data_dir: DataDir = None) -> None:
    """Remove an account with its keys. What was logged about it stays."""
    with opened(data_dir) as state, state.database.change() as connection:
        store.remove(connection, name)
    typer.echo(f"Removed {name}.")


@app.command()
def enable(name: Name, data_dir: DataDir = None) -> None:
    """Put an account in use, also one that cools or whose key was refused."""
    with opened(data_dir) as state, state.database.change() as connection:
        store.set_enabled(connection, name, is_enabled=True, now_ms=now_ms())
    typer.echo(f"Enabled {name}.")


@app.command()
def disable(name: Name, data_dir: DataDir = None) -> None:
    """Take an account out of use and keep it."""
    with opened(data_dir) as state, state.database.change() as connection:
        store.set_enabled(connection, name, is_enabled=False, now_ms=now_ms())
    typer.echo(f"Disabled {name}.")


@app.command("test")
def probe_account(
    name: Name,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="Try this model; without it those of the account."),
    ] = None,
    trial: Annotated[
        bool, typer.Option(help="Try what models can do, in a few short requests each.")
    ] = True,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Ask the service for its model list with each key and in each format, then try whether its
    models take images and tools; what that shows is kept and routed by."""
    with opened(data_dir) as state:
        record = _find(state, name)
    results = probe(record)
    tried: dict[str, Abilities] = {}
    if trial and any(result.is_ok for result in results):
        for each in model or models_of(record):
            tried[each] = try_model(record, each)
        with opened(data_dir) as state, state.database.change() as connection:
            now = store.find(connection, state.vault, name)
            # A trial takes a while: another address may have come in the meantime.
            is_same = (now.id, now.endpoints) == (record.id, record.endpoints)
            for each, abilities in tried.items() if is_same else ():
                store.put_abilities(connection, record.id, each, abilities)
    if as_json:
        print_json(
            {
                "account": name,
                "ok": all(r.is_ok for r in results),
                "results": [
                    {
                        "format": r.format,
                        "url": r.url,
                        "key": r.key,
                        "code": r.code,
                        "message": r.message,
                        "status": r.status,
                        "ms": r.ms,
                        "models": len(r.models),
                    }
                    for r in results
                ],
                "models": _abilities(tried),
            }
        )
    else:
        print_table(
            ("format", "key", "result", "ms", "what"),
            [(r.format, r.key or "-", r.code, r.ms, r.message) for r in results],
            "This account has no address.",
        )
        if tried:
            typer.echo("")
            print_table(
                ("model", "images", "tools"),
                [(m, _tri(a.has_vision), _tri(a.has_tools)) for m, a in tried.items()],
                "",
            )
    if not all(r.is_ok for r in results):
        raise typer.Exit(1)


@app.command()
def models(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the models that the service offers now."""
    with opened(data_dir) as state:
        record = _find(state, name)
    last = probe(record, is_first_only=True)[-1]
    if not last.is_ok:
        raise ConfigError(f"{last.format}: {last.message} ({last.code})")
    if as_json:
        print_json({"account": name, "models": list(last.models)})
    else:
        print_table(("model",), [(model,) for model in last.models], "No model is offered.")


@app.command("import-env")
def import_env(
    apply: Annotated[bool, typer.Option("--apply", help="Add what was found.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Offer the keys that the environment holds; --apply adds them."""
    found = [
        (provider, variable, Secret(value))
        for provider in known_providers().values()
        for variable in provider.key_variables
        if (value := config.secret_from_environment(os.environ, variable))
    ]
    items: list[dict[str, object]] = []
    with opened(data_dir) as state:
        taken = {record.name for record in _load(state)}
        for provider, variable, secret in found:
            is_new = provider.name not in taken
            if apply and is_new:
                _insert(state, make(provider.name, provider, AccountChange(api_keys=(secret,))))
            taken.add(provider.name)
            items.append(
                {
                    "variable": variable,
                    "provider": provider.name,
                    "account": provider.name,
                    "added": apply and is_new,
                    "exists": not is_new,
                }
            )
    if as_json:
        print_json({"items": items})
        return
    words = {True: "added", False: "run again with --apply to add it"}
    print_table(
        ("variable", "account", "state"),
        [
            (i["variable"], i["account"], "exists" if i["exists"] else words[bool(i["added"])])
            for i in items
        ],
        "No variable of a known provider is set.",
    )


def _insert(state: State, record: AccountRecord) -> None:
    from_record(record)
    vault = state.vault
    with state.database.change() as connection:
        store.insert(connection, vault, record)


def _load(state: State) -> tuple[AccountRecord, ...]:
    vault = state.vault
    with state.database.read() as connection:
        return store.load_all(connection, vault)


def _find(state: State, name: str) -> AccountRecord:
    vault = state.vault
    with state.database.read() as connection:
        return store.find(connection, vault, name)


def _choose_provider(name: str | None, keys: tuple[Secret, ...] | None) -> Provider:
    if name is not None:
        if name not in storable_providers():
            known = ", ".join(sorted(storable_providers()))
            raise WrongUsage(f"no account can be added at {name!r}; known: {known}")
        return provider_named(name)
    found = recognise(keys[0].reveal()) if keys else None
    if found is None:
        raise WrongUsage("--provider is needed: one of " + ", ".join(sorted(storable_providers())))
    if found.others:
        names = ", ".join(p.name for p in (found.provider, *found.others))
        raise WrongUsage(f"keys of several services look like this: add --provider ({names})")
    return found.provider


def _view(record: AccountRecord, vault: Vault, condition: Condition) -> dict[str, object]:
    """The stable keys of an account in JSON; a secret is a fingerprint or a name."""
    return {
        "name": record.name,
        "provider": record.provider,
        "enabled": record.is_enabled,
        "problem": record.problem,
        "state": condition.word(record).state,
        "health": condition.health(record.name),
        "spent_usd": as_usd(condition.spent(record.name)),
        "endpoints": record.endpoints,
        "keys": [vault.fingerprint(key.reveal()) for key in record.keys],
        "headers": sorted(record.headers),
        "models": list(record.models),
        "model_map": record.model_map,
        "default_model": record.default_model,
        "reasoning_model": record.reasoning_model,
        "priority": record.priority,
        "rpm": record.rpm,
        "monthly_budget_usd": None
        if record.monthly_budget is None
        else as_usd(record.monthly_budget),
        "timeout_s": record.timeout_s,
        "abilities": _abilities(record.abilities),
        "created": time_text(record.created_ms),
        "updated": time_text(record.updated_ms),
    }


def _abilities(found: Mapping[str, Abilities]) -> dict[str, dict[str, object]]:
    """By model; ``null`` is unknown."""
    return {
        model: {
            "images": abilities.has_vision,
            "tools": abilities.has_tools,
            "checked": time_text(abilities.checked_ms),
        }
        for model, abilities in found.items()
    }


def _health_words(health: Mapping[str, object] | None) -> str | None:
    """What a running proxy shows, of the account and then of each key that it knows apart."""
    if health is None:
        return None
    words = str(health["state"])
    if health["reason"]:
        words += f" ({health['reason']})"
    if health["until"]:
        words += f" until {health['until']}"
    if health["faults"]:
        words += f", faults: {health['faults']}"
    keys = health.get("keys")
    for number, key in enumerate(keys if isinstance(keys, list) else (), 1):
        words += f"; key {number}: {_health_words(key)}"
    return words


def _tri(fact: bool | None) -> str:
    return "unknown" if fact is None else "yes" if fact else "no"


def _summary(facts: Sequence[bool | None]) -> str:
    """One word for several models."""
    words = {_tri(fact) for fact in facts}
    return words.pop() if len(words) == 1 else "some" if "yes" in words else "unknown"


COMMAND = Command(register=lambda parent: parent.add_typer(app, name="accounts"))
