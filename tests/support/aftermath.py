"""What must hold after an exchange that met a fault, checked around a block."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.proxy import FORBIDDEN, UPSTREAM_KEY, Proxy, wait_until
from tests.support.raw import (
    Answer,
    RawClient,
    check_error,
    events,
    head,
    headers_of,
    is_error_event,
    model_request,
    path_of,
)

DEADLINE_S = 2.0
POOLED = 2
"""Connections that may stay open towards an upstream."""
GROWTH_KIB = 8 * 1024
HEALTH_S = 0.5
GAP_S = 1.0


@dataclass(kw_only=True)
class Aftermath:
    """``lines`` are the log lines of the block's exchanges, there once the block is left."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def line(self) -> dict[str, Any]:
        """The only line."""
        (only,) = self.lines
        return only


def _exchange_lines(proxy: Proxy, start: int) -> list[dict[str, Any]]:
    lines = (json.loads(text) for text in proxy.log_lines(start) if text.startswith("{"))
    return [line for line in lines if line.get("logger") == "codegate.exchange"]


@contextlib.contextmanager
def aftermath(
    proxy: Proxy,
    *outcomes: str,
    exchanges: int = 1,
    pooled: int = POOLED,
    growth_kib: int = GROWTH_KIB,
) -> Iterator[Aftermath]:
    """Within two seconds after the block: nothing under way and descriptors back (I2), one line
    with one of ``outcomes`` for each of ``exchanges`` (I4), memory back (I7), a clean log (I8)."""
    proxy.settle()
    start = proxy.log_count
    descriptors, memory = proxy.descriptors(), proxy.rss_anon_kib()
    found = Aftermath()
    yield found
    proxy.wait_idle(DEADLINE_S)
    proxy.get("/metrics")  # also writes the lines that wait
    wait_until(
        lambda: len(_exchange_lines(proxy, start)) >= exchanges,
        DEADLINE_S,
        f"{exchanges} exchange lines",
    )
    found.lines = _exchange_lines(proxy, start)
    assert len(found.lines) == exchanges, found.lines
    for line in found.lines:
        assert not outcomes or line["outcome"] in outcomes, line
    wait_until(
        lambda: proxy.descriptors() <= descriptors + pooled, DEADLINE_S, "descriptors are back"
    )
    assert proxy.rss_anon_kib() < memory + growth_kib, (proxy.rss_anon_kib(), memory)
    written = "".join(proxy.log_lines(start))
    assert not any(word in written for word in FORBIDDEN), written[-4000:]


class _Bystander:
    """A healthy stream and a caller of ``/health`` beside the fault, with the worst of each."""

    def __init__(self, proxy: Proxy, model: str) -> None:
        self._proxy = proxy
        self._model = model
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=f) for f in (self._stream, self._ask)]
        self.is_streaming = threading.Event()
        self.gap_s = 0.0
        self.health_s = 0.0

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        assert self.is_streaming.wait(5)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _stream(self) -> None:
        wire_format = "anthropic_messages"
        body = model_request(wire_format, self._model, stream=True)
        with RawClient(self._proxy.port) as client:
            headers = headers_of(wire_format, self._proxy.key)
            client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
            assert client.read_head().status == 200
            last = time.monotonic()
            while not self._stop.is_set():
                assert client.read_some(), "the healthy stream ended"
                now = time.monotonic()
                self.gap_s = max(self.gap_s, now - last)
                last = now
                self.is_streaming.set()

    def _ask(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            status, _ = self._proxy.get("/health")
            assert status == 200
            self.health_s = max(self.health_s, time.monotonic() - begun)
            time.sleep(0.01)


@contextlib.contextmanager
def undisturbed(
    proxy: Proxy,
    model: str = "fault:busy",
    *,
    gap_s: float = GAP_S,
    health_s: float = HEALTH_S,
) -> Iterator[None]:
    """I3: during the block a healthy stream keeps flowing and ``/health`` answers at once.

    The stream is an exchange of its own and ends as ``client_closed``.
    """
    bystander = _Bystander(proxy, model)
    bystander.start()
    try:
        yield
    finally:
        bystander.stop()
    assert bystander.gap_s < gap_s, f"the healthy stream paused for {bystander.gap_s:.3f} s"
    assert bystander.health_s < health_s, f"/health took {bystander.health_s:.3f} s"


_FOREIGN = (b"<html", b"<h1", b"<script", b"hyper", b"rustls", b"tokio", b"os error", b"Errno")


def check_refusal(answer: Answer, wire_format: str, status: int) -> dict[str, Any]:
    """I1 and I5 for an error before the first byte: the caller's dialect, in our own words."""
    error = check_error(answer, wire_format, status)
    assert answer.is_complete
    assert not any(word in answer.body for word in _FOREIGN), answer.body
    written = answer.body + repr(answer.headers).encode()
    assert UPSTREAM_KEY.encode() not in written
    return error


def check_good(answer: Answer, wire_format: str, *, stream: bool) -> None:
    """I1 for an answer that no fault may spoil: whole, with its end marker where streamed."""
    assert answer.status == 200
    assert answer.is_complete
    if not stream:
        assert "error" not in answer.json()
        return
    found = events(answer.body)
    assert [event for event in found if is_end_marker(event)] == found[-1:]
    assert (found[-1][1] == "[DONE]") == (wire_format == "openai_chat")


def check_broken_stream(answer: Answer, wire_format: str) -> list[tuple[str, str]]:
    """I1 for an error after the first byte: a 200 whose last event, and no other, is an error in
    the caller's dialect. Returns the events before it."""
    assert answer.status == 200
    assert answer.is_complete, "the stream was cut off instead of ended"
    found = events(answer.body)
    assert is_error_event(found[-1], wire_format), found[-1]
    assert not any(is_error_event(event, wire_format) for event in found[:-1])
    assert not any(is_end_marker(event) for event in found)
    last = found[-1][1].encode()
    assert not any(word in last for word in _FOREIGN), last
    assert UPSTREAM_KEY.encode() not in answer.body
    return found[:-1]


def is_end_marker(event: tuple[str, str]) -> bool:
    """Whether an event is ``message_stop`` or ``[DONE]``."""
    return event[0] == "message_stop" or event[1] == "[DONE]"
