"""Faults of an upstream of the other format: what its client sees of them (F29 to F37, F44 to F46).

Beside each test of ``test_upstream_stream`` and ``test_upstream_bytes`` stands one here, with
translation on. What is compared are not bytes but texts and calls, put together as an SDK would.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from codegate.mock.provider import ThreadedMock
from tests.conftest import FORMATS, ONE_SECOND
from tests.support.aftermath import aftermath, check_broken_stream, check_good, check_refusal
from tests.support.frames import stream_of
from tests.support.proxy import Proxy, running
from tests.support.raw import Answer, events, exact_request, is_error_event, post
from tests.support.scripted import SSE_HEAD, Peer, Script, Scripted, chunk, chunked, scripted

MESSAGES, CHAT = FORMATS
OTHER = {MESSAGES: CHAT, CHAT: MESSAGES}
TEXT = "a text of some length, which is cut into a good number of deltas"
BOM = b"\xef\xbb\xbf"
ACCOUNTS = 6
"""A failure may cool its account, so there are others."""
SettingScript = Callable[[Script], Proxy]
Crossed = dict[str, Proxy]


@pytest.fixture(scope="module")
def crossed(
    shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crossed]:
    """For each client's format a proxy whose accounts speak the other."""
    folder = tmp_path_factory.mktemp("crossed")
    url = shared_mock.url
    with (
        running(
            folder / "messages", upstreams=[f"{CHAT}={url}"] * ACCOUNTS, settings=ONE_SECOND
        ) as messages,
        running(
            folder / "chat", upstreams=[f"{MESSAGES}={url}"] * ACCOUNTS, settings=ONE_SECOND
        ) as chat,
    ):
        yield {MESSAGES: messages, CHAT: chat}


@pytest.fixture
def proxy(crossed: Crossed, wire_format: str) -> Proxy:
    """The proxy for a client of ``wire_format``."""
    return crossed[wire_format]


@pytest.fixture(scope="module")
def own_upstream() -> Iterator[Scripted]:
    """An upstream of plain sockets."""
    with scripted(lambda peer: peer.close()) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def scripted_crossed(
    own_upstream: Scripted, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crossed]:
    """As ``crossed``, in front of the scripted upstream."""
    folder = tmp_path_factory.mktemp("scripted-crossed")
    url = own_upstream.url
    with (
        running(folder / "messages", upstreams=[f"{CHAT}={url}"], settings=ONE_SECOND) as messages,
        running(folder / "chat", upstreams=[f"{MESSAGES}={url}"], settings=ONE_SECOND) as chat,
    ):
        yield {MESSAGES: messages, CHAT: chat}


@pytest.fixture
def use_script(
    scripted_crossed: Crossed, own_upstream: Scripted, wire_format: str
) -> Iterator[SettingScript]:
    """Sets what the upstream does and returns the proxy in front of it."""

    def use(script: Script) -> Proxy:
        own_upstream.script = script
        return scripted_crossed[wire_format]

    yield use
    own_upstream.script = lambda peer: peer.close()


def turn(
    proxy: Proxy, wire_format: str, model: str, *, stream: bool = True, text: str = TEXT
) -> Answer:
    """One call."""
    body = exact_request(wire_format, model, stream=stream, text=text)
    return post(proxy.port, proxy.key, wire_format, body)


def direct(mock: ThreadedMock, wire_format: str, model: str) -> list[tuple[str, str]]:
    """The events of the mock's own answer in the other format."""
    other = OTHER[wire_format]
    body = exact_request(other, model, stream=True, text=TEXT)
    return events(post(mock.port, "key", other, body).body)


def text_of(found: list[tuple[str, str]]) -> str:
    """The text that the deltas of a stream add up to, in either format."""
    text = ""
    for _, data in found:
        payload = json.loads(data) if data.startswith("{") else {}
        text += payload.get("delta", {}).get("text", "")
        for choice in payload.get("choices", []):
            text += choice["delta"].get("content") or ""
    return text


