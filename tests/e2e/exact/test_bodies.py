"""Requests and plain answers keep every byte outside the declared spans."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from codegate import native
from tests.e2e.exact.turns import (
    JSON,
    SSE,
    json_reply,
    post,
    post_in_pieces,
    stream_reply,
    stream_request,
)
from tests.support.attempts import attempting
from tests.support.corpus import SPLITS, examples, name, randomly, whole
from tests.support.proxy import UPSTREAM_KEY, Proxy
from tests.support.raw import check_error, model_request
from tests.support.replay import Replay, Reply
from tests.support.spans import sent_body

REQUESTS = examples("requests", ".json")
RESPONSES = [
    (wire_format, file)
    for wire_format, file in examples("responses", ".json")
    if "error" not in json.loads(file.read_bytes())
]
ERRORS = [
    (wire_format, file)
    for wire_format, file in examples("responses/errors", ".json")
    if isinstance(json.loads(file.read_bytes()), dict)
]

FUTURE = (
    b'{ "model" : "m","max_tokens":1e2,\r\n"future":{"a":[1.0,2E5,-0]},'
    b'"messages":[{"role":"user","content":[{"type":"future_block",'
    b'"big":123456789012345678901234567890,"s":"\\u0041\\/\\ud83e\\uddee"},'
    b'{"type":"text","text":"hi"}]}],"beta_field":null,"metadata":{"model":"inner"} }\n'
)
NESTED = (
    b'{"metadata":{"model":"inner"},"tools":[{"name":"t","input_schema":{"type":"object",'
    b'"properties":{"model":{"type":"string","default":"\\"model\\":\\"x\\""}}}}],'
    b'"messages":[{"role":"user","content":"{\\"model\\":\\"text\\"} \\"model\\": \\"m\\""}],'
    b'"max_tokens":5,"model":"asked"}'
)


def ok_reply(wire_format: str, body: bytes) -> Reply:
    """Any good answer to ``body``, streamed if it asks for a stream."""
    if json.loads(body).get("stream") is True:
        stream = {
            "anthropic_messages": (
                b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n'
                b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
            ),
            "openai_chat": b'data: {"choices":[{"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n',
        }
        return stream_reply([stream[wire_format]])
    return json_reply(plain_answer(wire_format))


def plain_answer(wire_format: str) -> bytes:
    """The smallest answer of the format."""
    if wire_format == "anthropic_messages":
        return b'{"type":"message","role":"assistant","content":[],"stop_reason":"end_turn"}'
    return b'{"object":"chat.completion","choices":[{"message":{},"finish_reason":"stop"}]}'


def run(coroutine: Coroutine[Any, Any, native.Attempt]) -> native.Attempt:
    """Run on a fresh loop."""
    return asyncio.run(coroutine)


async def send_mapped(replay: Replay, wire_format: str, body: bytes, model: str) -> native.Attempt:
    """One attempt through the extension at a target that calls the model ``model``."""
    parts = randomly(1)(body)
    async with attempting(replay.url, wire_format, "/v1/x", parts, model) as attempt:
        return attempt


@pytest.mark.parametrize(("wire_format", "file"), REQUESTS, ids=name)
def test_corpus_requests_reach_the_upstream(
    exact_proxy: Proxy, replay: Replay, wire_format: str, file: Path
) -> None:
    body = file.read_bytes()
    replay.reply = ok_reply(wire_format, body)
    assert post(exact_proxy, wire_format, body).status == 200
    assert replay.last.body == sent_body(wire_format, body).body
    assert replay.last.values("content-length") == [str(len(replay.last.body))]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("wire_format", "file"), REQUESTS, ids=name)
def test_corpus_requests_pass_at_any_split(
    exact_proxy: Proxy, replay: Replay, wire_format: str, file: Path, split: str
) -> None:
    body = file.read_bytes()
    pieces = SPLITS[split](body) if len(body) < 2048 else randomly(len(split))(body)
    replay.reply = ok_reply(wire_format, body)
    assert post_in_pieces(exact_proxy, wire_format, pieces).status == 200
    assert replay.last.body == sent_body(wire_format, body).body


@pytest.mark.parametrize(("wire_format", "file"), REQUESTS, ids=name)
def test_a_mapped_model_is_all_that_changes(replay: Replay, wire_format: str, file: Path) -> None:
    body = file.read_bytes()
    replay.reply = ok_reply(wire_format, body)
    attempt = run(send_mapped(replay, wire_format, body, 'mapped/"größe"'))
    assert attempt.is_committable
    assert replay.last.body == sent_body(wire_format, body, 'mapped/"größe"').body


@pytest.mark.parametrize(("wire_format", "file"), RESPONSES, ids=name)
def test_corpus_answers_reach_the_client(
    exact_proxy: Proxy, replay: Replay, wire_format: str, file: Path
) -> None:
    body = file.read_bytes()
    for split in (whole, randomly(2)):
        replay.reply = Reply(headers=JSON, pieces=split(body))
        answer = post(exact_proxy, wire_format, model_request(wire_format, "m", stream=False))
        assert answer.status == 200
        assert answer.body == body


@pytest.mark.parametrize(("wire_format", "file"), ERRORS, ids=name)
def test_corpus_errors_reach_the_client(
    exact_proxy: Proxy, replay: Replay, wire_format: str, file: Path, stream: bool
) -> None:
    """An upstream's own JSON error passes as it is, whether a stream was asked for or not."""
    body = file.read_bytes()
    replay.reply = json_reply(body, status=400)
    answer = post(exact_proxy, wire_format, model_request(wire_format, "m", stream=stream))
    assert answer.status == 400
    assert answer.body == body


