"""``codegate usage``: sums of requests, tokens and money."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from codegate.catalog.price import as_usd
from codegate.cli.command import Command
from codegate.cli.output import print_fields, print_json, print_table
from codegate.cli.since import since_ms
from codegate.cli.state import AsJson, DataDir, opened
from codegate.requestlog import store
from codegate.requestlog.store import UsageLine


class By(StrEnum):
    """What sums are made for."""

    DAY = "day"
    MODEL = "model"
    ACCOUNT = "account"
    TENANT = "tenant"


def usage(
    by: Annotated[By, typer.Option(help="What sums are made for.")] = By.DAY,
    since: Annotated[str, typer.Option(help="7d, or a date; whole days, UTC.")] = "30d",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what was used, what it cost by known prices, and what guardrails found."""
    day = datetime.fromtimestamp(since_ms(since) / 1000, UTC).strftime("%Y-%m-%d")
    with opened(data_dir) as state, state.database.read() as connection:
        lines = store.read_usage(connection, by.value, day)
        masked = store.read_masked(connection, day)
    total = _total(lines)
    if as_json:
        print_json(
            {
                "by": by.value,
                "since": day,
                "items": [_view(line, by.value) for line in lines],
                "total": {k: v for k, v in _view(total, "key").items() if k != "key"},
                "masked": masked,
            }
        )
        return
    print_table(
        (
            by.value,
            "requests",
            "errors",
            "in",
            "out",
            "cache read",
            "cache write",
            "usd",
            "unpriced",
        ),
        [_cells(line) for line in [*lines, *([total] if lines else [])]],
        f"Nothing was used since {day}.",
    )
    if masked:
        print_fields({"masked": masked})


def _total(lines: list[UsageLine]) -> UsageLine:
    def add(name: str) -> int:
        return sum(int(getattr(line, name)) for line in lines)

    return UsageLine(
        key="total",
        requests=add("requests"),
        errors=add("errors"),
        unpriced=add("unpriced"),
        tokens_in=add("tokens_in"),
        tokens_out=add("tokens_out"),
        tokens_cache_read=add("tokens_cache_read"),
        tokens_cache_write=add("tokens_cache_write"),
        tokens_reasoning=add("tokens_reasoning"),
        cost=add("cost"),
    )


def _view(line: UsageLine, by: str) -> dict[str, object]:
    return {
        by: line.key,
        "requests": line.requests,
        "errors": line.errors,
        "unpriced": line.unpriced,
        "tokens_in": line.tokens_in,
        "tokens_out": line.tokens_out,
        "tokens_cache_read": line.tokens_cache_read,
        "tokens_cache_write": line.tokens_cache_write,
        "tokens_reasoning": line.tokens_reasoning,
        "cost_usd": as_usd(line.cost),
    }


def _cells(line: UsageLine) -> tuple[object, ...]:
    return (
        line.key or "-",
        line.requests,
        line.errors,
        line.tokens_in,
        line.tokens_out,
        line.tokens_cache_read,
        line.tokens_cache_write,
        f"{line.cost / 1e12:.4f}",
        line.unpriced or "",
    )


def _register(app: typer.Typer) -> None:
    app.command("usage")(usage)


COMMAND = Command(register=_register)