def plain(body: bytes) -> bytes:
    """A stream without the moment at which it began, and without the id of its turn."""
    body = re.sub(rb'"created":\d+', b'"created":0', body)
    return re.sub(rb'"id":"[^"]*"', b'"id":""', body)


@pytest.mark.parametrize("count", [1, 2, 10])
def test_f29_reset_after_events(
    proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, count: int
) -> None:
    model = "fault:deltas-12"
    with aftermath(proxy, "upstream_error") as after:
        answer = turn(proxy, wire_format, f"{model}+reset-after-{count}")
        delivered = check_broken_stream(answer, wire_format)
    assert text_of(delivered) == text_of(direct(shared_mock, wire_format, model)[:count])
    assert sum(name == "message_start" for name, _ in delivered) <= 1
    assert b"end_turn" not in answer.body
    assert b'"finish_reason":"' not in answer.body
    assert after.line["error_code"] == "upstream_truncated"


def test_f29_reset_in_a_plain_answer(proxy: Proxy, wire_format: str) -> None:
    with aftermath(proxy, "upstream_error"):
        answer = turn(proxy, wire_format, "fault:reset-after-3", stream=False)
        check_refusal(answer, wire_format, 502)


@pytest.mark.parametrize("count", [1, 5])
def test_f30_end_without_marker_or_finish_reason(
    proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, count: int
) -> None:
    with aftermath(proxy, "upstream_error"):
        answer = turn(proxy, wire_format, f"fault:eof-after-{count}")
        delivered = check_broken_stream(answer, wire_format)
    assert text_of(delivered) == text_of(direct(shared_mock, wire_format, "any")[:count])


def test_f30_after_the_finish_reason_the_stream_is_ended_for_the_client(
    proxy: Proxy, wire_format: str
) -> None:
    with aftermath(proxy, "upstream_error") as after:
        answer = turn(proxy, wire_format, "fault:eof-after-finish")
        check_good(answer, wire_format, stream=True)
    assert text_of(events(answer.body)).endswith(TEXT)
    assert after.line["error_code"] == "upstream_no_end_marker"


def test_f31_a_stall_ends_at_the_idle_timeout(proxy: Proxy, wire_format: str) -> None:
    with aftermath(proxy, "timeout") as after:
        begun = time.monotonic()
        answer = turn(proxy, wire_format, "fault:stall-after-4")
        assert 0.9 < time.monotonic() - begun < 3
        check_broken_stream(answer, wire_format)
    assert after.line["error_code"] == "upstream_idle_timeout"


def test_f31_comments_and_pings_are_life(use_script: SettingScript, wire_format: str) -> None:
    frames = stream_of(OTHER[wire_format])
    signs = {CHAT: b'event: ping\ndata: {"type": "ping"}\n\n', MESSAGES: b": alive\n\n"}

    def pause(peer: Peer) -> None:
        peer.send(SSE_HEAD + chunk(frames[0]))
        for _ in range(4):
            time.sleep(0.4)
            peer.send(chunk(signs[wire_format]))
        peer.send(chunked(frames[1:]))

    proxy = use_script(pause)
    with aftermath(proxy, "ok"):
        answer = turn(proxy, wire_format, "any")
        check_good(answer, wire_format, stream=True)
    assert text_of(events(answer.body)) == "hé🙂y"


def test_f32_slow_drip(use_script: SettingScript, wire_format: str) -> None:
    frames = stream_of(OTHER[wire_format])
    sent: list[float] = []

    def drip(peer: Peer) -> None:
        peer.send(SSE_HEAD + chunk(frames[0]))
        for frame in frames[1:]:
            for at in range(len(frame)):
                time.sleep(0.002)
                if at == len(frame) - 1 and (b"\xc3\xa9" in frame or b'"y"' in frame):
                    sent.append(time.monotonic())
                peer.send(chunk(frame[at : at + 1]))
        peer.send(b"0\r\n\r\n")

    proxy = use_script(drip)
    with aftermath(proxy, "ok"):
        begun = time.monotonic()
        answer = turn(proxy, wire_format, "any")
        check_good(answer, wire_format, stream=True)
    came = [at for at, data in answer.chunks if text_of(events(data))]
    late = [begun + at - moment for at, moment in zip(came, sent, strict=True)]
    assert statistics.median(late) < 0.05, late


