"""Request ids, and the writer that takes records off the request path."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace

import pytest

from codegate.requestlog.entry import LogEntry, RequestIds
from codegate.requestlog.writer import LogWriter

ENTRY = LogEntry(
    request_id="req_1",
    created_ms=0,
    tenant="default",
    client_format="openai_chat",
    path="/v1/chat/completions",
    model="m",
    upstream_model="m",
    account="a",
    attempts=(),
    status=200,
    outcome="ok",
    error_code="",
    is_streaming=False,
    tokens_in=None,
    tokens_out=None,
    tokens_cache_read=None,
    tokens_cache_write=None,
    tokens_reasoning=None,
    is_estimated=False,
    first_byte_ms=None,
    total_ms=1.0,
    bytes_in=1,
    bytes_out=1,
    malformed_events=0,
)


def entries(count: int) -> list[LogEntry]:
    """Records that can be told apart."""
    return [replace(ENTRY, request_id=f"req_{number}") for number in range(count)]


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = RequestIds()
    made = []
    for _ in range(5):
        made += [ids.next() for _ in range(2000)]
        time.sleep(0.002)
    assert made == sorted(set(made))
    assert all(re.fullmatch(r"req_[0-9a-z]{24}", one) for one in made)


def test_ids_of_two_processes_differ() -> None:
    assert RequestIds().next()[-8:] != RequestIds().next()[-8:]


def test_f90_ids_go_on_when_the_clock_jumps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, now = RequestIds(), time.time_ns()
    made = []
    for jump_s in (0, 3600, -3600, -10 * 365 * 86400, 7200):
        monkeypatch.setattr(time, "time_ns", lambda j=jump_s: now + j * 1_000_000_000)
        made += [ids.next() for _ in range(100)]
    assert made == sorted(set(made))


def test_ids_stay_in_order_when_a_millisecond_has_no_more_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids, now = RequestIds(), time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    first = ids.next()
    monkeypatch.setattr(ids, "_count", 0xFFFFFE)
    made = [first, *(ids.next() for _ in range(3))]
    assert made == sorted(set(made))
    assert {len(one) for one in made} == {28}


def test_records_arrive_in_order_and_once() -> None:
    seen: list[LogEntry] = []
    writer = LogWriter([seen.extend], interval_s=0.01)
    writer.start()
    made = entries(1000)
    for entry in made:
        writer.add(entry)
    writer.close()
    assert seen == made
    assert writer.dropped == 0


def test_a_record_is_written_without_a_flush() -> None:
    written = threading.Event()
    writer = LogWriter([lambda batch: written.set()], interval_s=0.01)
    writer.start()
    writer.add(ENTRY)
    assert written.wait(5)
    writer.close()


def test_a_full_queue_drops_and_counts_and_never_waits() -> None:
    seen: list[LogEntry] = []
    writer = LogWriter([seen.extend], capacity=10)
    started = time.monotonic()
    for entry in entries(25):
        writer.add(entry)
    assert time.monotonic() - started < 0.5
    assert writer.dropped == 15
    writer.flush()
    assert seen == entries(10)
    writer.add(ENTRY)
    writer.flush()
    assert seen[-1] == ENTRY


def test_a_consumer_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[LogEntry] = []

    def fail(batch: list[LogEntry]) -> None:
        raise OSError(28, "No space left on device")

    writer = LogWriter([fail, seen.extend], interval_s=0.01)
    writer.start()
    writer.add(ENTRY)
    writer.close()
    assert seen == [ENTRY]
    assert "a batch of 1 records was not written" in caplog.text
