"""``codegate restore``: back to a copy that ``codegate backup`` made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codegate import config
from codegate.cli.command import Command
from codegate.cli.state import DataDir
from codegate.crypto.vault import open_vault, verify
from codegate.storage import restore as storage
from codegate.storage.database import Database


def restore(
    file: Annotated[Path, typer.Argument(help="The copy.")], data_dir: DataDir = None
) -> None:
    """Put a copy of the database in force, also while the proxy runs.

    What was there before, request log included, is kept in the folder backups.
    """
    base = config.from_environment()

    def check(database: Database) -> None:
        verify(database, open_vault(database, base.account_passphrase))

    kept = storage.restore(data_dir or base.data_dir, file, check)
    typer.echo(f"Restored {file}.")
    if kept is not None:
        typer.echo(f"What was there before is in {kept}.")


def _register(app: typer.Typer) -> None:
    app.command("restore")(restore)


COMMAND = Command(register=_register)
