"""The record of one exchange."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["ok", "upstream_error", "client_closed", "timeout", "rejected", "drained"]

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(high + low for high in _CROCKFORD for low in _CROCKFORD)
"""The digits of every number below 1024."""


_HEX = tuple(f"{number:03x}" for number in range(4096))
_MAX_COUNT = 0xFFFFFF

# Records are not frozen: a frozen object of this many fields takes three times as long to build,
# and every request builds one. Nothing changes a record once it is queued.


# Made by place: by name it takes 3,000 instructions instead of 1,900.
@dataclass(slots=True)
class AttemptRecord:
    """One try at one upstream: the account, why it ended (``ok`` or a failure), milliseconds."""

    account: str
    reason: str
    ms: float


@dataclass(slots=True, kw_only=True)
class LogEntry:
    """Tokens are ``None`` where the upstream told none. Times are milliseconds."""

    request_id: str
    created_ms: int
    """The exchange's end, in Unix time."""
    tenant: str
    client_format: str
    path: str
    model: str
    upstream_model: str
    account: str
    attempts: tuple[AttemptRecord, ...]
    status: int
    outcome: Outcome
    error_code: str
    is_streaming: bool
    tokens_in: int | None
    tokens_out: int | None
    tokens_cache_read: int | None
    tokens_cache_write: int | None
    tokens_reasoning: int | None
    is_estimated: bool
    first_byte_ms: float | None
    total_ms: float
    bytes_in: int
    bytes_out: int
    malformed_events: int
    session: str = ""
    """A hash that tells conversations apart, or empty."""
    upstream_format: str = ""
    provider: str = ""
    strategy: str = ""
    cost: int | None = None
    """In 1e-12 USD; ``None`` where no price is known."""
    masked_spans: int = 0
    masked: dict[str, int] = field(default_factory=dict)
    """Findings of guardrails by category."""
    losses: tuple[str, ...] = ()
    _is_silent: bool = False
    """Counted, but neither a line nor a row. The underscore keeps it out of lines."""
    _is_accessed: bool = False
    """A line even where all went well."""

    @classmethod
    def blank(cls, is_silent: bool, is_accessed: bool) -> LogEntry:
        """One whose other members are all still to be set."""
        entry = cls.__new__(cls)
        entry._is_silent = is_silent
        entry._is_accessed = is_accessed
        return entry


def with_row(batch: Sequence[LogEntry]) -> list[LogEntry]:
    """Those of which the database gets a row: all that the operator wants any record of."""
    return [entry for entry in batch if not entry._is_silent]


def with_line(batch: Sequence[LogEntry]) -> list[LogEntry]:
    """Those of which the log gets a line: each exchange, or what did not end well."""
    return [
        entry
        for entry in batch
        if (entry._is_accessed or entry.outcome != "ok") and not entry._is_silent
    ]


def _base32(value: int, digits: int) -> str:
    return "".join(_CROCKFORD[(value >> (5 * i)) & 31] for i in range(digits - 1, -1, -1))


def first_id_of(milliseconds: int) -> str:
    """What ids made at that time or later sort behind."""
    return "req_" + _base32(max(milliseconds, 0), 10)


class RequestIds:
    """Makes ids that sort by time: milliseconds, then a counter, then this process's random part.

    The wall clock may jump back; ids then go on from the latest one.
    """

    def __init__(self) -> None:
        """Draw the random part from the operating system."""
        self._suffix = _base32(int.from_bytes(os.urandom(5), "big"), 8)
        self._count = 0
        self._latest_ms = 0
        self._stem = ""
        """The digits that change every 1024 milliseconds."""
        self._prefix = ""

    def next(self) -> str:
        """``req_`` and 24 characters of ``0-9a-z``."""
        now_ms, latest_ms = time.time_ns() // 1_000_000, self._latest_ms
        if now_ms <= latest_ms and self._count < _MAX_COUNT:
            self._count += 1
        else:
            self._count = 0
            self._latest_ms = now_ms = max(now_ms, latest_ms + 1)
            if now_ms >> 10 != latest_ms >> 10:
                self._stem = "req_" + _base32(now_ms >> 10, 8)
            self._prefix = self._stem + _PAIRS[now_ms & 1023]
        count = self._count
        return f"{self._prefix}{_HEX[count >> 12]}{_HEX[count & 4095]}{self._suffix}"
