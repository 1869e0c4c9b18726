"""The request log and its sums in the database: what is written in one transaction, and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any, Literal

import orjson
import sqlalchemy as sa

from codegate.requestlog.entry import LogEntry, first_id_of, with_row
from codegate.requestlog.rows import MAX_NAME, Group, clean, grouped, insert
from codegate.storage.schema import masked_usage, request_log, spend, usage

GroupBy = Literal["day", "model", "account", "tenant"]

_SUMMED = tuple(column.name for column in usage.c if not column.primary_key)

_FAILED = frozenset({"upstream_error", "timeout", "rejected"})
_DELETE_ROWS = 5000
_FIRST_DAY = date(1970, 1, 1)


@dataclass(slots=True)
class _Sums:
    requests: int = 0
    errors: int = 0
    unpriced: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cache_read: int = 0
    tokens_cache_write: int = 0
    tokens_reasoning: int = 0
    cost: int = 0

    def add(self, group: Group) -> None:
        count, counts = len(group.entries), group.counts
        self.requests += count
        if group.kind.outcome in _FAILED:
            self.errors += count
        self.unpriced += group.unpriced
        self.tokens_in += counts["tokens_in"].total
        self.tokens_out += counts["tokens_out"].total
        self.tokens_cache_read += counts["tokens_cache_read"].total
        self.tokens_cache_write += counts["tokens_cache_write"].total
        self.tokens_reasoning += counts["tokens_reasoning"].total
        self.cost += counts["cost"].total


def write(connection: sa.Connection, batch: Sequence[LogEntry]) -> None:
    """The rows of ``batch`` with all that they change, in the caller's transaction."""
    if not batch:
        return
    loud = with_row(batch)
    groups = grouped(loud)
    insert(connection, groups)
    if len(loud) < len(batch):
        # All are counted, those that leave no row, too.
        groups = grouped(batch)
    _add_sums(connection, groups)


def unwritten(connection: sa.Connection, batch: Sequence[LogEntry]) -> list[LogEntry]:
    """Those of ``batch`` that have no row yet, after a write whose end is not known."""
    ids = [entry.request_id for entry in batch]
    known: set[str] = set()
    for start in range(0, len(ids), 500):
        known.update(
            connection.execute(
                sa.select(request_log.c.request_id).where(
                    request_log.c.request_id.in_(ids[start : start + 500])
                )
            ).scalars()
        )
    return [entry for entry in batch if entry.request_id not in known]


def _add_sums(connection: sa.Connection, groups: Sequence[Group]) -> None:
    days: dict[tuple[str, str, str, str], _Sums] = {}
    months: dict[tuple[str, str, str], tuple[int, int]] = {}
    found: dict[tuple[str, str, str], int] = {}
    for group in groups:
        kind, day = group.kind, _day(group.day)
        model = clean(kind.upstream_model or kind.model, MAX_NAME)
        sums = days.setdefault((day, kind.tenant, kind.account, model), _Sums())
        sums.add(group)
        if kind.account:
            month = (day[:7], kind.account, kind.tenant)
            cost, requests = months.get(month, (0, 0))
            months[month] = (cost + group.counts["cost"].total, requests + len(group.entries))
        for category, count in group.found().items():
            key = (day, kind.tenant, category)
            found[key] = found.get(key, 0) + count
    added = [(*key, *(getattr(sums, name) for name in _SUMMED)) for key, sums in days.items()]
    connection.exec_driver_sql(_adding(usage), added)
    if months:
        connection.exec_driver_sql(_adding(spend), [(*key, *sums) for key, sums in months.items()])
    if found:
        masked = [(*key, count) for key, count in found.items()]
        connection.exec_driver_sql(_adding(masked_usage), masked)


def _day(number: int) -> str:
    """``2026-11-21`` of the days since 1970."""
    return (_FIRST_DAY + timedelta(days=number)).isoformat()


@cache
def _adding(table: sa.Table) -> str:
    """The statement that adds to rows of sums, made where there are none: values are the columns
    of ``table`` in their order."""
    keys = [column.name for column in table.c if column.primary_key]
    sums = [column.name for column in table.c if not column.primary_key]
    return (
        f"INSERT INTO {table.name} ({', '.join([*keys, *sums])}) "  # noqa: S608  # ours
        f"VALUES ({', '.join('?' * len(table.c))}) ON CONFLICT ({', '.join(keys)}) "
        f"DO UPDATE SET {', '.join(f'{n} = {table.name}.{n} + excluded.{n}' for n in sums)}"
    )


