"""Answers that are very large, very many, or very small until they are unpacked."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from codegate import native
from codegate.mock.provider import ThreadedMock
from tests.conftest import FORMATS, ONE_SECOND
from tests.support.aftermath import (
    aftermath,
    check_broken_stream,
    check_refusal,
    undisturbed,
)
from tests.support.proxy import Proxy, running
from tests.support.raw import RawClient, exact_request, head, headers_of, path_of, post
from tests.support.scripted import SSE_HEAD, Peer, Scripted, chunk, whole

MIB = 1024 * 1024
EVENT = 50 * MIB
LIMIT = 4 * MIB
EVENTS = 200_000
# An unoptimised build reads a hundred times slower.
GAP_S = 1.0 if native.BUILD_PROFILE == "release" else 5.0


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a mock in a process of its own: building 50 MB takes it a while."""
    process = subprocess.Popen(
        [sys.executable, "-m", "codegate.mock", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path_factory.mktemp("outside"),
    )
    with process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture(scope="module")
def large(
    outside: str, shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A proxy of its own, for its memory is measured: Chat goes to ``outside``."""
    data_dir = tmp_path_factory.mktemp("large") / "data"
    settings = {**ONE_SECOND, "first_byte_timeout_s": 30, "idle_timeout_s": 30}
    upstreams = [f"anthropic_messages={shared_mock.url}", f"openai_chat={outside}"]
    with running(data_dir, upstreams=upstreams, settings=settings) as proxy:
        yield proxy


SMALL = {**ONE_SECOND, "max_answer_bytes": LIMIT}


@pytest.fixture(scope="module")
def small(shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy whose limit for an answer or an event is 4 MiB."""
    data_dir = tmp_path_factory.mktemp("small") / "data"
    upstreams = [f"{name}={shared_mock.url}" for name in FORMATS]
    with running(data_dir, upstreams=upstreams, settings=SMALL) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def small_scripted(
    scripted_upstream: Scripted, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """The same before an upstream of plain sockets."""
    data_dir = tmp_path_factory.mktemp("small-scripted") / "data"
    upstreams = [f"{name}={scripted_upstream.url}" for name in FORMATS]
    with running(data_dir, upstreams=upstreams, settings=SMALL) as proxy:
        yield proxy


class Peak:
    """The highest memory of a proxy during a block, above what it was before, in bytes."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.bytes = 0

    def __enter__(self) -> Peak:
        self._before = self._proxy.rss_anon_kib()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.bytes = max(self.bytes, (self._proxy.rss_anon_kib() - self._before) * 1024)
            time.sleep(0.005)


def received(proxy: Proxy, wire_format: str, body: bytes) -> tuple[int, bytes, bytes]:
    """A streamed answer that is only counted: size, the first and the last bytes of it."""
    headers = headers_of(wire_format, proxy.key)
    with RawClient(proxy.port, timeout_s=30) as client:
        client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
        assert client.read_head().status == 200
        size, first, last = 0, b"", b""
        while data := client.read_chunk():
            size += len(data)
            first = (first + data)[:200] if len(first) < 200 else first
            last = (last + data)[-200:]
        return size, first, last


def direct(mock: ThreadedMock, wire_format: str, body: bytes) -> bytes:
    """What the mock itself answers, read by a client that is quick with large chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", mock.port, timeout=30)
    with contextlib.closing(connection):
        headers = dict(headers_of(wire_format, "key"))
        connection.request("POST", path_of(wire_format), body, headers)
        return connection.getresponse().read()


def test_f38_one_event_of_fifty_megabytes(
    large: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    body = exact_request(wire_format, f"fault:event-of-{EVENT}", stream=True)
    with aftermath(large, "ok", growth_kib=EVENT // 1024):
        with Peak(large) as peak:
            size, first, last = received(large, wire_format, body)
        assert size > EVENT
    wanted = direct(shared_mock, wire_format, body)
    assert size == len(wanted)
    assert (first, last) == (wanted[: len(first)], wanted[-200:])
    assert peak.bytes < 3 * EVENT


def test_f38_a_large_event_disturbs_nobody(large: Proxy) -> None:
    body = exact_request("openai_chat", f"fault:event-of-{EVENT}", stream=True)
    with (
        aftermath(large, "ok", "client_closed", exchanges=2, growth_kib=EVENT // 1024),
        undisturbed(large, gap_s=GAP_S),
    ):
        received(large, "openai_chat", body)


@pytest.mark.parametrize("size", [300_000, 3_000_000])
def test_f38_long_lines_pass(
    small: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool, size: int
) -> None:
    body = exact_request(wire_format, f"fault:event-of-{size}", stream=stream)
    with aftermath(small, "ok"):
        answer = post(small.port, small.key, wire_format, body)
    assert answer.status == 200
    assert answer.body == post(shared_mock.port, "key", wire_format, body).body


def test_f38_an_event_above_the_limit_ends_the_stream(small: Proxy, wire_format: str) -> None:
    body = exact_request(wire_format, f"fault:event-of-{3 * LIMIT}", stream=True)
    with aftermath(small, "upstream_error") as after:
        answer = post(small.port, small.key, wire_format, body)
        check_broken_stream(answer, wire_format)
    assert len(answer.body) < LIMIT + MIB
    assert after.line["error_code"] == "upstream_too_large"


def test_f38_a_first_event_above_the_limit_is_refused(
    small_scripted: Proxy, scripted_upstream: Scripted, wire_format: str
) -> None:
    def flood(peer: Peer) -> None:
        peer.send(SSE_HEAD + chunk(b"data: "))
        for _ in range(2 * LIMIT // 65536):
            peer.send(chunk(b"x" * 65536))

    scripted_upstream.script = flood
    body = exact_request(wire_format, "any", stream=True)
    with aftermath(small_scripted, "upstream_error"):
        answer = post(small_scripted.port, small_scripted.key, wire_format, body)
        check_refusal(answer, wire_format, 502)


def test_f38_a_plain_answer_above_the_limit(small: Proxy, wire_format: str) -> None:
    body = exact_request(wire_format, f"fault:event-of-{3 * LIMIT}", stream=False)
    with aftermath(small, "upstream_error") as after, Peak(small) as peak:
        answer = post(small.port, small.key, wire_format, body)
        check_refusal(answer, wire_format, 502)
    assert after.line["error_code"] == "upstream_too_large"
    assert peak.bytes < LIMIT + 32 * MIB


def test_f39_very_many_small_events(large: Proxy, wire_format: str) -> None:
    body = exact_request(wire_format, f"fault:many-events-{EVENTS}", stream=True)
    with aftermath(large, "ok"), Peak(large) as peak:
        begun = time.monotonic()
        size, _, _ = received(large, wire_format, body)
        took = time.monotonic() - begun
    assert size > EVENTS * 50
    assert EVENTS / took > 5_000
    assert peak.bytes < 16 * MIB


@pytest.mark.parametrize("megabytes", [64, 1024])
def test_f41_gzip_bomb(small: Proxy, wire_format: str, stream: bool, megabytes: int) -> None:
    body = exact_request(wire_format, f"fault:gzip-bomb-{megabytes}", stream=stream)
    with aftermath(small, "upstream_error") as after, Peak(small) as peak:
        answer = post(small.port, small.key, wire_format, body)
        check_refusal(answer, wire_format, 502)
    assert after.line["error_code"] == "upstream_too_large"
    assert peak.bytes < LIMIT + 32 * MIB


def test_f41_zstd_bomb(
    small_scripted: Proxy, scripted_upstream: Scripted, wire_format: str, stream: bool
) -> None:
    # Magic number, no flags, a window of 128 KiB; then blocks that repeat one byte 131,072 times.
    block = (131_072 << 3 | 1 << 1).to_bytes(3, "little") + b" "
    packed = b"\x28\xb5\x2f\xfd\x00\x38" + block * 16_000
    kind = b"content-type: text/event-stream" if stream else b"x-none: 1"
    bomb = whole("200 OK", packed, b"content-encoding: zstd", kind)
    scripted_upstream.script = lambda peer: peer.send(bomb)
    body = exact_request(wire_format, "any", stream=stream)
    with aftermath(small_scripted, "upstream_error"), Peak(small_scripted) as peak:
        answer = post(small_scripted.port, small_scripted.key, wire_format, body)
        check_refusal(answer, wire_format, 502)
    assert peak.bytes < LIMIT + 32 * MIB
