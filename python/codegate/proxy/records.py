"""What happens with finished records: a line in the log, and the metrics."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from codegate.requestlog.entry import LogEntry
from codegate.telemetry.logging import LineStream, clean, line
from codegate.telemetry.metrics import Metrics


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
        self._out.write_lines("".join(exchange_line(entry) + "\n" for entry in batch))

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
        metrics.observe(
            wire_format=entry.client_format,
            total_s=entry.total_ms / 1000,
            first_byte_s=None if entry.first_byte_ms is None else entry.first_byte_ms / 1000,
        )


def exchange_line(entry: LogEntry) -> str:
    """The one structured line of an exchange."""
    fields = {name: value for name, value in asdict(entry).items() if name != "attempts"}
    fields["time"] = datetime.fromtimestamp(entry.time, UTC).isoformat(timespec="milliseconds")
    for name in ("path", "model", "upstream_model", "error_code"):
        fields[name] = clean(fields[name])
    for name in ("total_ms", "first_byte_ms"):
        if fields[name] is not None:
            fields[name] = round(fields[name], 2)
    fields["attempts"] = [
        {"account": a.account, "reason": a.reason, "ms": round(a.ms, 2)} for a in entry.attempts
    ]
    return line({"level": "info", "logger": "codegate.exchange", "message": "exchange", **fields})
