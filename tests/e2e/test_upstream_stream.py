"""Faults in the middle of a stream, and what may follow its end."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from codegate.mock.provider import ThreadedMock
from tests.conftest import FORMATS, ONE_SECOND
from tests.support.aftermath import (
    aftermath,
    check_broken_stream,
    check_good,
    check_refusal,
    is_end_marker,
    undisturbed,
)
from tests.support.frames import stream_of
from tests.support.proxy import UPSTREAM_KEY, Proxy, running
from tests.support.raw import Answer, events, exact_request, is_error_event, post
from tests.support.scripted import SSE_HEAD, Peer, Script, Scripted, chunk, chunked

UseScript = Callable[[Script], Proxy]


def turn(proxy: Proxy, wire_format: str, model: str, *, stream: bool = True) -> Answer:
    body = exact_request(wire_format, model, stream=stream)
    return post(proxy.port, proxy.key, wire_format, body)


def direct(mock: ThreadedMock, wire_format: str, body: bytes) -> bytes:
    """What the mock itself answers."""
    return post(mock.port, "key", wire_format, body).body


@pytest.mark.parametrize("count", [1, 2, 10])
def test_f29_reset_after_events(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, count: int
) -> None:
    with aftermath(shared_proxy, "upstream_error") as after:
        model = f"fault:deltas-12+reset-after-{count}"
        body = exact_request(wire_format, model, stream=True, text="a text of some length")
        answer = post(shared_proxy.port, shared_proxy.key, wire_format, body)
        delivered = check_broken_stream(answer, wire_format)
    assert len(delivered) == count
    assert sum(name == "message_start" for name, _ in delivered) <= 1
    assert after.line["error_code"] == "upstream_truncated"
    assert after.line["status"] == 200


def test_f29_reset_in_a_plain_answer(shared_proxy: Proxy, wire_format: str) -> None:
    with aftermath(shared_proxy, "upstream_error"):
        answer = turn(shared_proxy, wire_format, "fault:reset-after-3", stream=False)
        check_refusal(answer, wire_format, 502)


@pytest.mark.parametrize("count", [1, 3])
def test_f30_end_without_marker_or_finish_reason(
    shared_proxy: Proxy, wire_format: str, count: int
) -> None:
    with aftermath(shared_proxy, "upstream_error"):
        answer = turn(shared_proxy, wire_format, f"fault:eof-after-{count}")
        assert len(check_broken_stream(answer, wire_format)) == count


def test_f30_end_after_the_finish_reason(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    body = exact_request(wire_format, "fault:eof-after-finish", stream=True)
    with aftermath(shared_proxy, "upstream_error") as after:
        answer = post(shared_proxy.port, shared_proxy.key, wire_format, body)
    assert answer.is_complete
    assert answer.body == direct(shared_mock, wire_format, body)
    assert not any(is_end_marker(event) for event in events(answer.body))
    assert after.line["error_code"] == "upstream_no_end_marker"


def test_f31_a_stall_ends_at_the_idle_timeout(shared_proxy: Proxy, wire_format: str) -> None:
    with aftermath(shared_proxy, "timeout") as after:
        begun = time.monotonic()
        answer = turn(shared_proxy, wire_format, "fault:stall-after-2")
        assert 0.9 < time.monotonic() - begun < 3
        assert len(check_broken_stream(answer, wire_format)) == 2
    assert after.line["error_code"] == "upstream_idle_timeout"


def test_f31_a_stall_disturbs_nobody(shared_proxy: Proxy, wire_format: str) -> None:
    with (
        aftermath(shared_proxy, "timeout", "client_closed", exchanges=2),
        undisturbed(shared_proxy),
    ):
        turn(shared_proxy, wire_format, "fault:stall-after-2")


def test_f31_comments_and_pings_are_life(scripted_proxy: UseScript, wire_format: str) -> None:
    frames = stream_of(wire_format)
    life = [b": alive\n\n", b'event: ping\ndata: {"type": "ping"}\n\n']
    sign = life[0] if wire_format == "openai_chat" else life[1]

    def pause(peer: Peer) -> None:
        peer.send(SSE_HEAD + chunk(frames[0]))
        for _ in range(4):
            time.sleep(0.4)
            peer.send(chunk(sign))
        peer.send(chunked(frames[1:]))

    proxy = scripted_proxy(pause)
    with aftermath(proxy, "ok"):
        answer = turn(proxy, wire_format, "any")
    assert answer.body == frames[0] + 4 * sign + b"".join(frames[1:])


def test_a_stream_that_came_whole_leaves_whole(scripted_proxy: UseScript, wire_format: str) -> None:
    frames = stream_of(wire_format)

    def pause(peer: Peer) -> None:
        peer.send(SSE_HEAD + chunk(frames[0]))
        time.sleep(0.1)
        peer.send(chunked(frames[1:]))

    proxy = scripted_proxy(lambda peer: peer.send(SSE_HEAD + chunked(frames)))
    with aftermath(proxy, "ok"):
        whole = turn(proxy, wire_format, "any")
    with aftermath(scripted_proxy(pause), "ok"):
        paced = turn(proxy, wire_format, "any")
    assert whole.body == paced.body == b"".join(frames)
    assert whole.header("content-type") == paced.header("content-type") == "text/event-stream"
    assert whole.header("content-length") == str(len(whole.body))
    assert paced.header("content-length") is None


@pytest.fixture(scope="module")
def shared_talkative(
    scripted_upstream: Scripted, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    data_dir = tmp_path_factory.mktemp("talkative") / "data"
    settings = {**ONE_SECOND, "keep_alive_interval_s": 0.1, "stream_timeout_s": 2}
    upstreams = [f"{name}={scripted_upstream.url}" for name in FORMATS]
    with running(data_dir, upstreams=upstreams, settings=settings) as proxy:
        yield proxy


@pytest.fixture
def talkative(
    shared_talkative: Proxy, scripted_proxy: UseScript, scripted_upstream: Scripted
) -> UseScript:
    """Sets what the upstream does behind a proxy that sends keep-alives every tenth of a second
    and ends streams after two."""

    def use(script: Script) -> Proxy:
        scripted_proxy(script)
        return shared_talkative

    return use


KEEP_ALIVES = {
    "openai_chat": b": keep-alive\n\n",
    "anthropic_messages": b'event: ping\ndata: {"type": "ping"}\n\n',
}


def test_f31_silence_gets_keep_alives_between_events(
    talkative: UseScript, wire_format: str
) -> None:
    frames = stream_of(wire_format)

    def stall(peer: Peer) -> None:
        peer.send(SSE_HEAD + chunk(frames[0]) + chunk(frames[1]))
        peer.wait_gone()

    proxy = talkative(stall)
    with aftermath(proxy, "timeout"):
        answer = turn(proxy, wire_format, "any")
        check_broken_stream(answer, wire_format)
    count = answer.body.count(KEEP_ALIVES[wire_format])
    assert 4 <= count <= 10
    begun = frames[0] + frames[1] + count * KEEP_ALIVES[wire_format]
    assert answer.body.startswith(begun)


@pytest.mark.parametrize("size", [1_000, 200_000])
def test_f31_no_keep_alive_inside_an_event(
    talkative: UseScript, wire_format: str, size: int
) -> None:
    whole = b"".join(stream_of(wire_format)).replace("🙂".encode(), b"x" * size)
    middle = whole.index(b"x" * size) + size // 2
    begun = whole.index(b"\n\n") + 2

    def pause(peer: Peer) -> None:
        peer.send(SSE_HEAD + chunk(whole[:begun]) + chunk(whole[begun:middle]))
        time.sleep(0.5)
        peer.send(chunked([whole[middle:]]))

    proxy = talkative(pause)
    with aftermath(proxy, "ok"):
        answer = turn(proxy, wire_format, "any")
    assert b"x" * size in answer.body
    assert answer.body.replace(KEEP_ALIVES[wire_format], b"") == whole
    if size < 64 * 1024:
        assert KEEP_ALIVES[wire_format] in answer.body


def test_f49_total_deadline(talkative: UseScript, wire_format: str) -> None:
    frames = stream_of(wire_format)

    def talk(peer: Peer) -> None:
        peer.send(SSE_HEAD + chunk(frames[0]) + chunk(frames[1]))
        while True:
            peer.send(chunk(frames[2]))
            time.sleep(0.05)

    proxy = talkative(talk)
    with aftermath(proxy, "timeout") as after:
        begun = time.monotonic()
        answer = turn(proxy, wire_format, "any")
        assert 1.8 < time.monotonic() - begun < 5
        assert len(check_broken_stream(answer, wire_format)) > 10
    assert after.line["error_code"] == "upstream_total_timeout"


def test_f32_slow_drip(scripted_proxy: UseScript, wire_format: str) -> None:
    frames = stream_of(wire_format)
    sent: list[float] = []

    def drip(peer: Peer) -> None:
        # The first event has to be there within a second, on a busy machine, too.
        sent.append(time.monotonic())
        peer.send(SSE_HEAD + chunk(frames[0]))
        for frame in frames[1:]:
            for at in range(len(frame)):
                time.sleep(0.002)
                if at == len(frame) - 1:
                    sent.append(time.monotonic())
                peer.send(chunk(frame[at : at + 1]))
        peer.send(b"0\r\n\r\n")

    proxy = scripted_proxy(drip)
    with aftermath(proxy, "ok"):
        begun = time.monotonic()
        answer = turn(proxy, wire_format, "any")
    assert answer.body == b"".join(frames)
    # Each event left as one piece, as soon as its last byte was there.
    assert [data for _, data in answer.chunks] == frames
    late = [begun + at - moment for (at, _), moment in zip(answer.chunks, sent, strict=True)]
    assert statistics.median(late) < 0.05, late


def test_f32_fifty_drips_cost_little(scripted_proxy: UseScript, wire_format: str) -> None:
    frames = stream_of(wire_format)

    def drip(peer: Peer) -> None:
        peer.send(SSE_HEAD + chunk(frames[0]))
        for at in range(40):
            time.sleep(0.05)
            peer.send(chunk(frames[1][at : at + 1]))
        peer.send(chunked([frames[1][40:], *frames[2:]]))

    proxy = scripted_proxy(drip)
    with aftermath(proxy, "ok", exchanges=50, pooled=52), ThreadPoolExecutor(50) as pool:
        before, begun = proxy.cpu_s(), time.monotonic()
        answers = list(pool.map(lambda _: turn(proxy, wire_format, "any"), range(50)))
        spent, took = proxy.cpu_s() - before, time.monotonic() - begun
    assert spent / took < 0.5
    assert all(answer.body == b"".join(frames) for answer in answers)


def test_f35_everything_after_the_end_marker_is_ignored(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    body = exact_request(wire_format, "fault:duplicate-end", stream=True)
    with aftermath(shared_proxy, "ok"):
        answer = post(shared_proxy.port, shared_proxy.key, wire_format, body)
        check_good(answer, wire_format, stream=True)
    assert direct(shared_mock, wire_format, body).startswith(answer.body)


def test_f35_surplus_in_the_same_piece_as_the_end_marker(
    scripted_proxy: UseScript, wire_format: str
) -> None:
    frames = stream_of(wire_format)
    everything = b"".join([*frames, frames[-1], frames[2], frames[-1]])
    proxy = scripted_proxy(lambda peer: peer.send(SSE_HEAD + chunked([everything])))
    with aftermath(proxy, "ok"):
        answer = turn(proxy, wire_format, "any")
    assert answer.body == b"".join(frames)


@pytest.mark.parametrize("number", [2, 3, 5])
def test_f36_malformed_json_is_forwarded_and_counted(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, number: int
) -> None:
    body = exact_request(wire_format, f"fault:bad-json-at-{number}", stream=True)
    with aftermath(shared_proxy, "ok") as after:
        answer = post(shared_proxy.port, shared_proxy.key, wire_format, body)
    assert answer.body == direct(shared_mock, wire_format, body)
    assert after.line["malformed_events"] == 1


def test_f36_malformed_json_at_the_start_is_no_stream(
    shared_proxy: Proxy, wire_format: str
) -> None:
    with aftermath(shared_proxy, "upstream_error"):
        answer = turn(shared_proxy, wire_format, "fault:bad-json-at-1")
        check_refusal(answer, wire_format, 502)


def test_f36_malformed_plain_answer(shared_proxy: Proxy, wire_format: str) -> None:
    with aftermath(shared_proxy, "upstream_error"):
        answer = turn(shared_proxy, wire_format, "fault:bad-json-at-1", stream=False)
        check_refusal(answer, wire_format, 502)


def test_f46_an_error_event_ends_the_stream(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    body = exact_request(wire_format, "fault:error-after-2", stream=True)
    with aftermath(shared_proxy, "upstream_error"):
        answer = post(shared_proxy.port, shared_proxy.key, wire_format, body)
        assert len(check_broken_stream(answer, wire_format)) == 2
    assert answer.body == direct(shared_mock, wire_format, body)


def test_f46_an_error_event_that_repeats_the_key_is_replaced(
    scripted_proxy: UseScript, wire_format: str
) -> None:
    error = {"type": "error", "error": {"type": "api_error", "message": f"{UPSTREAM_KEY} is bad"}}
    frame = b"event: error\ndata: %s\n\n" % json.dumps(error).encode()

    def answer_with_key(peer: Peer) -> None:
        peer.send(SSE_HEAD + chunked([*stream_of(wire_format)[:2], frame]))

    proxy = scripted_proxy(answer_with_key)
    with aftermath(proxy, "upstream_error"):
        answer = turn(proxy, wire_format, "any")
        assert len(check_broken_stream(answer, wire_format)) == 2


@pytest.mark.parametrize("is_flood", [False, True])
def test_f48_an_upstream_that_sends_on_is_cut_off(
    scripted_proxy: UseScript, wire_format: str, is_flood: bool
) -> None:
    frames = stream_of(wire_format)
    sent: list[int] = []
    gone: list[float] = []

    def send_on(peer: Peer) -> None:
        peer.send(SSE_HEAD + b"".join(chunk(frame) for frame in frames))
        count, late = 0, chunk(frames[-2] * (100 if is_flood else 1))
        try:
            while True:
                peer.send(late)
                count += len(late)
                if not is_flood:
                    time.sleep(0.01)
        except OSError:
            gone.append(time.monotonic())
            sent.append(count)

    proxy = scripted_proxy(send_on)
    with aftermath(proxy, "ok"):
        answer = turn(proxy, wire_format, "any")
        ended = time.monotonic()
        assert answer.body == b"".join(frames)
        while not gone and time.monotonic() < ended + 10:
            time.sleep(0.01)
    assert gone
    assert gone[0] - ended < 5
    if is_flood:
        # What the kernel's buffers hold was sent, but not read.
        assert sent[0] < 16 * 1024 * 1024


def test_the_first_event_decides_and_later_errors_are_the_streams_own(
    shared_proxy: Proxy, wire_format: str
) -> None:
    with aftermath(shared_proxy, "upstream_error") as after:
        answer = turn(shared_proxy, wire_format, "fault:error-after-1")
        found = events(answer.body)
        assert answer.status == 200
        assert is_error_event(found[-1], wire_format)
    assert after.line["attempts"][0]["reason"] == "ok"