class Sender:
    """A script that sends whatever ``parts`` holds, a chunk for each part."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def __call__(self, peer: Peer) -> None:
        peer.send(SSE_HEAD + chunked(self.parts))


LINE_ENDS = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}


@pytest.mark.parametrize("kind", LINE_ENDS)
def test_f33_cut_anywhere(use_script: SettingScript, wire_format: str, kind: str) -> None:
    """At every fifth byte here; at every byte in the tests of the translation itself."""
    whole = b"".join(stream_of(OTHER[wire_format])).replace(b"\n", LINE_ENDS[kind])
    sender = Sender()
    proxy = use_script(sender)
    cuts = [[at] for at in range(1, len(whole), 5)]
    cuts += [sorted(random.Random(n).sample(range(1, len(whole)), 12)) for n in range(20)]
    wrong = []
    with aftermath(proxy, "ok", exchanges=len(cuts) + 2):
        sender.parts = [BOM + whole]
        uncut = plain(turn(proxy, wire_format, "any").body)
        assert text_of(events(uncut)) == "hé🙂y"
        sender.parts = [whole[at : at + 1] for at in range(len(whole))]
        assert plain(turn(proxy, wire_format, "any").body) == uncut
        for places in cuts:
            edges = [0, *places, len(whole)]
            sender.parts = [whole[a:b] for a, b in itertools.pairwise(edges)]
            if plain(turn(proxy, wire_format, "any").body) != uncut:
                wrong.append(places)
    assert wrong == []


@pytest.mark.parametrize(
    "fault",
    [
        *("crlf", "cr", "mixed-eol", "bom", "multi-data-lines", "comments", "id-retry-lines"),
        *("unknown-event", "unknown-fields", "interleave", "no-final-blank", "split-every-byte"),
        "crlf+multi-data-lines+comments+id-retry-lines+bom",
        "mixed-eol+comments+split-random-7",
    ],
)
def test_f34_every_spelling_of_events(proxy: Proxy, wire_format: str, fault: str) -> None:
    with aftermath(proxy, "ok") as after:
        answer = turn(proxy, wire_format, f"fault:{fault}")
        check_good(answer, wire_format, stream=True)
    assert text_of(events(answer.body)) == f"You said: {TEXT}"
    assert after.line["tokens_out"]


def test_f35_one_end_marker_whatever_follows(proxy: Proxy, wire_format: str) -> None:
    with aftermath(proxy, "ok"):
        answer = turn(proxy, wire_format, "fault:duplicate-end")
        check_good(answer, wire_format, stream=True)
    assert text_of(events(answer.body)) == f"You said: {TEXT}"


def test_f35_surplus_in_the_same_piece_as_the_end_marker(
    use_script: SettingScript, wire_format: str
) -> None:
    frames = stream_of(OTHER[wire_format])
    everything = b"".join([*frames, frames[-1], frames[2], frames[-1]])
    proxy = use_script(lambda peer: peer.send(SSE_HEAD + chunked([everything])))
    with aftermath(proxy, "ok"):
        answer = turn(proxy, wire_format, "any")
        check_good(answer, wire_format, stream=True)
    assert text_of(events(answer.body)) == "hé🙂y"


@pytest.mark.parametrize("number", [3, 5])
def test_f36_malformed_json_ends_the_stream_with_an_error(
    proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, number: int
) -> None:
    with aftermath(proxy, "upstream_error"):
        answer = turn(proxy, wire_format, f"fault:bad-json-at-{number}")
        delivered = check_broken_stream(answer, wire_format)
    before = direct(shared_mock, wire_format, "any")[: number - 1]
    assert text_of(delivered) == text_of(before)


def test_f36_malformed_json_at_the_start_is_no_stream(
    proxy: Proxy, wire_format: str, stream: bool
) -> None:
    with aftermath(proxy, "upstream_error"):
        answer = turn(proxy, wire_format, "fault:bad-json-at-1", stream=stream)
        check_refusal(answer, wire_format, 502)


def test_f37_invalid_utf8_becomes_replacement_characters(
    proxy: Proxy, wire_format: str, stream: bool
) -> None:
    with aftermath(proxy, "ok"):
        answer = turn(proxy, wire_format, "fault:bad-utf8-at-2", stream=stream)
        check_good(answer, wire_format, stream=stream)
    assert "\ufffd" in answer.body.decode("utf-8", "strict")


@pytest.mark.parametrize("escaped", [r"\ud83d\ude42", "🙂", r"\u00e9", "é"])
def test_f37_characters_arrive_whole_however_they_are_written(
    use_script: SettingScript, wire_format: str, escaped: str
) -> None:
    whole = b"".join(stream_of(OTHER[wire_format]))
    whole = whole.replace("🙂".encode(), escaped.encode())
    middle = whole.index(escaped.encode()) + 2
    sender = Sender()
    sender.parts = [whole[:middle], whole[middle:]]
    proxy = use_script(sender)
    with aftermath(proxy, "ok"):
        answer = turn(proxy, wire_format, "any")
        check_good(answer, wire_format, stream=True)
    character = json.loads('"' + escaped + '"')
    assert text_of(events(answer.body)) == f"hé{character}y"


ARGUMENTS = [
    {"a": 'line\n"quoted" \\ é 🙂 \u2028', "b": [1.5, {"c": None}]},
    {"path": "é" * 40 + "\t\\n"},
]


@pytest.mark.parametrize(
    "fault", ["deltas-60", "interleave+deltas-60", "interleave+split-random-3"]
)
def test_f44_f45_arguments_are_put_together_whatever_their_cuts(
    proxy: Proxy, wire_format: str, fault: str
) -> None:
    """The mock cuts inside escapes; interleaved, the pieces of both calls come in turn."""
    script = "\n".join(f"mock:tool t{n} {json.dumps(a)}" for n, a in enumerate(ARGUMENTS))
    body = json.loads(exact_request(wire_format, f"fault:{fault}", stream=True, text=script))
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    if wire_format == MESSAGES:
        body["tools"] = [{"name": name, "input_schema": schema} for name in ("t0", "t1")]
    else:
        functions = [{"name": name, "parameters": schema} for name in ("t0", "t1")]
        body["tools"] = [{"type": "function", "function": each} for each in functions]
    with aftermath(proxy, "ok"):
        answer = post(proxy.port, proxy.key, wire_format, json.dumps(body).encode())
        check_good(answer, wire_format, stream=True)
    pieces: dict[int, str] = {}
    for _, data in events(answer.body):
        payload = json.loads(data) if data.startswith("{") else {}
        if "partial_json" in payload.get("delta", {}):
            index = payload["index"]
            pieces[index] = pieces.get(index, "") + payload["delta"]["partial_json"]
        for choice in payload.get("choices", []):
            for call in choice["delta"].get("tool_calls", []):
                index = call["index"]
                pieces[index] = pieces.get(index, "") + call["function"].get("arguments", "")
    assert [json.loads(text) for _, text in sorted(pieces.items())] == ARGUMENTS


def test_f46_an_error_event_is_told_once(proxy: Proxy, wire_format: str) -> None:
    with aftermath(proxy, "upstream_error"):
        answer = turn(proxy, wire_format, "fault:error-after-4")
        check_broken_stream(answer, wire_format)
    (error,) = (event for event in events(answer.body) if is_error_event(event, wire_format))
    assert "verloaded" in error[1]
