"""Streams whose bytes are unusual: cuts anywhere, every line end, invalid text."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.aftermath import aftermath
from tests.support.frames import stream_of
from tests.support.proxy import Proxy
from tests.support.raw import (
    RawClient,
    exact_request,
    head,
    headers_of,
    model_request,
    path_of,
    post,
)
from tests.support.scripted import SSE_HEAD, Peer, Script, chunked

UseScript = Callable[[Script], Proxy]
BOM = b"\xef\xbb\xbf"


class Caller:
    """Streamed calls over one kept connection; each gives the whole body."""

    def __init__(self, proxy: Proxy, wire_format: str, *, wants_usage: bool = True) -> None:
        make = exact_request if wants_usage else model_request
        body = make(wire_format, "any", stream=True)
        headers = headers_of(wire_format, proxy.key)
        self._request = head("POST", path_of(wire_format), headers, length=len(body)) + body
        self._client = RawClient(proxy.port)

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self) -> bytes:
        self._client.send(self._request)
        answer = self._client.read_answer()
        assert answer.status == 200, answer.body
        assert answer.is_complete
        return answer.body


class Sender:
    """A script that sends whatever ``parts`` holds, a chunk for each part."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def __call__(self, peer: Peer) -> None:
        peer.send(SSE_HEAD + chunked(self.parts))


def test_the_end_of_a_stream_waits_for_no_packet(
    scripted_proxy: UseScript, wire_format: str
) -> None:
    sender = Sender()
    frames = stream_of(wire_format)
    sender.parts = [b"".join(frames[:3]), b"".join(frames[3:])]
    proxy = scripted_proxy(sender)
    with aftermath(proxy, "ok", exchanges=50), Caller(proxy, wire_format) as caller:
        begun = time.monotonic()
        for _ in range(50):
            caller.call()
    # Held back for an acknowledgement each would take 40 ms.
    assert (time.monotonic() - begun) / 50 < 0.03


def line_ends(wire_format: str) -> dict[str, bytes]:
    """The same stream with each kind of line end."""
    plain = b"".join(stream_of(wire_format))
    return {
        "lf": plain,
        "crlf": plain.replace(b"\n", b"\r\n"),
        "cr": plain.replace(b"\n", b"\r"),
        "bom": BOM + plain,
        "bom-crlf": BOM + plain.replace(b"\n", b"\r\n"),
    }


@pytest.mark.parametrize("kind", ["lf", "crlf", "cr", "bom", "bom-crlf"])
def test_f33_cut_at_every_byte(scripted_proxy: UseScript, wire_format: str, kind: str) -> None:
    whole = line_ends(wire_format)[kind]
    sender = Sender()
    proxy = scripted_proxy(sender)
    wrong = []
    with (
        aftermath(proxy, "ok", exchanges=len(whole) + 1),
        Caller(proxy, wire_format) as caller,
    ):
        sender.parts = [whole]
        uncut = caller.call()
        assert uncut == whole.removeprefix(BOM)
        for at in range(len(whole)):
            sender.parts = [whole[:at], whole[at:]]
            if caller.call() != uncut:
                wrong.append(at)
    assert wrong == []


@pytest.mark.parametrize("kind", ["lf", "crlf", "cr", "bom"])
def test_f33_cut_at_random(scripted_proxy: UseScript, wire_format: str, kind: str) -> None:
    whole = line_ends(wire_format)[kind]
    sender = Sender()
    proxy = scripted_proxy(sender)
    with aftermath(proxy, "ok", exchanges=51), Caller(proxy, wire_format) as caller:
        sender.parts = [whole[at : at + 1] for at in range(len(whole))]
        assert caller.call() == whole.removeprefix(BOM)
        for seed in range(50):
            cuts = sorted(random.Random(seed).sample(range(len(whole)), 12))
            edges = [0, *cuts, len(whole)]
            sender.parts = [whole[a:b] for a, b in itertools.pairwise(edges)]
            assert caller.call() == whole.removeprefix(BOM), seed


