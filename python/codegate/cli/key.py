"""``codegate key``: the local proxy key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codegate import config
from codegate.cli.command import Command
from codegate.tenants.keys import local_key, rotate_local_key

app = typer.Typer(help="Print the local proxy key.", invoke_without_command=True)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where CodeGate keeps its files.")]


@app.callback()
def show(ctx: typer.Context, data_dir: DataDir = None) -> None:
    """Print the local proxy key, making it at the first call."""
    ctx.obj = data_dir
    if ctx.invoked_subcommand is None:
        settings = config.from_environment()
        typer.echo(local_key(data_dir or settings.data_dir, settings.proxy_api_key))


@app.command()
def rotate(ctx: typer.Context, data_dir: DataDir = None) -> None:
    """Replace the local proxy key and print the new one.

    A running proxy takes it over within a second; the old key opens nothing any more.
    """
    settings = config.from_environment()
    typer.echo(rotate_local_key(data_dir or ctx.obj or settings.data_dir, settings.proxy_api_key))


COMMAND = Command(register=lambda parent: parent.add_typer(app, name="key"))
