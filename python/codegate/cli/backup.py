"""``codegate backup``: a copy of everything that is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codegate.cli.command import Command
from codegate.cli.state import DataDir, opened
from codegate.crypto.keys import ACCOUNT_FILE
from codegate.storage.restore import write_copy


def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy goes.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Copy the database to a file, also while the proxy runs.

    Credentials in it stay encrypted, under a key that is not in it.
    """
    with opened(data_dir) as state:
        write_copy(state.database.path, file, may_replace=force)
        typer.echo(f"Copied the database to {file}.")
        if state.config.account_passphrase is None:
            key = state.data_dir / ACCOUNT_FILE
            typer.echo(f"Its credentials need the key in {key}: codegate keys export copies it.")


def _register(app: typer.Typer) -> None:
    app.command("backup")(backup)


COMMAND = Command(register=_register)
