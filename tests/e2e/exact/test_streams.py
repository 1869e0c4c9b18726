"""Streams reach the client as the upstream sent them, however they were cut on the way."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.e2e.exact.turns import (
    SSE,
    check_stream,
    post,
    stream_reply,
    stream_request,
)
from tests.support.corpus import ROOT, SPLITS, Split, at, bytewise, examples, name, randomly, whole
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import RawClient, head, headers_of, model_request, path_of
from tests.support.replay import Framing, Replay, Reply
from tests.support.spans import BOM, frames, relayed

STREAMS = examples("streams", ".sse")
SPLIT_STREAMS = [
    (wire_format, file, split)
    for wire_format, file in STREAMS
    for split in SPLITS
    # A piece of its own for each byte tells no more about a large stream than about a small one.
    if split != "bytewise" or file.stat().st_size < 8192
]
LINE_ENDS = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}


def text_stream(wire_format: str) -> bytes:
    """A stream of three- and four-byte characters with LF line ends."""
    text = "größe 变量名 🧮👩‍💻 ﻿ und Ende"
    return _stream(wire_format, [text, "🧮", "字"])


def _stream(wire_format: str, deltas: list[str]) -> bytes:
    if wire_format == "openai_chat":
        values: list[object] = [
            {"choices": [{"index": 0, "delta": {"content": d}}]} for d in deltas
        ]
        values.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        values.append({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}})
        lines = [json.dumps(v, ensure_ascii=False) for v in values]
        return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()
    block = {"type": "text", "text": ""}
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": block},
    ]
    for delta in deltas:
        events.append(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": delta},
            }
        )
    events += [
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 4},
        },
        {"type": "message_stop"},
    ]
    return "".join(
        f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n" for e in events
    ).encode()


@pytest.mark.parametrize(("wire_format", "file", "split"), SPLIT_STREAMS, ids=name)
def test_corpus_streams_pass_at_any_split(
    exact_proxy: Proxy, replay: Replay, wire_format: str, file: Path, split: str
) -> None:
    stream = file.read_bytes()
    replay.reply = stream_reply(SPLITS[split](stream))
    answer = post(exact_proxy, wire_format, stream_request(wire_format))
    check_stream(answer, wire_format, relayed(wire_format, stream, usage_added=False))


@pytest.mark.parametrize(
    "split", [whole, bytewise, randomly(7)], ids=["whole", "bytewise", "random"]
)
@pytest.mark.parametrize(
    "file", [f for wire_format, f in STREAMS if wire_format == "openai_chat"], ids=name
)
def test_the_added_usage_chunk_is_all_that_is_taken_out(
    exact_proxy: Proxy, replay: Replay, file: Path, split: Split
) -> None:
    stream = file.read_bytes()
    replay.reply = stream_reply(split(stream))
    body = model_request("openai_chat", "m", stream=True)
    answer = post(exact_proxy, "openai_chat", body)
    assert json.loads(replay.last.body)["stream_options"] == {"include_usage": True}
    check_stream(answer, "openai_chat", relayed("openai_chat", stream, usage_added=True))


@pytest.mark.parametrize("framing", ["length", "close"])
def test_other_framings_of_http_pass_the_same_bytes(
    exact_proxy: Proxy, replay: Replay, wire_format: str, framing: Framing
) -> None:
    stream = text_stream(wire_format)
    replay.reply = stream_reply(randomly(3)(stream), framing=framing)
    answer = post(exact_proxy, wire_format, stream_request(wire_format))
    check_stream(answer, wire_format, relayed(wire_format, stream, usage_added=False))


def test_pieces_pass_as_they_come(exact_proxy: Proxy, replay: Replay, wire_format: str) -> None:
    """With a pause between events each one leaves at once, in an HTTP chunk of its own."""
    stream = text_stream(wire_format)
    pieces = [frame.raw for frame in frames(stream)]
    replay.reply = Reply(headers=SSE, pieces=pieces, pause_s=0.03)
    answer = post(exact_proxy, wire_format, stream_request(wire_format))
    assert answer.body == stream
    assert [data for _, data in answer.chunks] == pieces
    assert answer.chunks[-1][0] - answer.chunks[0][0] > 0.03 * (len(pieces) - 2)


def test_no_chunk_ends_inside_an_event(
    exact_proxy: Proxy, replay: Replay, wire_format: str
) -> None:
    stream = text_stream(wire_format)
    replay.reply = stream_reply(bytewise(stream))
    answer = post(exact_proxy, wire_format, stream_request(wire_format))
    assert answer.body == stream
    for _, data in answer.chunks:
        assert all(frame.has_blank_line for frame in frames(data)), data


@pytest.mark.parametrize("ends", LINE_ENDS)
@pytest.mark.parametrize("has_bom", [False, True], ids=["plain", "bom"])
@pytest.mark.parametrize("ending", ["closed", "unclosed", "unmarked", "error"])
def test_case_86_line_ends_and_bom(
    exact_proxy: Proxy,
    replay: Replay,
    wire_format: str,
    ends: str,
    has_bom: bool,
    ending: str,
) -> None:
    """The same bytes unsplit, less the byte order mark, at every kind of split."""
    unsplit = text_stream(wire_format)
    if ending == "unmarked":
        unsplit = b"".join(frame.raw for frame in frames(unsplit)[:-1])
    if ending == "error":
        last = b'event: error\ndata: {"type":"error","error":{"type":"api_error"}}\n\n'
        unsplit = b"".join(frame.raw for frame in frames(unsplit)[:-1]) + last
    unsplit = unsplit.replace(b"\n", LINE_ENDS[ends])
    if ending == "unclosed":
        unsplit = unsplit.removesuffix(LINE_ENDS[ends])
    stream = BOM + unsplit if has_bom else unsplit
    for split in (*SPLITS.values(), at(1), at(2), at(1, 2, 3), at(len(stream) - 1)):
        replay.reply = stream_reply(split(stream))
        answer = post(exact_proxy, wire_format, stream_request(wire_format))
        assert answer.body == unsplit, split


def test_case_86_characters_cut_at_every_byte(
    exact_proxy: Proxy, replay: Replay, wire_format: str
) -> None:
    stream = text_stream(wire_format)
    start = stream.index("größe".encode())
    end = stream.index(b"Ende")
    for cut in range(start, end):
        replay.reply = stream_reply(at(cut)(stream))
        answer = post(exact_proxy, wire_format, stream_request(wire_format))
        assert answer.body == stream, cut
        assert "\ufffd" not in answer.body.decode("utf-8")


def test_case_86_a_crlf_cut_before_its_lf(
    exact_proxy: Proxy, replay: Replay, wire_format: str
) -> None:
    """Each CR ends a piece in turn, then all of them, also around a chunk that is left out."""
    stream = text_stream(wire_format).replace(b"\n", b"\r\n")
    cuts = [i + 1 for i, byte in enumerate(stream) if byte == 0x0D]
    bodies = [(stream_request(wire_format), stream)]
    if wire_format == "openai_chat":
        without_usage = relayed(wire_format, stream, usage_added=True).body
        bodies.append((model_request(wire_format, "m", stream=True), without_usage))
    for body, expected in bodies:
        for split in (*(at(cut) for cut in cuts), at(*cuts)):
            replay.reply = stream_reply(split(stream))
            assert post(exact_proxy, wire_format, body).body == expected


@pytest.mark.parametrize("size", [70_000, 20 * 1024 * 1024], ids=["70KB", "20MB"])
def test_case_86_a_huge_event(
    exact_proxy: Proxy, replay: Replay, wire_format: str, size: int
) -> None:
    stream = _stream(wire_format, ["字" * (size // 3), "end"])
    replay.reply = stream_reply(randomly(5)(stream))
    answer = post(exact_proxy, wire_format, stream_request(wire_format))
    assert answer.body == stream


@pytest.mark.parametrize("split", [whole, bytewise], ids=["whole", "bytewise"])
def test_case_108_unknown_events_and_members_pass(
    exact_proxy: Proxy, replay: Replay, wire_format: str, split: Split
) -> None:
    first, _, rest = text_stream(wire_format).partition(b"\n\n")
    unknown = (
        b'event: future_event\nid: 7\nretry: 10\nnew_field: 1\ndata: {"type":"future_event",'
        b'"n":1.0,"big":123456789012345678901234567890,"s":"\\u0041\\/"}\n\n'
        b": a comment\n\nevent: only_a_name\n\n"
    )
    stream = first + b"\n\n" + unknown + rest
    replay.reply = stream_reply(split(stream))
    answer = post(exact_proxy, wire_format, stream_request(wire_format))
    assert answer.body == stream


def test_case_91_a_client_that_leaves_ends_the_upstream(
    exact_proxy: Proxy, replay: Replay, wire_format: str
) -> None:
    """Within one event the upstream call is over, and what was used until then is in the books."""
    stream = _stream(wire_format, ["first", "next"])
    pieces = [frame.raw for frame in frames(stream)]
    is_chat = wire_format == "openai_chat"
    begin = (
        [b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n', pieces[0]]
        if is_chat
        else pieces[:3]
    )
    replay.reply = Reply(headers=SSE, pieces=begin, pause_s=0.05, is_endless=True)
    body = stream_request(wire_format)
    with RawClient(exact_proxy.port) as client:
        sent = headers_of(wire_format, exact_proxy.key)
        client.send(head("POST", path_of(wire_format), sent, length=len(body)) + body)
        request_id = client.read_head().header("x-codegate-request-id")
        for _ in range(len(begin) + 1):
            client.read_chunk()
        recorded = replay.last
        at_leaving = recorded.pieces_sent
        left_at = time.monotonic()
    wait_until(lambda: recorded.closed_at is not None, 2, "the upstream connection to be closed")
    assert recorded.closed_at is not None
    assert recorded.closed_at - left_at < 0.5
    assert recorded.pieces_sent - at_leaving <= 2

    def record() -> list[dict[str, object]]:
        return [e for e in exact_proxy.exchanges() if e["request_id"] == request_id]

    wait_until(lambda: bool(record()), 3, "the record of the exchange")
    (line,) = record()
    assert line["outcome"] == "client_closed"
    assert line["tokens_in"] == 3
    assert line["tokens_out"] == 1
    exact_proxy.wait_idle()


def test_the_corpus_holds_every_kind_of_ending() -> None:
    """Otherwise a part of the expectations would be tried by no example."""
    found = {relayed(f, file.read_bytes(), usage_added=False).ending for f, file in STREAMS}
    assert found == {"terminal", "error_event", "no_marker", "own_error", "refused"}, ROOT
