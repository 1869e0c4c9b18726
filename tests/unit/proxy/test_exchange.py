"""The record that an exchange leaves."""

from __future__ import annotations

import time
from dataclasses import fields

from codegate.proxy.exchange import Exchange, in_ms
from codegate.requestlog.entry import AttemptRecord, LogEntry, with_line, with_row
from codegate.settings.settings import Settings
from codegate.snapshot import build
from tests.support.routing import FORMAT


def test_every_member_of_the_record_is_set() -> None:
    snapshot = build(settings=Settings(access_log=True), accounts=(), keys={})
    exchange = Exchange("req_1", snapshot, FORMAT, "/v1/messages")
    exchange.masked = (("email", 2), ("card", 1))
    before_ms = time.time_ns() // 1_000_000
    entry = exchange.entry()
    assert [f.name for f in fields(LogEntry) if not hasattr(entry, f.name)] == []
    assert (entry.request_id, entry.client_format, entry.path) == ("req_1", FORMAT, "/v1/messages")
    assert before_ms <= entry.created_ms <= time.time_ns() // 1_000_000
    assert (entry.masked, entry.masked_spans) == ({"email": 2, "card": 1}, 3)
    assert (entry.tokens_in, entry.cost, entry.first_byte_ms) == (None, None, None)
    assert (with_line([entry]), with_row([entry])) == ([entry], [entry])


def test_attempts_are_made_by_place() -> None:
    made = AttemptRecord("a", "ok", 1.5)
    assert made == AttemptRecord(account="a", reason="ok", ms=1.5)


def test_milliseconds_have_two_decimals() -> None:
    for seconds in (0.0, 0.000004, 0.000006, 0.0123456, 1.0, 59.999999, 86_400.123456):
        assert in_ms(seconds) == round(seconds * 1000, 2)
