"""What happens with finished records: a line in the log, and the metrics."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import orjson

from codegate.requestlog.entry import LogEntry
from codegate.telemetry.logging import MAX_VALUE, LineStream, clean_text
from codegate.telemetry.metrics import Metrics

_PREFIX = b'{"time":"%s","level":"info","logger":"codegate.exchange","message":"exchange",'


class Records:
    """Consumes batches of the log writer, on its thread."""

    def __init__(self, metrics: Metrics, out: LineStream) -> None:
        """``out`` is shared with the rest of the log."""
        self._metrics = metrics
        self._out = out

    def consume(self, batch: list[LogEntry]) -> None:
        """Count and write one batch."""
        for entry in batch:
            self._count(entry)
        lines = b"".join(exchange_line(entry) for entry in batch if entry.has_line)
        if lines:
            self._out.write_lines(lines.decode("utf-8"))

    def _count(self, entry: LogEntry) -> None:
        metrics = self._metrics
        model = entry.upstream_model or entry.model
        metrics.count_exchange(
            account=entry.account,
            model=model,
            outcome=entry.outcome,
            wire_format=entry.client_format,
        )
        for attempt in entry.attempts:
            metrics.count_attempt(account=attempt.account, reason=attempt.reason)
        for kind, tokens in (
            ("input", entry.tokens_in),
            ("output", entry.tokens_out),
            ("cache_read", entry.tokens_cache_read),
            ("cache_write", entry.tokens_cache_write),
        ):
            if tokens:
                metrics.count_tokens(account=entry.account, model=model, kind=kind, tokens=tokens)
        for category, count in entry.masked.items():
            metrics.count_masked(category, count)
        if entry.cost:
            metrics.count_cost(account=entry.account, model=model, cost=entry.cost)
        metrics.observe(
            wire_format=entry.client_format,
            total_s=entry.total_ms / 1000,
            first_byte_s=None if entry.first_byte_ms is None else entry.first_byte_ms / 1000,
        )


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
