"""``codegate configs``: which accounts serve which tier of models."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from codegate.cli.command import Command
from codegate.cli.output import print_fields, print_json, print_table
from codegate.cli.state import AsJson, DataDir, opened
from codegate.routing import configs
from codegate.routing.configs import STRATEGIES, Assignment, RoutingConfig

app = typer.Typer(help="Which accounts serve which tier of models.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The config's name.")]
Strategy = Annotated[str | None, typer.Option(help=f"One of {', '.join(STRATEGIES)}.")]
Tiers = Annotated[
    list[str] | None,
    typer.Option("--tier", help="TIER=ACCOUNT[:MODEL]; repeatable, the first goes first."),
]


@app.command("list")
def list_(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List all configs."""
    with opened(data_dir) as state, state.database.read() as connection:
        found = configs.load_all(connection)
    if as_json:
        print_json({"items": [_view(config) for config in found]})
    else:
        print_table(
            ("name", "active", "strategy", "tiers"),
            [(c.name, c.is_active, c.strategy, _tier_texts(c)) for c in found],
            "No config: every enabled account takes what it offers.",
        )


@app.command()
def show(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show one config."""
    with opened(data_dir) as state, state.database.read() as connection:
        config = configs.find(connection, name)
    if as_json:
        print_json(_view(config))
    else:
        print_fields(
            {
                "name": config.name,
                "active": config.is_active,
                "strategy": config.strategy,
                "tiers": _tier_texts(config),
            }
        )


@app.command()
def add(
    name: Name, strategy: Strategy = None, tier: Tiers = None, data_dir: DataDir = None
) -> None:
    """Add a config. It takes effect once it is activated."""
    config = RoutingConfig(name=name, strategy=strategy or STRATEGIES[0], tiers=_tiers(tier))
    with opened(data_dir) as state, state.database.change() as connection:
        configs.insert(connection, config)
    typer.echo(f"Added {name}; put it in force with: codegate configs activate {name}")


@app.command()
def edit(
    name: Name, strategy: Strategy = None, tier: Tiers = None, data_dir: DataDir = None
) -> None:
    """Change a config. A tier that is named is replaced, the others stay."""
    with opened(data_dir) as state, state.database.change() as connection:
        before = configs.find(connection, name)
        configs.update(
            connection,
            replace(
                before,
                strategy=strategy or before.strategy,
                tiers={**before.tiers, **_tiers(tier)},
            ),
        )
    typer.echo(f"Changed {name}.")


@app.command()
def remove(name: Name, data_dir: DataDir = None) -> None:
    """Remove a config."""
    with opened(data_dir) as state, state.database.change() as connection:
        configs.remove(connection, name)
    typer.echo(f"Removed {name}.")


@app.command()
def activate(name: Name, data_dir: DataDir = None) -> None:
    """Put a config in force in place of any other."""
    with opened(data_dir) as state, state.database.change() as connection:
        configs.activate(connection, name)
    typer.echo(f"{name} is in force.")


@app.command()
def deactivate(data_dir: DataDir = None) -> None:
    """Go back to no config: every enabled account takes what it offers."""
    with opened(data_dir) as state, state.database.change() as connection:
        configs.activate(connection, None)
    typer.echo("No config is in force.")


def _tiers(texts: list[str] | None) -> dict[str, tuple[Assignment, ...]]:
    found: dict[str, list[Assignment]] = {}
    for text in texts or []:
        tier, equals, target = text.partition("=")
        account, _, model = target.partition(":")
        if not equals or not account:
            raise typer.BadParameter(
                f"--tier: {text!r} does not have the form TIER=ACCOUNT[:MODEL]"
            )
        found.setdefault(tier, []).append(Assignment(account=account, model=model or None))
    return {tier: tuple(assignments) for tier, assignments in found.items()}


def _tier_texts(config: RoutingConfig) -> list[str]:
    return [
        f"{tier}={a.account}" + (f":{a.model}" if a.model else "")
        for tier, assignments in config.tiers.items()
        for a in assignments
    ]


def _view(config: RoutingConfig) -> dict[str, object]:
    return {
        "name": config.name,
        "active": config.is_active,
        "strategy": config.strategy,
        "tiers": {
            tier: [{"account": a.account, "model": a.model} for a in assignments]
            for tier, assignments in config.tiers.items()
        },
    }


COMMAND = Command(register=lambda parent: parent.add_typer(app, name="configs"))
