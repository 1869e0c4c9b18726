"""Structured logs: one JSON object a line on standard error, each value escaped and bounded."""

from __future__ import annotations

import logging
import sys
import threading
from datetime import UTC, datetime
from typing import TextIO

import orjson

MAX_VALUE = 2048
"""Longer texts are cut: whatever a client or an upstream sends must not fill the log."""

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def clean(value: object) -> object:
    """``value`` as a log may hold it: text bounded and free of what moves a terminal's cursor.

    JSON escapes ASCII's control characters by itself, but neither those above it, nor the
    separators that some readers take for a line's end, nor marks that turn the direction.
    """
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, int | float | bool) or value is None:
        return value
    return clean(str(value))


def clean_text(text: str) -> str:
    """``clean`` for what is known to be text."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) > MAX_VALUE:
        text = text[:MAX_VALUE] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c < " " else f"\\u{ord(c):04x}" for c in text)


def line(fields: dict[str, object]) -> str:
    """One log line, without its end."""
    return orjson.dumps(fields, default=str).decode("utf-8")


class JsonFormatter(logging.Formatter):
    """A record as one JSON object; ``extra`` members stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, object] = {
            "time": stamp,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        for name, value in record.__dict__.items():
            if name not in _STANDARD:
                fields[name] = clean(value)
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = where(record.exc_info[1])
        return line(fields)


def where(error: BaseException) -> str:
    """Type and place of an exception. Its text stays out: it may quote what was processed."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    code = place.tb_frame.f_code
    module = place.tb_frame.f_globals.get("__name__", "?")
    return f"{type(error).__name__} in {module}.{code.co_name}:{place.tb_lineno}"


class LineStream:
    """Serialises writers of whole lines onto one text stream; write errors are ignored."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Standard error unless told otherwise."""
        self._stream = stream or sys.stderr
        self._lock = threading.Lock()

    def write_lines(self, text: str) -> None:
        """Write ``text``, which ends in a line break."""
        with self._lock:
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):
                # A full disk or a closed pipe must not end an exchange.
                return


class LineHandler(logging.Handler):
    """Sends formatted records to a ``LineStream``."""

    def __init__(self, out: LineStream) -> None:
        """``out`` is shared with whoever writes lines beside the logging module."""
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        try:
            self._out.write_lines(self.format(record) + "\n")
        except Exception:  # a log call must never fail its caller
            self.handleError(record)


def configure(level: str, out: LineStream | None = None) -> LineStream:
    """Route every logger of the process to JSON lines. Returns the stream they share."""
    out = out or LineStream()
    handler = LineHandler(out)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # The server reports every vanished client and every step of its start-up as it happens.
    logging.getLogger("_granian").setLevel(max(logging.ERROR, root.level))
    logging.getLogger("_granian.asgi").setLevel(logging.CRITICAL)
    logging.raiseExceptions = False
    return out


GranianLogging = dict[str, object]


def granian_config(level: str) -> GranianLogging:
    """A ``dictConfig`` that leaves the handlers of ``configure`` in place."""
    return {
        "version": 1,
        "incremental": False,
        "disable_existing_loggers": False,
        "handlers": {},
        "loggers": {},
        "root": {"level": level.upper(), "handlers": []},
    }