def drop_before(connection: sa.Connection, oldest_ms: int) -> int:
    """Delete rows older than ``oldest_ms``, a bounded number of them; how many."""
    ids = (
        connection.execute(
            sa.select(request_log.c.request_id)
            .where(request_log.c.request_id < first_id_of(oldest_ms))
            .order_by(request_log.c.request_id)
            .limit(_DELETE_ROWS)
        )
        .scalars()
        .all()
    )
    if ids:
        connection.execute(
            sa.delete(request_log).where(
                request_log.c.request_id.between(ids[0], ids[-1]),
            )
        )
    return len(ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which rows to read; ``None`` is any."""

    tenant: str | None = None
    account: str | None = None
    statuses: tuple[int, int] | None = None
    """The first status and the one after the last."""
    outcome: str | None = None
    since_ms: int | None = None
    after_id: str | None = None
    limit: int = 50


def read(connection: sa.Connection, wanted: LogFilter) -> list[dict[str, Any]]:
    """The newest rows that fit, oldest of them first."""
    columns = request_log.c
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.tenant is not None:
        conditions.append(columns.tenant == wanted.tenant)
    if wanted.account is not None:
        conditions.append(columns.account == wanted.account)
    if wanted.statuses is not None:
        conditions += [columns.status >= wanted.statuses[0], columns.status < wanted.statuses[1]]
    if wanted.outcome is not None:
        conditions.append(columns.outcome == wanted.outcome)
    if wanted.since_ms is not None:
        conditions.append(columns.request_id >= first_id_of(wanted.since_ms))
    if wanted.after_id is not None:
        conditions.append(columns.request_id > wanted.after_id)
    rows = connection.execute(
        sa.select(request_log)
        .where(*conditions)
        .order_by(columns.request_id.desc())
        .limit(wanted.limit)
    ).mappings()
    found = [{str(name): value for name, value in row.items()} for row in rows]
    for row in found:
        row["attempts"] = orjson.loads(row["attempts"])
        row["losses"] = orjson.loads(row["losses"])
        row["masked"] = orjson.loads(row["masked"])
    return found[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """Sums of one group. Money in 1e-12 USD."""

    key: str
    requests: int
    errors: int
    unpriced: int
    tokens_in: int
    tokens_out: int
    tokens_cache_read: int
    tokens_cache_write: int
    tokens_reasoning: int
    cost: int


def read_usage(connection: sa.Connection, by: GroupBy, since_day: str) -> list[UsageLine]:
    """Sums since a day (``2026-11-01``), by day in order of time, else the costliest first."""
    key = usage.c[by]
    sums = [sa.func.sum(usage.c[name]).label(name) for name in _Sums.__slots__]
    order = [key] if by == "day" else [sa.desc("cost"), sa.desc("requests"), key]
    rows = connection.execute(
        sa.select(key.label("key"), *sums)
        .where(usage.c.day >= since_day)
        .group_by(key)
        .order_by(*order)
    )
    return [
        UsageLine(key=row.key, **{name: int(getattr(row, name)) for name in _Sums.__slots__})
        for row in rows
    ]


def read_masked(connection: sa.Connection, since_day: str) -> dict[str, int]:
    """What guardrails found since a day, by category, the most frequent first."""
    found = sa.func.sum(masked_usage.c.found).label("found")
    rows = connection.execute(
        sa.select(masked_usage.c.category, found)
        .where(masked_usage.c.day >= since_day)
        .group_by(masked_usage.c.category)
        .order_by(sa.desc("found"), masked_usage.c.category)
    )
    return {row.category: int(row.found) for row in rows}


def read_spend(connection: sa.Connection, month: str) -> dict[str, tuple[int, int]]:
    """Cost in 1e-12 USD and requests of ``month`` (``2026-11``), by account."""
    rows = connection.execute(
        sa.select(
            spend.c.account,
            sa.func.sum(spend.c.cost).label("cost"),
            sa.func.sum(spend.c.requests).label("requests"),
        )
        .where(spend.c.month == month)
        .group_by(spend.c.account)
    )
    return {row.account: (int(row.cost), int(row.requests)) for row in rows}
