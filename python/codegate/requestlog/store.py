"""The request log and its sums in the database: what is written in one transaction, and read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any, Literal

import orjson
import sqlalchemy as sa

from codegate.requestlog.entry import AttemptRecord, LogEntry, first_id_of
from codegate.storage.schema import masked_usage, request_log, spend, usage

GroupBy = Literal["day", "model", "account", "tenant"]

_MAX_NAME = 256
_MAX_TEXT = 1024
# What these columns nearly always hold. It stands in the statement: each bound value has its price.
_USUAL = {
    "error_code": "''",
    "malformed_events": "0",
    "masked_spans": "0",
    "losses": "'[]'",
    "masked": "'{}'",
}
_NONE = -1
_USED = tuple(column.name for column in request_log.c if column.name not in _USUAL)

_SUMMED = tuple(column.name for column in usage.c if not column.primary_key)

_FAILED = frozenset({"upstream_error", "timeout", "rejected"})
_DELETE_ROWS = 5000
_DAY_MS = 86_400_000
_FIRST_DAY = date(1970, 1, 1)

# Upstreams report what they like; sums of it still have to fit a 64-bit column.
_MAX_TOKENS = 10**12
_MAX_COST = 10**17


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

    def add(self, entry: LogEntry) -> None:
        self.requests += 1
        if entry.outcome in _FAILED:
            self.errors += 1
        if entry.cost is not None:
            self.cost += min(entry.cost, _MAX_COST)
        elif entry.tokens_out is not None:
            self.unpriced += 1
        # Most of these are none or nothing.
        if entry.tokens_in:
            self.tokens_in += min(entry.tokens_in, _MAX_TOKENS)
        if entry.tokens_out:
            self.tokens_out += min(entry.tokens_out, _MAX_TOKENS)
        if entry.tokens_cache_read:
            self.tokens_cache_read += min(entry.tokens_cache_read, _MAX_TOKENS)
        if entry.tokens_cache_write:
            self.tokens_cache_write += min(entry.tokens_cache_write, _MAX_TOKENS)
        if entry.tokens_reasoning:
            self.tokens_reasoning += min(entry.tokens_reasoning, _MAX_TOKENS)

    def merge(self, other: _Sums) -> None:
        for name in _Sums.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Record:
    """An entry and its row, which is ``None`` where the operator wants none."""

    entry: LogEntry
    row: tuple[object, ...] | None
    is_plain: bool
    """Whether the row leaves out the columns of ``_USUAL``, which then hold what is usual."""


def record(entry: LogEntry) -> Record:
    """``entry``, ready to be written."""
    if entry.is_silent:
        return Record(entry, None, False)
    unusual = (
        entry.error_code
        or entry.malformed_events
        or entry.masked_spans
        or entry.losses
        or entry.masked
    )
    return Record(entry, _row(entry) if unusual else _plain_row(entry), not unusual)


def write(connection: sa.Connection, batch: Sequence[Record]) -> None:
    """The rows of ``batch`` with all that they change, in the caller's transaction."""
    plain = [one.row for one in batch if one.is_plain]
    others = [one.row for one in batch if not one.is_plain]
    for is_plain, rows in ((True, plain), (False, others)):
        wanted = [row for row in rows if row is not None]
        if wanted:
            # Rows go to the driver as they are: building a statement for each would cost far more.
            connection.exec_driver_sql(_insert(is_plain=is_plain), wanted)
    _add_sums(connection, [record.entry for record in batch])


@cache
def _insert(*, is_plain: bool) -> str:
    """The statement for rows of ``_USED``, and of ``_USUAL`` behind them unless ``is_plain``."""
    # The driver takes three times as long to bind ``None`` as any other value.
    marks = [f"NULLIF(?, {_NONE})" if request_log.c[name].nullable else "?" for name in _USED]
    marks += _USUAL.values() if is_plain else ["?"] * len(_USUAL)
    return (
        f"INSERT INTO {request_log.name} ({', '.join((*_USED, *_USUAL))}) "  # noqa: S608  # ours
        f"VALUES ({', '.join(marks)})"
    )


def unwritten(connection: sa.Connection, batch: Sequence[Record]) -> list[Record]:
    """Those of ``batch`` that have no row yet, after a write whose end is not known."""
    ids = [record.entry.request_id for record in batch]
    known: set[str] = set()
    for start in range(0, len(ids), 500):
        known.update(
            connection.execute(
                sa.select(request_log.c.request_id).where(
                    request_log.c.request_id.in_(ids[start : start + 500])
                )
            ).scalars()
        )
    return [record for record in batch if record.entry.request_id not in known]


