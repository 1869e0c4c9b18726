"""What commands on stored things share: the data directory, its database and its keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codegate import config
from codegate.config import Config
from codegate.storage.database import Database
from codegate.storage.prepare import open_database

if TYPE_CHECKING:
    from codegate.crypto.vault import Vault

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where CodeGate keeps its files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys.")]


@dataclass
class State:
    """An open data directory."""

    config: Config
    data_dir: Path
    database: Database

    @cached_property
    def vault(self) -> Vault:
        """The stored credentials; opened when they are first needed."""
        # Commands that show what was logged need no keys, and loading this takes them a while.
        from codegate.crypto.vault import open_vault

        return open_vault(self.database, self.config.account_passphrase)


@contextmanager
def opened(data_dir: Path | None) -> Iterator[State]:
    """The data directory of the flag, else of the environment. Raises ``ConfigError``."""
    base = config.from_environment()
    chosen = data_dir or base.data_dir
    database = open_database(chosen)
    try:
        yield State(config=base, data_dir=chosen, database=database)
    finally:
        database.close()