def test_compressed_answers_are_given_uncompressed(
    exact_proxy: Proxy, replay: Replay, wire_format: str
) -> None:
    body = plain_answer(wire_format)
    headers = (*JSON, ("content-encoding", "gzip"))
    replay.reply = Reply(headers=headers, pieces=randomly(4)(gzip.compress(body)))
    answer = post(exact_proxy, wire_format, model_request(wire_format, "m", stream=False))
    assert answer.body == body
    assert answer.header("content-encoding") is None


def test_a_stream_is_asked_for_uncompressed(
    exact_proxy: Proxy, replay: Replay, wire_format: str
) -> None:
    """And understood all the same where an upstream compresses it."""
    body = stream_request(wire_format)
    reply = ok_reply(wire_format, body)
    stream = b"".join(reply.pieces)
    headers = (*SSE, ("content-encoding", "gzip"))
    replay.reply = Reply(headers=headers, pieces=randomly(4)(gzip.compress(stream)))
    answer = post(exact_proxy, wire_format, body)
    assert replay.last.values("accept-encoding") == ["identity"]
    assert answer.body == stream


def test_case_108_unknown_blocks_and_members_pass(
    exact_proxy: Proxy, replay: Replay, wire_format: str
) -> None:
    body = FUTURE
    replay.reply = ok_reply(wire_format, body)
    assert post(exact_proxy, wire_format, body).status == 200
    assert replay.last.body == body
    run(send_mapped(replay, wire_format, body, "mapped"))
    assert replay.last.body == body.replace(b'"model" : "m"', b'"model" : "mapped"')


def test_case_109_only_the_top_level_model_changes(
    exact_proxy: Proxy, replay: Replay, wire_format: str
) -> None:
    replay.reply = ok_reply(wire_format, NESTED)
    assert post(exact_proxy, wire_format, NESTED).status == 200
    assert replay.last.body == NESTED
    run(send_mapped(replay, wire_format, NESTED, "mapped"))
    assert replay.last.body == NESTED.replace(b'"asked"', b'"mapped"')


@pytest.mark.parametrize("second", ['"model"', '"mod\\u0065l"'], ids=["plain", "escaped"])
def test_case_109_a_second_model_is_refused(
    exact_proxy: Proxy, replay: Replay, wire_format: str, second: str
) -> None:
    before = len(replay.requests)
    body = b'{"model":"a","messages":[],"max_tokens":1,%s:"b"}' % second.encode()
    check_error(post(exact_proxy, wire_format, body), wire_format, 400)
    assert len(replay.requests) == before


def test_case_102_an_upstream_that_refuses_our_credential(
    exact_proxy: Proxy, replay: Replay, wire_format: str, stream: bool
) -> None:
    """Not the client's 401: it would drop its own log-in."""
    error = (
        b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}'
    )
    replay.reply = json_reply(error, status=401)
    answer = post(exact_proxy, wire_format, model_request(wire_format, "m", stream=stream))
    found = check_error(answer, wire_format, 502)
    assert found["type"] == ("api_error" if wire_format == "anthropic_messages" else "server_error")
    assert answer.header("x-codegate-error") == "account_login_required"
    assert UPSTREAM_KEY.encode() not in answer.body


@pytest.mark.parametrize("status", [413, 502])
def test_case_103_a_page_in_place_of_an_error(
    exact_proxy: Proxy, replay: Replay, wire_format: str, stream: bool, status: int
) -> None:
    page = b"<html><head><title>Request Entity Too Large</title></head><body>edge</body></html>"
    replay.reply = Reply(
        status=status, headers=(("content-type", "text/html"),), pieces=[page], framing="length"
    )
    answer = post(exact_proxy, wire_format, model_request(wire_format, "m", stream=stream))
    found = check_error(answer, wire_format, status)
    assert b"<html" not in answer.body
    kinds = {
        ("anthropic_messages", 413): "request_too_large",
        ("anthropic_messages", 502): "api_error",
        ("openai_chat", 413): "invalid_request_error",
        ("openai_chat", 502): "server_error",
    }
    assert found["type"] == kinds[wire_format, status]


def test_the_corpus_holds_real_clients_bodies() -> None:
    """What the named clients send, in their own shape."""
    named = {(wire_format, file.stem): file for wire_format, file in REQUESTS}
    code = json.loads(named["anthropic_messages", "claude_code"].read_bytes())
    assert named["anthropic_messages", "claude_code"].stat().st_size > 48_000
    assert [m["role"] for m in code["messages"]][:2] == ["user", "system"]
    assert code["thinking"]["type"] == "adaptive"
    assert "context_management" in code
    assert any(tool.get("defer_loading") for tool in code["tools"])
    assert json.loads(code["metadata"]["user_id"])["session_id"]
    assert ("openai_chat", "opencode") in named
    assert "stream_options" not in json.loads(named["openai_chat", "aider"].read_bytes())
