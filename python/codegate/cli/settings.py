"""``codegate settings``: what may be changed without a restart."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated

import typer

from codegate.cli.command import Command
from codegate.cli.output import print_json, print_table
from codegate.cli.state import AsJson, DataDir, State, opened
from codegate.errors import ConfigError, WrongUsage
from codegate.settings import store
from codegate.settings.settings import Settings, as_text, in_force, parse

app = typer.Typer(help="What may be changed without a restart.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The setting's name.")]


@app.command("list")
def list_(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List every setting with its value."""
    with opened(data_dir) as state:
        items = _items(state)
    if as_json:
        print_json({"items": items})
    else:
        print_table(
            ("name", "value", "default"),
            [(i["name"], i["value"], "" if i["is_set"] else "default") for i in items],
            "",
        )


@app.command()
def get(name: Name, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Print one setting's value."""
    with opened(data_dir) as state:
        found = [item for item in _items(state) if item["name"] == name]
    if not found:
        raise WrongUsage(f"no setting is called {name!r}; codegate settings list shows all")
    if as_json:
        print_json(found[0])
    else:
        typer.echo(found[0]["value"])


@app.command("set")
def set_(
    name: Name,
    value: Annotated[str, typer.Argument(help="A number, or on or off.")],
    data_dir: DataDir = None,
) -> None:
    """Change a setting. It is in force within a second, also while the proxy runs."""
    changed = parse(Settings(), [(name, value)])
    with opened(data_dir) as state, state.database.change() as connection:
        store.put(connection, name, as_text(getattr(changed, name)))
    typer.echo(f"Set {name} to {as_text(getattr(changed, name))}.")


@app.command()
def unset(name: Name, data_dir: DataDir = None) -> None:
    """Go back to a setting's default."""
    with opened(data_dir) as state, state.database.change() as connection:
        if not store.drop(connection, name):
            raise ConfigError(f"{name} is not set")
    typer.echo(f"{name} is at its default.")


def _items(state: State) -> list[dict[str, object]]:
    with state.database.read() as connection:
        stored = store.load(connection)
    current, default = in_force(stored, ()), Settings()
    return [
        {
            "name": field.name,
            "value": as_text(getattr(current, field.name)),
            "default": as_text(getattr(default, field.name)),
            "is_set": field.name in stored,
        }
        for field in sorted(fields(Settings), key=lambda f: f.name)
    ]


COMMAND = Command(register=lambda parent: parent.add_typer(app, name="settings"))
