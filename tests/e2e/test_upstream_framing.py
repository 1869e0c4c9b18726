"""Answers whose encoding, length or chunks are not what they claim to be."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.aftermath import aftermath, check_broken_stream, check_good, check_refusal
from tests.support.frames import stream_of
from tests.support.proxy import Proxy
from tests.support.raw import Answer, exact_request, post
from tests.support.scripted import SSE_HEAD, Peer, Script, chunk, whole

UseScript = Callable[[Script], Proxy]
DOCUMENT = b'{"id":"x","type":"message","object":"chat.completion","usage":{}}'
GZIP_MAGIC = b"\x1f\x8b"


def turn(proxy: Proxy, wire_format: str, model: str, *, stream: bool) -> Answer:
    body = exact_request(wire_format, model, stream=stream)
    return post(proxy.port, proxy.key, wire_format, body)


@pytest.mark.parametrize("fault", ["gzip", "deflate", "br", "zstd"])
def test_f40_encodings_are_undone(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool, fault: str
) -> None:
    plain = exact_request(wire_format, "mock-large", stream=stream)
    body = plain.replace(b"mock-large", b"fault:" + fault.encode())
    with aftermath(shared_proxy, "ok"):
        answer = post(shared_proxy.port, shared_proxy.key, wire_format, body)
        check_good(answer, wire_format, stream=stream)
    assert answer.header("content-encoding") is None
    accepted = shared_mock.requests[-1].header("accept-encoding")
    assert accepted == ("identity" if stream else "gzip, br, zstd")


@pytest.mark.parametrize(
    "fault", ["gzip-truncated", "gzip-bad-crc", "gzip-lie", "gzip-double", "gzip-double-hidden"]
)
def test_f40_damaged_plain_answers(shared_proxy: Proxy, wire_format: str, fault: str) -> None:
    with aftermath(shared_proxy, "upstream_error"):
        answer = turn(shared_proxy, wire_format, f"fault:{fault}", stream=False)
        check_refusal(answer, wire_format, 502)


@pytest.mark.parametrize("fault", ["gzip-lie", "gzip-double", "gzip-double-hidden"])
def test_f40_streams_that_cannot_be_decoded(
    shared_proxy: Proxy, wire_format: str, fault: str
) -> None:
    with aftermath(shared_proxy, "upstream_error"):
        answer = turn(shared_proxy, wire_format, f"fault:{fault}", stream=True)
        check_refusal(answer, wire_format, 502)


@pytest.mark.parametrize("fault", ["gzip-truncated", "gzip-bad-crc"])
def test_f40_damage_after_the_end_marker_is_nobodys_business(
    shared_proxy: Proxy, wire_format: str, fault: str
) -> None:
    with aftermath(shared_proxy, "ok"):
        answer = turn(shared_proxy, wire_format, f"fault:{fault}", stream=True)
        check_good(answer, wire_format, stream=True)


def test_f40_a_compressed_stream_that_breaks_off(
    scripted_proxy: UseScript, wire_format: str
) -> None:
    frames = stream_of(wire_format)
    packer = zlib.compressobj(wbits=31)
    begun = packer.compress(b"".join(frames[:2])) + packer.flush(zlib.Z_SYNC_FLUSH)
    head = SSE_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")

    def break_off(peer: Peer) -> None:
        peer.send(head + chunk(begun) + b"0\r\n\r\n")

    proxy = scripted_proxy(break_off)
    with aftermath(proxy, "upstream_error") as after:
        answer = turn(proxy, wire_format, "any", stream=True)
        assert len(check_broken_stream(answer, wire_format)) == 2
    assert answer.body.startswith(b"".join(frames[:2]))
    assert GZIP_MAGIC not in answer.body
    assert after.line["error_code"] == "upstream_truncated"


def test_f40_compressed_events_are_not_held_back(
    scripted_proxy: UseScript, wire_format: str
) -> None:
    frames = stream_of(wire_format)
    head = SSE_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")

    def flush_each(peer: Peer) -> None:
        packer = zlib.compressobj(wbits=31)
        peer.send(head)
        for frame in frames:
            peer.send(chunk(packer.compress(frame) + packer.flush(zlib.Z_SYNC_FLUSH)))
            # The next one waits until the client has had time to get this one.
            peer.socket.settimeout(0.05)
            try:
                peer.socket.recv(1)
            except TimeoutError:
                peer.socket.settimeout(None)
        peer.send(chunk(packer.flush()) + b"0\r\n\r\n")

    proxy = scripted_proxy(flush_each)
    with aftermath(proxy, "ok"):
        answer = turn(proxy, wire_format, "any", stream=True)
    assert [data for _, data in answer.chunks] == frames


def test_f42_a_length_above_the_body(shared_proxy: Proxy, wire_format: str, stream: bool) -> None:
    outcome = "ok" if stream else "upstream_error"
    with aftermath(shared_proxy, outcome):
        answer = turn(shared_proxy, wire_format, "fault:length-too-long", stream=stream)
        if stream:
            # The end marker was there: nothing is missing that the client could use.
            check_good(answer, wire_format, stream=True)
        else:
            check_refusal(answer, wire_format, 502)


def test_f42_a_length_below_the_body(shared_proxy: Proxy, wire_format: str, stream: bool) -> None:
    with aftermath(shared_proxy, "upstream_error"):
        answer = turn(shared_proxy, wire_format, "fault:length-too-short", stream=stream)
        if not stream:
            check_refusal(answer, wire_format, 502)
    assert answer.is_complete


def test_f42_surplus_is_not_the_next_answer(scripted_proxy: UseScript, wire_format: str) -> None:
    stranger = whole("200 OK", DOCUMENT.replace(b'"x"', b'"stranger"'))
    connections: list[int] = []

    def answer_with_surplus(peer: Peer) -> None:
        connections.append(peer.number)
        peer.send(whole("200 OK", DOCUMENT) + stranger)

    proxy = scripted_proxy(answer_with_surplus)
    with aftermath(proxy, "ok", exchanges=20):
        for _ in range(20):
            answer = turn(proxy, wire_format, "any", stream=False)
            assert answer.body == DOCUMENT
    assert len(set(connections)) == 20


def test_f43_a_chunk_size_that_is_no_number(
    shared_proxy: Proxy, wire_format: str, stream: bool
) -> None:
    with aftermath(shared_proxy, "upstream_error"):
        answer = turn(shared_proxy, wire_format, "fault:chunk-bad-size", stream=stream)
        if stream:
            check_broken_stream(answer, wire_format)
        else:
            check_refusal(answer, wire_format, 502)


def test_f43_no_final_chunk(shared_proxy: Proxy, wire_format: str, stream: bool) -> None:
    with aftermath(shared_proxy, "ok" if stream else "upstream_error"):
        answer = turn(shared_proxy, wire_format, "fault:chunk-no-final", stream=stream)
        if stream:
            check_good(answer, wire_format, stream=True)
        else:
            check_refusal(answer, wire_format, 502)


def test_f43_no_final_chunk_and_no_end_marker(scripted_proxy: UseScript, wire_format: str) -> None:
    def stop(peer: Peer) -> None:
        peer.send(SSE_HEAD + b"".join(chunk(frame) for frame in stream_of(wire_format)[:2]))
        peer.close()

    proxy = scripted_proxy(stop)
    with aftermath(proxy, "upstream_error"):
        answer = turn(proxy, wire_format, "any", stream=True)
        assert len(check_broken_stream(answer, wire_format)) == 2


@pytest.mark.parametrize("fault", ["chunk-trailers", "chunk-extensions", "until-close"])
def test_f43_trailers_extensions_and_no_length(
    shared_proxy: Proxy, wire_format: str, stream: bool, fault: str
) -> None:
    with aftermath(shared_proxy, "ok"):
        answer = turn(shared_proxy, wire_format, f"fault:{fault}", stream=stream)
        check_good(answer, wire_format, stream=stream)
    assert answer.header("x-checksum") is None
    assert answer.header("trailer") is None


def test_f43_two_gzip_members_are_one_answer(scripted_proxy: UseScript, wire_format: str) -> None:
    packed = gzip.compress(DOCUMENT[:20]) + gzip.compress(DOCUMENT[20:])
    proxy = scripted_proxy(
        lambda peer: peer.send(whole("200 OK", packed, b"content-encoding: gzip"))
    )
    with aftermath(proxy, "ok", "upstream_error"):
        answer = turn(proxy, wire_format, "any", stream=False)
        if answer.status == 200:
            assert answer.body == DOCUMENT
        else:
            check_refusal(answer, wire_format, 502)
