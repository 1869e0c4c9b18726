"""What happens with finished records: a line in the log, and the metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime

import orjson

from codegate.requestlog.entry import LogEntry, with_line
from codegate.telemetry.logging import MAX_VALUE, LineStream, clean_text
from codegate.telemetry.metrics import Metrics, Series

_PREFIX = b'{"time":"%s","level":"info","logger":"codegate.exchange","message":"exchange",'
_MAX_KINDS = 1024

_Kind = tuple[str, str, str, str, str]


class Records:
    """Consumes batches of the log writer, on its thread."""

    def __init__(self, metrics: Metrics, out: LineStream) -> None:
        """``out`` is shared with the rest of the log."""
        self._metrics = metrics
        self._out = out
        self._series: dict[_Kind, Series] = {}

    def consume(self, batch: list[LogEntry]) -> None:
        """Count and write one batch."""
        kinds: defaultdict[_Kind, list[LogEntry]] = defaultdict(list)
        for entry in batch:
            kinds[
                entry.client_format,
                entry.account,
                entry.upstream_model,
                entry.model,
                entry.outcome,
            ].append(entry)
        for kind, entries in kinds.items():
            self._count(kind, entries)
        tries = Counter([(a.account, a.reason) for entry in batch for a in entry.attempts])
        for (account, reason), count in tries.items():
            self._metrics.count_attempts(account=account, reason=reason, count=count)
        lines = [exchange_line(entry) for entry in with_line(batch)]
        if lines:
            self._out.write_lines(b"".join(lines).decode("utf-8"))

    def _count(self, kind: _Kind, entries: list[LogEntry]) -> None:
        series = self._series.get(kind) or self._series_of(kind)
        series.requests += len(entries)
        series.input += sum([e.tokens_in for e in entries if e.tokens_in])
        series.output += sum([e.tokens_out for e in entries if e.tokens_out])
        series.cache_read += sum([e.tokens_cache_read for e in entries if e.tokens_cache_read])
        series.cache_write += sum([e.tokens_cache_write for e in entries if e.tokens_cache_write])
        series.cost += sum([e.cost for e in entries if e.cost])
        series.duration.observe([e.total_ms for e in entries])
        series.first_byte.observe([e.first_byte_ms for e in entries if e.first_byte_ms is not None])
        for masked in [e.masked for e in entries if e.masked]:
            for category, count in masked.items():
                self._metrics.count_masked(category, count)

    def _series_of(self, kind: _Kind) -> Series:
        """What ``kind`` is counted in, under labels of a bounded number."""
        wire_format, account, sent, asked, outcome = kind
        series = self._metrics.series(
            account=account, model=sent or asked, outcome=outcome, wire_format=wire_format
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