def _plain_row(entry: LogEntry) -> tuple[object, ...]:
    """The columns of ``_USED``, in their order, ``_NONE`` for none."""
    path, model, upstream_model = entry.path, entry.model, entry.upstream_model
    # Looked at in one piece: nearly every record is plain, and this runs once for each request.
    texts = f"{path}{model}{upstream_model}"
    if not texts.isascii() or len(texts) > _MAX_TEXT or "\0" in texts:
        path, model, upstream_model = _clean(path), _clean(model), _clean(upstream_model)
    return (
        entry.request_id,
        entry.created_ms,
        entry.tenant,
        entry.session,
        entry.client_format,
        entry.upstream_format,
        path,
        model,
        upstream_model,
        entry.account,
        entry.provider,
        entry.strategy,
        _attempts(entry.attempts),
        entry.status,
        entry.outcome,
        int(entry.is_streaming),
        _stored(entry.tokens_in, _MAX_TOKENS),
        _stored(entry.tokens_out, _MAX_TOKENS),
        _stored(entry.tokens_cache_read, _MAX_TOKENS),
        _stored(entry.tokens_cache_write, _MAX_TOKENS),
        _stored(entry.tokens_reasoning, _MAX_TOKENS),
        int(entry.is_estimated),
        _stored(entry.cost, _MAX_COST),
        _NONE if entry.first_byte_ms is None else entry.first_byte_ms,
        entry.total_ms,
        entry.bytes_in,
        entry.bytes_out,
    )


def _row(entry: LogEntry) -> tuple[object, ...]:
    """The columns of ``_USED``, then those of ``_USUAL``."""
    return (
        *_plain_row(entry),
        _clean(entry.error_code),
        entry.malformed_events,
        entry.masked_spans,
        orjson.dumps(entry.losses).decode("ascii"),
        orjson.dumps(entry.masked).decode("ascii"),
    )


def _attempts(attempts: tuple[AttemptRecord, ...]) -> str:
    """As JSON. Nearly every exchange has one attempt, and few accounts make most of them."""
    if len(attempts) != 1:
        return orjson.dumps(attempts).decode("utf-8")
    (attempt,) = attempts
    return f"{_attempt_head(attempt.account, attempt.reason)}{attempt.ms!r}}}]"


@lru_cache(maxsize=1024)
def _attempt_head(account: str, reason: str) -> str:
    head = orjson.dumps([{"account": account, "reason": reason, "ms": 0}]).decode("utf-8")
    return head.removesuffix("0}]")


def _stored(count: int | None, most: int) -> int:
    if count is None:
        return _NONE
    return count if count <= most else most


def _clean(text: str, limit: int = _MAX_TEXT) -> str:
    """``text`` as every database takes it: valid Unicode without NUL, of bounded length."""
    if text.isascii() and len(text) <= limit and "\0" not in text:
        return text
    return text[:limit].encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _found(batch: Iterable[LogEntry]) -> dict[tuple[int, str, str], int]:
    """What guardrails found, by day, tenant and category."""
    found: dict[tuple[int, str, str], int] = {}
    for entry in batch:
        if not entry.masked:
            continue
        for category, count in entry.masked.items():
            key = (entry.created_ms // _DAY_MS, entry.tenant, category)
            found[key] = found.get(key, 0) + count
    return found


def _add_sums(connection: sa.Connection, batch: Sequence[LogEntry]) -> None:
    if not batch:
        return
    groups: dict[tuple[int, str, str, str], _Sums] = {}
    for entry in batch:
        model = entry.upstream_model or entry.model
        group = (entry.created_ms // _DAY_MS, entry.tenant, entry.account, model)
        sums = groups.get(group)
        if sums is None:
            sums = groups[group] = _Sums()
        sums.add(entry)
    days: dict[tuple[str, str, str, str], _Sums] = {}
    months: dict[tuple[str, str, str], _Sums] = {}
    for (day, tenant, account, model), sums in groups.items():
        key = (_day(day), tenant, account, _clean(model, _MAX_NAME))
        days.setdefault(key, _Sums()).merge(sums)
        if account:
            months.setdefault((key[0][:7], account, tenant), _Sums()).merge(sums)
    added = [(*key, *(getattr(sums, name) for name in _SUMMED)) for key, sums in days.items()]
    connection.exec_driver_sql(_adding(usage), added)
    if months:
        spent = [(*key, sums.cost, sums.requests) for key, sums in months.items()]
        connection.exec_driver_sql(_adding(spend), spent)
    if found := _found(batch):
        masked = [(_day(day), *rest, count) for (day, *rest), count in found.items()]
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
