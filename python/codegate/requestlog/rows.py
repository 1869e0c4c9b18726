"""Records on their way into the database: grouped by what they have alike, column by column, so
that most of the work is done once for many of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from codegate.requestlog.entry import LogEntry
from codegate.storage.schema import TOKENS, request_log

DAY_MS = 86_400_000
MAX_NAME = 256

_MAX_TEXT = 1024
# Upstreams report what they like; sums of it still have to fit a 64-bit column.
_MOST = {**dict.fromkeys(TOKENS, 10**12), "cost": 10**17}

# The driver takes three times as long to bind ``None`` as any other value.
_NONE = -1
_FEW = 8
"""A statement for fewer rows than this costs more than it saves."""


class Kind(NamedTuple):
    """What records of a group have alike; the names are those of the columns."""

    tenant: str
    client_format: str
    upstream_format: str
    path: str
    account: str
    provider: str
    strategy: str
    status: int
    outcome: str
    is_streaming: bool
    is_estimated: bool
    model: str
    upstream_model: str
    error_code: str
    malformed_events: int
    masked_spans: int
    losses: tuple[str, ...]


# Of our own making: these may stand in a statement. What clients and upstreams choose never does.
_OURS = Kind._fields[:11]
_NAMES = ("model", "upstream_model")
# What these columns nearly always hold.
_USUAL = {
    "error_code": "''",
    "malformed_events": "0",
    "masked_spans": "0",
    "losses": "'[]'",
    "masked": "'{}'",
}
_NULLABLE = (*TOKENS, "cost", "first_byte_ms")
_PLAIN = ("request_id", "created_ms", "total_ms", "bytes_in", "bytes_out", "session")
_VARYING = (*_PLAIN, *_NAMES, "attempts", *_NULLABLE)
# The text of a float takes the interpreter twice as long as those of two whole numbers.
_DECIMALS = tuple(f"{number / 100}"[1:] for number in range(100))
_WORDS = re.compile(r"[\w./:-]{0,256}", re.ASCII)


def _ours(kind: Kind) -> tuple[str | int, ...]:
    return kind[: len(_OURS)]  # type: ignore[return-value]  # none of these is a tuple


class Counts:
    """A column of numbers that may be missing; ``values`` has ``_NONE`` for those."""

    __slots__ = ("missing", "total", "values")

    def __init__(self, values: list[Any], most: int | None) -> None:
        """Numbers beyond ``most`` count as that."""
        present = [value for value in values if value is not None]
        self.missing = len(values) - len(present)
        if most is not None and present and max(present) > most:
            values = [value if value is None else min(value, most) for value in values]
            present = [value for value in values if value is not None]
        self.total = sum(present)
        if present and self.missing:
            values = [_NONE if value is None else value for value in values]
        self.values = values


class Group:
    """Records of one kind and one day."""

    __slots__ = ("counts", "entries", "kind")

    def __init__(self, kind: Kind, entries: list[LogEntry]) -> None:
        """``entries`` has at least one."""
        self.kind = kind
        self.entries = entries
        # Written out, here and below: an attribute taken by its name takes three times as long.
        values: dict[str, list[Any]] = {
            "tokens_in": [entry.tokens_in for entry in entries],
            "tokens_out": [entry.tokens_out for entry in entries],
            "tokens_cache_read": [entry.tokens_cache_read for entry in entries],
            "tokens_cache_write": [entry.tokens_cache_write for entry in entries],
            "tokens_reasoning": [entry.tokens_reasoning for entry in entries],
            "cost": [entry.cost for entry in entries],
            "first_byte_ms": [entry.first_byte_ms for entry in entries],
        }
        self.counts = {name: Counts(column, _MOST.get(name)) for name, column in values.items()}

    @property
    def day(self) -> int:
        """Since 1970."""
        return self.entries[0].created_ms // DAY_MS

    @property
    def unpriced(self) -> int:
        """How many have an answer but no price."""
        if not self.counts["cost"].missing:
            return 0
        return sum(e.cost is None and e.tokens_out is not None for e in self.entries)

    def found(self) -> dict[str, int]:
        """What guardrails found, by category."""
        found: dict[str, int] = {}
        for masked in [entry.masked for entry in self.entries if entry.masked]:
            for category, count in masked.items():
                found[category] = found.get(category, 0) + count
        return found


def grouped(batch: Sequence[LogEntry]) -> list[Group]:
    """``batch`` by kind and day."""
    kinds: defaultdict[tuple[Any, ...], list[LogEntry]] = defaultdict(list)
    for entry in batch:
        kinds[
            entry.tenant,
            entry.client_format,
            entry.upstream_format,
            entry.path,
            entry.account,
            entry.provider,
            entry.strategy,
            entry.status,
            entry.outcome,
            entry.is_streaming,
            entry.is_estimated,
            entry.model,
            entry.upstream_model,
            entry.error_code,
            entry.malformed_events,
            entry.masked_spans,
            entry.losses,
        ].append(entry)
    return [Group(Kind(*kind), day) for kind, entries in kinds.items() for day in _days(entries)]


def _days(entries: list[LogEntry]) -> Iterable[list[LogEntry]]:
    times = [entry.created_ms for entry in entries]
    if min(times) // DAY_MS == max(times) // DAY_MS:
        return (entries,)
    days: defaultdict[int, list[LogEntry]] = defaultdict(list)
    for entry in entries:
        days[entry.created_ms // DAY_MS].append(entry)
    return days.values()


def insert(connection: sa.Connection, groups: Iterable[Group]) -> None:
    """The rows of ``groups``."""
    others: list[tuple[object, ...]] = []
    for group in groups:
        columns = _columns(group)
        alike = _alike(group)
        if alike is None:
            others += zip(*_all_alike(group), *columns.values(), strict=False)
            continue
        marks = dict(alike)
        for name, counts in group.counts.items():
            if counts.missing == len(group.entries):
                marks[name] = "NULL"
                del columns[name]
            elif not counts.missing:
                marks[name] = "?"
        if not any(columns["session"]):
            marks["session"] = "''"
            del columns["session"]
        # Rows go to the driver as they are: building a statement for each would cost far more.
        rows = list(zip(*columns.values(), strict=False))
        connection.exec_driver_sql(_statement(tuple(columns), tuple(marks.items())), rows)
    if others:
        names = (*_OURS, *_USUAL, *_VARYING)
        connection.exec_driver_sql(_statement(names, ()), others)


def _alike(group: Group) -> tuple[tuple[str, str], ...] | None:
    """What stands in the statement for a group, if there is to be one of its own."""
    kind = group.kind
    if len(group.entries) < _FEW:
        return None
    if kind.error_code or kind.malformed_events or kind.masked_spans or kind.losses:
        return None
    if any([entry.masked for entry in group.entries]):
        return None
    return _in_words(_ours(kind))


@lru_cache(maxsize=256)
def _in_words(values: tuple[str | int, ...]) -> tuple[tuple[str, str], ...] | None:
    """The values of ``_OURS`` as a statement holds them; ``None`` where one is no plain word."""
    if not all(_WORDS.fullmatch(str(value)) for value in values):
        return None
    texts = [f"'{value}'" if isinstance(value, str) else str(int(value)) for value in values]
    return (*zip(_OURS, texts, strict=True), *_USUAL.items())


@lru_cache(maxsize=256)
def _statement(bound: tuple[str, ...], marks: tuple[tuple[str, str], ...]) -> str:
    """``bound`` are the columns of the rows; ``marks`` tells what stands for a column."""
    texts = {name: f"NULLIF(?, {_NONE})" if name in _NULLABLE else "?" for name in bound}
    texts.update(marks)
    return (
        f"INSERT INTO {request_log.name} ({', '.join(texts)}) "  # noqa: S608  # ours
        f"VALUES ({', '.join(texts.values())})"
    )


def _all_alike(group: Group) -> Iterable[Iterable[object]]:
    """The columns of ``_OURS``, without an end, then those of ``_USUAL``."""
    kind = group.kind
    for value in _ours(kind):
        yield repeat(clean(value) if isinstance(value, str) else int(value))
    yield repeat(clean(kind.error_code))
    yield repeat(kind.malformed_events)
    yield repeat(kind.masked_spans)
    yield repeat(orjson.dumps(kind.losses).decode("ascii"))
    yield [orjson.dumps(entry.masked).decode("ascii") for entry in group.entries]


def _columns(group: Group) -> dict[str, Iterable[object]]:
    """The columns of ``_VARYING``; the names of models have no end."""
    entries = group.entries
    names = {name: repeat(clean(getattr(group.kind, name))) for name in _NAMES}
    return {
        "request_id": [entry.request_id for entry in entries],
        "created_ms": [entry.created_ms for entry in entries],
        "total_ms": [entry.total_ms for entry in entries],
        "bytes_in": [entry.bytes_in for entry in entries],
        "bytes_out": [entry.bytes_out for entry in entries],
        "session": [entry.session for entry in entries],
        **names,
        "attempts": _attempts(entries),
        **{name: counts.values for name, counts in group.counts.items()},
    }


def _attempts(entries: Iterable[LogEntry]) -> list[str]:
    """As JSON. Nearly every exchange has one attempt, and ends as the one before it did."""
    texts: list[str] = []
    account: str | None = None
    reason: str | None = None
    head = ""
    for entry in entries:
        if len(entry.attempts) != 1:
            texts.append(orjson.dumps(entry.attempts).decode("utf-8"))
            continue
        (attempt,) = entry.attempts
        if attempt.account is not account or attempt.reason is not reason:
            account, reason = attempt.account, attempt.reason
            head = _attempt_head(account, reason)
        hundredths = int(attempt.ms * 100.0 + 0.5)
        texts.append(f"{head}{hundredths // 100}{_DECIMALS[hundredths % 100]}}}]")
    return texts


@lru_cache(maxsize=1024)
def _attempt_head(account: str, reason: str) -> str:
    head = orjson.dumps([{"account": account, "reason": reason, "ms": 0}]).decode("utf-8")
    return head.removesuffix("0}]")


def clean(text: str, limit: int = _MAX_TEXT) -> str:
    """``text`` as every database takes it: valid Unicode without NUL, of bounded length."""
    if text.isascii() and len(text) <= limit and "\0" not in text:
        return text
    return text[:limit].encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
