"""What ``limits`` and ``prices`` share: the operator's entries beside the shipped ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer

from codegate.cli.output import print_json, print_table
from codegate.cli.state import opened
from codegate.errors import ConfigError

Model = Annotated[
    str, typer.Argument(help="A model, or how the names of several begin; the longest wins.")
]
All = Annotated[bool, typer.Option("--all", help="Also what is shipped.")]


def print_entries(items: Sequence[dict[str, object]], noun: str, *, as_json: bool) -> None:
    """Entries whose keys are the columns; ``noun`` says what there is none of."""
    if as_json:
        print_json({"items": items})
        return
    columns = list(items[0]) if items else ()
    empty = f"No {noun} of your own; --all shows what is shipped."
    print_table(tuple(columns), [tuple(item.values()) for item in items], empty)


def drop_own(
    data_dir: Path | None, model: str, noun: str, drop: Callable[[sa.Connection, str], bool]
) -> None:
    """Take the operator's entry away. Raises ``ConfigError`` where there is none."""
    with opened(data_dir) as state, state.database.change() as connection:
        if not drop(connection, model):
            raise ConfigError(f"{model} has no {noun} of your own")
    typer.echo(f"Removed the {noun} of {model}.")
