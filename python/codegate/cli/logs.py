"""``codegate logs``: what went through the proxy."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, get_args

import typer

from codegate.catalog.price import as_usd
from codegate.cli.command import Command
from codegate.cli.output import cell_text, print_json, print_line_json, print_table
from codegate.cli.since import since_ms
from codegate.cli.state import AsJson, DataDir, opened
from codegate.requestlog import store
from codegate.requestlog.entry import Outcome
from codegate.requestlog.store import LogFilter

_POLL_S = 0.5
_STATUS = re.compile(r"([1-5])(\d\d|xx)")
_OUTCOMES: tuple[str, ...] = get_args(Outcome)
_COLUMNS = ("time", "account", "model", "status", "outcome", "in", "out", "usd", "ms")
_WIDTHS = (23, 14, 28, 6, 14, 8, 7, 10, 8)


def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new ones.")] = False,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant only.")] = None,
    account: Annotated[str | None, typer.Option(help="Of this account only.")] = None,
    status: Annotated[
        str | None, typer.Option(help="200, 4xx, or an outcome such as client_closed.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="90m, 2h, 7d, or a date (UTC).")] = None,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1, max=100_000)] = 50,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show the newest exchanges, oldest first. With --follow --json: one object a line."""
    statuses = _statuses(status)
    if status is not None and statuses is None and status not in _OUTCOMES:
        raise typer.BadParameter(
            f"--status: {status!r} is neither a status (200, 4xx) nor one of {', '.join(_OUTCOMES)}"
        )
    wanted = LogFilter(
        tenant=tenant,
        account=account,
        statuses=statuses,
        outcome=status if statuses is None else None,
        since_ms=None if since is None else since_ms(since),
        limit=limit,
    )
    with opened(data_dir) as state:
        with state.database.read() as connection:
            rows = store.read(connection, wanted)
            is_empty = not rows and not store.read(connection, LogFilter(limit=1))
        if not follow:
            _print(rows, as_json, "Nothing was logged yet." if is_empty else "Nothing fits.")
            return
        _follow(rows, as_json)
        last = rows[-1]["request_id"] if rows else ""
        while True:
            time.sleep(_POLL_S)
            with state.database.read() as connection:
                rows = store.read(connection, replace(wanted, after_id=last, limit=100_000))
            if rows:
                last = rows[-1]["request_id"]
                _follow(rows, as_json)


def _print(rows: list[dict[str, Any]], as_json: bool, empty: str) -> None:
    if as_json:
        print_json({"items": [_view(row) for row in rows]})
    else:
        print_table(_COLUMNS, [_cells(row) for row in rows], empty)


def _follow(rows: list[dict[str, Any]], as_json: bool) -> None:
    for row in rows:
        if as_json:
            print_line_json(_view(row))
        else:
            cells = zip(_cells(row), _WIDTHS, strict=True)
            typer.echo(" ".join(cell_text(c).ljust(w) for c, w in cells).rstrip())
            sys.stdout.flush()


def _view(row: dict[str, Any]) -> dict[str, Any]:
    """The stable keys of an exchange in JSON."""
    view = {k: v for k, v in row.items() if k not in {"created_ms", "cost"}}
    view["time"] = _time(row["created_ms"])
    view["cost_usd"] = None if row["cost"] is None else as_usd(row["cost"])
    return view


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    usd = None if row["cost"] is None else f"{row['cost'] / 1e12:.6f}"
    return (
        _time(row["created_ms"]).removesuffix("Z").replace("T", " "),
        row["account"] or None,
        row["upstream_model"] or row["model"] or None,
        row["status"],
        row["outcome"],
        row["tokens_in"],
        row["tokens_out"],
        usd,
        round(row["total_ms"]),
    )


def _time(milliseconds: int) -> str:
    stamp = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _statuses(text: str | None) -> tuple[int, int] | None:
    found = _STATUS.fullmatch(text.lower()) if text is not None else None
    if found is None:
        return None
    first = int(found[1]) * 100
    if found[2] == "xx":
        return first, first + 100
    return first + int(found[2]), first + int(found[2]) + 1


def _register(app: typer.Typer) -> None:
    app.command("logs")(logs)


COMMAND = Command(register=_register)
