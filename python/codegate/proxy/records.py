"""What happens with finished records: a line in the log, and the metrics."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import orjson

from codegate.requestlog.entry import LogEntry
from codegate.telemetry.logging import MAX_VALUE, LineStream, clean_text
from codegate.telemetry.metrics import Metrics, Series

_PREFIX = b'{"time":"%s","level":"info","logger":"codegate.exchange","message":"exchange",'
_MAX_KINDS = 1024


class Records:
    """Consumes batches of the log writer, on its thread."""

    def __init__(self, metrics: Metrics, out: LineStream) -> None:
        """``out`` is shared with the rest of the log."""
        self._metrics = metrics
        self._out = out
        self._series: dict[tuple[str, str, str, str], Series] = {}

    def consume(self, batch: list[LogEntry]) -> None:
        """Count and write one batch."""
        tries: dict[tuple[str, str], int] = {}
        for entry in batch:
            self._count(entry)
            for attempt in entry.attempts:
                key = (attempt.account, attempt.reason)
                tries[key] = tries.get(key, 0) + 1
        for (account, reason), count in tries.items():
            self._metrics.count_attempts(account=account, reason=reason, count=count)
        lines = b"".join([exchange_line(entry) for entry in batch if entry.has_line])
        if lines:
            self._out.write_lines(lines.decode("utf-8"))

    def _count(self, entry: LogEntry) -> None:
        model = entry.upstream_model or entry.model
        kind = (entry.client_format, entry.account, model, entry.outcome)
        series = self._series.get(kind) or self._series_of(kind)
        series.requests += 1
        if entry.tokens_in:
            series.input += entry.tokens_in
        if entry.tokens_out:
            series.output += entry.tokens_out
        if entry.tokens_cache_read:
            series.cache_read += entry.tokens_cache_read
        if entry.tokens_cache_write:
            series.cache_write += entry.tokens_cache_write
        if entry.cost:
            series.cost += entry.cost
        series.duration.observe(entry.total_ms / 1000)
        if entry.first_byte_ms is not None:
            series.first_byte.observe(entry.first_byte_ms / 1000)
        if entry.masked:
            for category, count in entry.masked.items():
                self._metrics.count_masked(category, count)

    def _series_of(self, kind: tuple[str, str, str, str]) -> Series:
        """What ``kind`` is counted in, under labels of a bounded number."""
        wire_format, account, model, outcome = kind
        series = self._metrics.series(
            account=account, model=model, outcome=outcome, wire_format=wire_format
        )
        if len(self._series) >= _MAX_KINDS:
            # Clients choose model names; the table must not grow with them.
            self._series.clear()
        self._series[kind] = series
        return series


def exchange_line(entry: LogEntry) -> bytes:
    """The one structured line of an exchange, with its end."""
    # Looked at in one piece: nearly every record is plain, and this runs once for each request.
    texts = f"{entry.path}{entry.model}{entry.upstream_model}{entry.error_code}"
    if not (texts.isascii() and texts.isprintable() and len(texts) <= MAX_VALUE):
        entry = replace(
            entry,
            path=clean_text(entry.path),
            model=clean_text(entry.model),
            upstream_model=clean_text(entry.upstream_model),
            error_code=clean_text(entry.error_code),
        )
    moment = datetime.fromtimestamp(entry.created_ms / 1000, UTC)
    stamp = moment.isoformat(timespec="milliseconds").encode("ascii")
    return _PREFIX % stamp + orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)[1:]