@pytest.mark.parametrize("kind", ["lf", "crlf", "cr"])
def test_f33_what_is_left_out_is_left_out_whole(scripted_proxy: UseScript, kind: str) -> None:
    # The client did not ask for usage: the chunk that holds it is not for it.
    wire_format = "openai_chat"
    frames = stream_of(wire_format)
    end = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}[kind]
    whole = b"".join(frames).replace(b"\n", end)
    wanted = b"".join(frame for frame in frames if b'"usage"' not in frame).replace(b"\n", end)
    sender = Sender()
    proxy = scripted_proxy(sender)
    wrong = []
    with (
        aftermath(proxy, "ok", exchanges=len(whole)),
        Caller(proxy, wire_format, wants_usage=False) as caller,
    ):
        for at in range(len(whole)):
            sender.parts = [whole[:at], whole[at:]]
            if caller.call() != wanted:
                wrong.append(at)
    assert wrong == []


@pytest.mark.parametrize("ending", ["\n\n", "\r\n\r\n", "\r\r"])
def test_f33_an_end_without_marker_cut_anywhere(
    scripted_proxy: UseScript, wire_format: str, ending: str
) -> None:
    line = ending[: len(ending) // 2].encode()
    whole = b"".join(stream_of(wire_format)[:-1]).replace(b"\n", line)
    sender = Sender()
    proxy = scripted_proxy(sender)
    with (
        aftermath(proxy, "upstream_error", exchanges=8),
        Caller(proxy, wire_format) as caller,
    ):
        for at in range(8):
            sender.parts = [whole[: len(whole) - at], whole[len(whole) - at :]]
            assert caller.call() == whole, at


@pytest.mark.parametrize("fault", ["split-every-byte", "split-random-1", "split-random-2"])
def test_f33_pieces_on_the_wire(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, fault: str
) -> None:
    body = exact_request(wire_format, f"fault:{fault}", stream=True)
    with aftermath(shared_proxy, "ok"):
        answer = post(shared_proxy.port, shared_proxy.key, wire_format, body)
    assert answer.body == post(shared_mock.port, "key", wire_format, body).body


@pytest.mark.parametrize(
    "fault",
    [
        *("crlf", "cr", "mixed-eol", "bom", "multi-data-lines", "comments", "id-retry-lines"),
        *("unknown-event", "unknown-fields", "bad-utf8-at-2", "interleave"),
        "crlf+multi-data-lines+comments+id-retry-lines+bom",
        "mixed-eol+comments+split-random-7",
    ],
)
def test_f34_every_spelling_of_events(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, fault: str
) -> None:
    body = exact_request(wire_format, f"fault:{fault}", stream=True)
    with aftermath(shared_proxy, "ok") as after:
        answer = post(shared_proxy.port, shared_proxy.key, wire_format, body)
    assert answer.is_complete
    wanted = post(shared_mock.port, "key", wire_format, body).body
    assert answer.body == wanted.removeprefix(BOM)
    assert after.line["tokens_out"]


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        ("no-space", b"data:%s\n\n"),
        ("two-spaces", b"data:  %s\n\n"),
        ("event-last", b"data: %s\nevent: %s\n\n"),
        ("lone-data", b"data\ndata: %s\n\n"),
    ],
)
def test_f34_fields_in_any_order(
    scripted_proxy: UseScript, wire_format: str, kind: str, frame: bytes
) -> None:
    whole = b""
    for event in stream_of(wire_format):
        name = next((x[7:] for x in event.split(b"\n") if x.startswith(b"event: ")), b"x")
        data = event.split(b"data: ")[1].strip()
        whole += frame % ((data, name) if frame.count(b"%s") == 2 else (data,))
    sender = Sender()
    sender.parts = [whole]
    proxy = scripted_proxy(sender)
    with aftermath(proxy, "ok") as after, Caller(proxy, wire_format) as caller:
        assert caller.call() == whole
    assert after.line["tokens_out"] == 2, kind


def test_f34_the_last_event_lacks_its_blank_line(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    body = exact_request(wire_format, "fault:no-final-blank", stream=True)
    with aftermath(shared_proxy, "ok"):
        answer = post(shared_proxy.port, shared_proxy.key, wire_format, body)
    assert answer.body == post(shared_mock.port, "key", wire_format, body).body


def test_f37_invalid_utf8_passes_as_it_is(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    body = exact_request(wire_format, "fault:bad-utf8-at-2", stream=stream)
    with aftermath(shared_proxy, "ok"):
        answer = post(shared_proxy.port, shared_proxy.key, wire_format, body)
    assert b"\xff\xc3\x28" in answer.body
    assert answer.body == post(shared_mock.port, "key", wire_format, body).body
