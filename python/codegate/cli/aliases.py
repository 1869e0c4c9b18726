"""``codegate aliases``: model names of your own."""

from __future__ import annotations

from typing import Annotated

import typer

from codegate.catalog import store
from codegate.cli.command import Command
from codegate.cli.output import print_json, print_table
from codegate.cli.state import AsJson, DataDir, opened
from codegate.errors import ConfigError, WrongUsage

app = typer.Typer(help="Model names of your own.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name that clients ask for.")]

_MAX_NAME = 256


@app.command("list")
def list_(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List all aliases."""
    with opened(data_dir) as state, state.database.read() as connection:
        aliases = store.load_aliases(connection)
    if as_json:
        print_json({"items": [{"name": n, "model": m} for n, m in aliases.items()]})
    else:
        print_table(("name", "model"), list(aliases.items()), "No alias.")


@app.command("set")
def set_(
    name: Name,
    model: Annotated[str, typer.Argument(help="The model that it stands for.")],
    data_dir: DataDir = None,
) -> None:
    """Let clients ask for NAME and get MODEL. An alias of an alias is not followed."""
    for text in (name, model):
        if not text.strip() or not text.isprintable() or len(text) > _MAX_NAME:
            raise WrongUsage(f"{text[:_MAX_NAME]!r} cannot be a model's name")
    with opened(data_dir) as state, state.database.change() as connection:
        store.put_alias(connection, name, model)
    typer.echo(f"{name} now means {model}.")


@app.command()
def unset(name: Name, data_dir: DataDir = None) -> None:
    """Take an alias away."""
    with opened(data_dir) as state, state.database.change() as connection:
        if not store.drop_alias(connection, name):
            raise ConfigError(f"no alias is called {name!r}")
    typer.echo(f"Removed {name}.")


COMMAND = Command(register=lambda parent: parent.add_typer(app, name="aliases"))
