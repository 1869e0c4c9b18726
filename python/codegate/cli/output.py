"""How commands print: aligned columns for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import orjson
import typer

_CONTROL = {code: "?" for code in (*range(32), *range(127, 160))}
"""Names come from providers and clients: nothing of them may steer a terminal."""


def print_json(value: object) -> None:
    """One JSON document."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode("utf-8"))


def print_line_json(value: object) -> None:
    """One JSON document on one line, at once."""
    typer.echo(orjson.dumps(value).decode("utf-8"))
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Columns wide enough for their longest value, or the sentence ``empty``."""
    if not rows:
        typer.echo(empty)
        return
    cells = [[cell_text(value) for value in row] for row in rows]
    widths = [max(len(column), *(len(row[i]) for row in cells)) for i, column in enumerate(columns)]
    for line in ([c.upper() for c in columns], *cells):
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        typer.echo("  ".join(padded).rstrip())


def print_fields(values: Mapping[str, object]) -> None:
    """One field a line."""
    width = max(len(name) for name in values)
    for name, value in values.items():
        typer.echo(f"{name.ljust(width)}  {cell_text(value)}".rstrip())


def time_text(milliseconds: int) -> str:
    """A time as people and programs read it, UTC."""
    stamp = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return stamp.isoformat(timespec="seconds").replace("+00:00", "Z")


def cell_text(value: object) -> str:
    """A value as it stands in a column: one line, nothing that steers a terminal."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={v}" for k, v in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value) or "-"
    return str(value).translate(_CONTROL)
