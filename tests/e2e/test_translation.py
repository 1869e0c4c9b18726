"""Clients of one format in front of an account of the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codegate.mock.provider import ThreadedMock
from tests.conftest import FORMATS, ONE_SECOND
from tests.support.corpus import examples, name
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import (
    Answer,
    RawClient,
    call,
    check_error,
    events,
    head,
    headers_of,
    is_error_event,
    path_of,
    post,
    request,
)

Starter = Callable[..., Proxy]
MESSAGES, CHAT = FORMATS
OTHER = {MESSAGES: CHAT, CHAT: MESSAGES}
END = {MESSAGES: '{"type":"message_stop"}', CHAT: "[DONE]"}
TOOLS = """mock:think "hm"
mock:say "looking"
mock:tool read {"path": "a.py", "n": 1.0}
mock:tool list {}"""
ACCOUNTS = 24
"""A failure may cool its account, so each test of one has an account of its own."""


@pytest.fixture(scope="module")
def crossed(
    shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Proxy]]:
    """For each client's format a proxy whose one account speaks the other."""
    proxies = {
        client: Proxy(
            tmp_path_factory.mktemp(client) / "data",
            upstreams=[f"{target}={shared_mock.url}"] * ACCOUNTS,
            settings={**ONE_SECOND, "keep_alive_interval_s": 0.2},
        )
        for client, target in OTHER.items()
    }
    yield proxies
    for proxy in proxies.values():
        proxy.stop()
        proxy.check_log()


@pytest.fixture
def proxy(crossed: dict[str, Proxy], wire_format: str) -> Proxy:
    """The proxy for a client of ``wire_format``."""
    return crossed[wire_format]


def tool(wire_format: str, called: str) -> dict[str, Any]:
    """A tool's definition."""
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    if wire_format == MESSAGES:
        return {"name": called, "description": "d", "input_schema": schema}
    return {"type": "function", "function": {"name": called, "parameters": schema}}


def body_of(wire_format: str, text: str, model: str = "mock-large", **more: Any) -> dict[str, Any]:
    """A request of one turn."""
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    if wire_format == MESSAGES:
        body["max_tokens"] = 4000
    return body


def send(proxy: Proxy, wire_format: str, body: dict[str, Any]) -> Answer:
    """One call."""
    return post(proxy.port, proxy.key, wire_format, json.dumps(body).encode())


def shown(wire_format: str, answer: Answer, stream: bool) -> dict[str, Any]:
    """Text, reasoning, calls and stop reason of an answer, put together as an SDK would."""
    if wire_format == MESSAGES:
        return _messages(answer, stream)
    return _chat(answer, stream)


def _messages(answer: Answer, stream: bool) -> dict[str, Any]:
    if not stream:
        message = json.loads(answer.body)
        blocks, stop, usage = message["content"], message["stop_reason"], message["usage"]
    else:
        blocks, stop, usage = [], None, None
        inputs: dict[int, list[str]] = {}
        for kind, data in events(answer.body):
            event = json.loads(data)
            assert kind == event["type"]
            if kind == "content_block_start":
                assert event["index"] == len(blocks)
                blocks.append(event["content_block"])
            elif kind == "content_block_delta":
                block, delta = blocks[event["index"]], event["delta"]
                for member in ("text", "thinking", "signature"):
                    if member in delta:
                        block[member] += delta[member]
                if "partial_json" in delta:
                    inputs.setdefault(event["index"], []).append(delta["partial_json"])
            elif kind == "message_delta":
                stop, usage = event["delta"]["stop_reason"], event["usage"]
        for index, pieces in inputs.items():
            blocks[index]["input"] = json.loads("".join(pieces))
    return {
        "text": "".join(b["text"] for b in blocks if b["type"] == "text"),
        "thinking": "".join(b["thinking"] for b in blocks if b["type"] == "thinking"),
        "calls": [(b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"],
        "stop": stop,
        "tokens": (usage["input_tokens"], usage["output_tokens"]),
    }


def _chat(answer: Answer, stream: bool) -> dict[str, Any]:
    if not stream:
        body = json.loads(answer.body)
        message, usage = body["choices"][0]["message"], body["usage"]
        stop = body["choices"][0]["finish_reason"]
        calls = [c["function"] for c in message.get("tool_calls", [])]
    else:
        message, usage, stop, calls = {}, None, None, []
        for _, data in events(answer.body):
            if data == "[DONE]":
                continue
            chunk = json.loads(data)
            usage = chunk.get("usage")
            for choice in chunk["choices"]:
                stop = choice["finish_reason"] or stop
                delta = choice["delta"]
                for member in ("content", "reasoning_content"):
                    message[member] = (message.get(member) or "") + (delta.get(member) or "")
                for piece in delta.get("tool_calls", []):
                    if piece["index"] == len(calls):
                        calls.append({"name": piece["function"]["name"], "arguments": ""})
                    calls[piece["index"]]["arguments"] += piece["function"]["arguments"]
    return {
        "text": message.get("content") or "",
        "thinking": message.get("reasoning_content") or "",
        "calls": [(c["name"], json.loads(c["arguments"])) for c in calls],
        "stop": stop,
        "tokens": (usage["prompt_tokens"], usage["completion_tokens"]),
    }


def test_a_turn_is_answered_in_the_clients_format(
    proxy: Proxy, wire_format: str, stream: bool, shared_mock: ThreadedMock
) -> None:
    answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=stream)
    assert answer.status == 200
    assert answer.is_complete
    assert (answer.header("x-codegate-account") or "").startswith(OTHER[wire_format])
    id_name = "request-id" if wire_format == MESSAGES else "x-request-id"
    assert answer.header(id_name) == answer.header("x-codegate-request-id")
    kind = "text/event-stream; charset=utf-8" if stream else "application/json"
    assert answer.header("content-type") == kind
    if stream:
        assert events(answer.body)[-1][1] == END[wire_format]
    sent = shared_mock.requests[-1]
    assert sent.target == ("/v1/chat/completions" if wire_format == MESSAGES else "/v1/messages")
    versions = [sent.header("anthropic-version"), sent.header("anthropic-beta")]
    assert versions == ([None, None] if wire_format == MESSAGES else ["2023-06-01", None])


def test_tools_thinking_and_usage_arrive(proxy: Proxy, wire_format: str, stream: bool) -> None:
    body = body_of(
        wire_format,
        TOOLS + '\nmock:usage {"input": 120, "output": 30}',
        stream=stream,
        tools=[tool(wire_format, each) for each in ("read", "list")],
    )
    if stream and wire_format == CHAT:
        body["stream_options"] = {"include_usage": True}
    if wire_format == MESSAGES:
        body["thinking"] = {"type": "enabled", "budget_tokens": 2000}
    else:
        body["reasoning_effort"] = "high"
    answer = send(proxy, wire_format, body)
    assert answer.status == 200, answer.body
    found = shown(wire_format, answer, stream)
    assert found["text"] == "looking"
    assert found["thinking"] == "hm"
    assert found["calls"] == [("read", {"path": "a.py", "n": 1.0}), ("list", {})]
    assert found["stop"] == ("tool_use" if wire_format == MESSAGES else "tool_calls")
    assert found["tokens"] == (120, 30)


def test_a_conversation_with_tools_goes_on(proxy: Proxy, wire_format: str, stream: bool) -> None:
    """The client replays what it got; the mock holds it to its vendor's rules."""
    body = body_of(
        wire_format,
        TOOLS + '\nmock:then\nmock:say "read {{last_result}}"',
        tools=[tool(wire_format, each) for each in ("read", "list")],
    )
    first = json.loads(send(proxy, wire_format, body).body)
    if wire_format == MESSAGES:
        calls = [b["id"] for b in first["content"] if b["type"] == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": i, "content": "file"} for i in calls]
        body["messages"] += [
            {"role": "assistant", "content": first["content"]},
            {"role": "user", "content": results},
        ]
    else:
        message = first["choices"][0]["message"]
        body["messages"] += [
            message,
            *(
                {"role": "tool", "tool_call_id": c["id"], "content": "file"}
                for c in message["tool_calls"]
            ),
        ]
    if stream and wire_format == CHAT:
        body["stream_options"] = {"include_usage": True}
    answer = send(proxy, wire_format, {**body, "stream": stream})
    assert answer.status == 200, answer.body
    assert shown(wire_format, answer, stream)["text"] == "read file"


DELIVERIES = [
    "deltas-7",
    "split-every-byte",
    "split-random-3",
    "crlf",
    "cr",
    "bom",
    "no-final-blank",
    "comments",
    "unknown-event",
    "unknown-fields",
    "multi-data-lines",
    "id-retry-lines",
    "json-for-stream",
    "eof-after-finish",
    "duplicate-end",
]


@pytest.mark.parametrize("fault", DELIVERIES)
def test_case_086_089_however_it_is_delivered(proxy: Proxy, wire_format: str, fault: str) -> None:
    body = body_of(wire_format, TOOLS, model=f"fault:{fault}", stream=True)
    body["tools"] = [tool(wire_format, each) for each in ("read", "list")]
    if wire_format == CHAT:
        body["stream_options"] = {"include_usage": True}
    answer = send(proxy, wire_format, body)
    assert answer.status == 200, answer.body
    found = shown(wire_format, answer, True)
    assert found["calls"] == [("read", {"path": "a.py", "n": 1.0}), ("list", {})]
    assert found["text"] == "looking"
    assert events(answer.body)[-1][1] == END[wire_format]


def test_case_089_a_stream_where_none_was_asked_for(proxy: Proxy, wire_format: str) -> None:
    body = body_of(wire_format, TOOLS, model="fault:sse-for-json")
    body["tools"] = [tool(wire_format, each) for each in ("read", "list")]
    answer = send(proxy, wire_format, body)
    assert answer.status == 200, answer.body
    assert answer.header("content-type") == "application/json"
    assert len(shown(wire_format, answer, False)["calls"]) == 2


@pytest.mark.parametrize(
    "fault", ["reset-after-4", "error-after-4", "eof-after-4", "stall-after-4"]
)
def test_case_080_a_broken_stream_ends_with_the_clients_own_error(
    proxy: Proxy, wire_format: str, fault: str
) -> None:
    text = 'mock:say "' + "word " * 40 + '"'
    body = body_of(wire_format, text, model=f"fault:deltas-20+{fault}", stream=True)
    answer = send(proxy, wire_format, body)
    assert answer.status == 200, answer.body
    *_, last = events(answer.body)
    assert is_error_event(last, wire_format), last
    assert END[wire_format] not in answer.body.decode()
    assert "end_turn" not in answer.body.decode()
    assert '"finish_reason":"stop"' not in answer.body.decode()


STATUSES = {
    # The upstream's answer: what a Messages client sees, what a Chat client sees.
    "status-400": (400, 400),
    "status-404": (404, 404),
    "status-429-after-7": (429, 429),
    "spend-limit": (402, 429),
    "status-401": (502, 502),
    "status-500": (500, 500),
    "status-503": (529, 503),
    "status-529": (529, 503),
    "html-502": (502, 502),
}


@pytest.mark.parametrize("fault", STATUSES)
def test_case_081_102_103_errors_before_the_answer(
    proxy: Proxy, wire_format: str, stream: bool, fault: str
) -> None:
    expected = STATUSES[fault][0 if wire_format == MESSAGES else 1]
    number = 2 + list(STATUSES).index(fault) * 2 + stream
    pin = [("x-codegate-account", f"{OTHER[wire_format]}-{number}")]
    answer = call(proxy.port, proxy.key, wire_format, f"fault:{fault}", stream=stream, headers=pin)
    assert answer.status == expected, answer.body
    error = check_error(answer, wire_format, expected)
    assert error
    if fault == "status-429-after-7":
        assert answer.header("retry-after") == "7"
    if fault == "spend-limit":
        assert answer.header("x-should-retry") == "false"
    assert answer.header("anthropic-organization-id") is None


def test_case_101_a_conversation_that_is_too_long_is_said_in_the_clients_words(
    proxy: Proxy, wire_format: str, stream: bool
) -> None:
    answer = call(proxy.port, proxy.key, wire_format, "fault:prompt-too-long", stream=stream)
    error = check_error(answer, wire_format, 400)
    assert error["type"] == "invalid_request_error"
    if wire_format == MESSAGES:
        assert error["message"] == "prompt is too long: 130500 tokens > 128000 maximum"
    else:
        assert error["code"] == "context_length_exceeded"


def test_case_087_a_silent_upstream_keeps_the_client_alive(proxy: Proxy, wire_format: str) -> None:
    body = body_of(
        wire_format, 'mock:say "a b c d e f"', model="fault:deltas-3+pace-700", stream=True
    )
    answer = send(proxy, wire_format, body)
    assert answer.is_complete
    sign = b"event: ping" if wire_format == MESSAGES else b": keep-alive"
    assert answer.body.count(sign) >= 2, answer.body


def test_losses_are_named_in_a_header_and_in_the_record(
    crossed: dict[str, Proxy],
) -> None:
    proxy = crossed[MESSAGES]
    body = body_of(MESSAGES, "hi", top_k=5, context_management={"edits": []})
    answer = send(proxy, MESSAGES, body)
    assert answer.header("x-codegate-conversion-loss") == "top_k,context_management"
    proxy.settle()
    assert proxy.exchanges()[-1]["losses"] == ["top_k", "context_management"]


def test_stop_sequences_beyond_the_fourth_end_the_answer_here(
    crossed: dict[str, Proxy], shared_mock: ThreadedMock, stream: bool
) -> None:
    proxy = crossed[MESSAGES]
    body = body_of(
        MESSAGES,
        'mock:say "one END ' + "word " * 200 + '"',
        model=f"fault:deltas-40+pace-{100 if stream else 1}",
        stop_sequences=["a1", "a2", "a3", "a4", "END"],
        stream=stream,
    )
    answer = send(proxy, MESSAGES, body)
    assert answer.status == 200, answer.body
    assert answer.is_complete
    assert answer.header("x-codegate-conversion-loss") is None
    found = shown(MESSAGES, answer, stream)
    assert (found["text"], found["stop"]) == ("one ", "stop_sequence")
    assert b'"stop_sequence":"END"' in answer.body
    sent = json.loads(shared_mock.requests[-1].body or b"{}")
    assert sent["stop"] == ["a1", "a2", "a3", "a4"]
    if stream:
        assert events(answer.body)[-1][1] == END[MESSAGES]
        proxy.wait_idle()
        wait_until(lambda: shared_mock.requests[-1].outcome != "open", what="the upstream let go")
        assert shared_mock.requests[-1].outcome == "client_closed"
        # One each 100 ms: it was let go at once.
        assert shared_mock.requests[-1].events < 10
        proxy.settle()
        record = proxy.exchanges()[-1]
        assert record["outcome"] == "ok"


def test_case_104_tokens_are_counted_on_any_upstream(crossed: dict[str, Proxy]) -> None:
    proxy = crossed[MESSAGES]
    body = {"model": "mock-large", "messages": [{"role": "user", "content": "word " * 400}]}
    headers = [("x-api-key", proxy.key), ("content-type", "application/json")]
    answer = request(
        proxy.port, "POST", "/v1/messages/count_tokens", headers, json.dumps(body).encode()
    )
    assert answer.status == 200
    assert 400 <= json.loads(answer.body)["input_tokens"] <= 700
    assert answer.header("x-codegate-estimated") == "input_tokens"


def test_strict_conversion_refuses_what_would_lose_meaning(
    mock: ThreadedMock, start_proxy: Starter
) -> None:
    proxy = start_proxy(upstreams=[f"{CHAT}={mock.url}"], settings={"strict_conversion": "on"})
    body = body_of(MESSAGES, "hi", tools=[{"type": "web_search_20250305", "name": "web_search"}])
    answer = send(proxy, MESSAGES, body)
    check_error(answer, MESSAGES, 400)
    assert b"web_search_20250305" in answer.body
    assert not mock.requests
    assert send(proxy, MESSAGES, body_of(MESSAGES, "hi", top_k=5)).status == 200


def test_case_099_log_probabilities_are_refused_where_conversion_is_strict(
    crossed: dict[str, Proxy], mock: ThreadedMock, start_proxy: Starter
) -> None:
    body = body_of(CHAT, "hi", logprobs=True)
    answer = send(crossed[CHAT], CHAT, body)
    assert answer.status == 200
    assert answer.header("x-codegate-conversion-loss") == "logprobs"
    strict = start_proxy(upstreams=[f"{MESSAGES}={mock.url}"], settings={"strict_conversion": "on"})
    error = check_error(send(strict, CHAT, body), CHAT, 400)
    assert "logprobs" in error["message"]
    assert mock.requests == []
    # Two choices cannot be had from anybody.
    error = check_error(send(crossed[CHAT], CHAT, body_of(CHAT, "hi", n=2)), CHAT, 400)
    assert "n: " in error["message"]


def test_the_callers_format_is_tried_first_and_the_other_serves_failover(
    mock: ThreadedMock, start_proxy: Starter, wire_format: str, stream: bool
) -> None:
    proxy = start_proxy(
        upstreams=[f"{OTHER[wire_format]}={mock.url}", f"{wire_format}={mock.url}"],
        settings={"cooldown_base_s": 0},
    )
    answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=stream)
    assert answer.header("x-codegate-account") == wire_format
    mock.script("status-500")
    answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=stream)
    assert answer.status == 200
    assert answer.header("x-codegate-account") == OTHER[wire_format]
    assert answer.header("x-codegate-attempts") == "2"
    if stream:
        assert events(answer.body)[-1][1] == END[wire_format]


def test_case_091_a_client_that_leaves_ends_the_upstream(
    proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    body = json.dumps(body_of(wire_format, "hi", model="fault:busy", stream=True)).encode()
    with RawClient(proxy.port) as client:
        sent = head(
            "POST", path_of(wire_format), headers_of(wire_format, proxy.key), length=len(body)
        )
        client.send(sent + body)
        client.read_until(b"data:")
    proxy.wait_idle()
    wait_until(lambda: shared_mock.requests[-1].outcome != "open", what="the upstream let go")


def _replayed(wire_format: str, answer: Answer) -> list[dict[str, Any]]:
    """The answer and the results of its calls, as a client adds them to its history."""
    body = json.loads(answer.body)
    if wire_format == MESSAGES:
        calls = [b["id"] for b in body["content"] if b["type"] == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": i, "content": "done"} for i in calls]
        return [
            {"role": "assistant", "content": body["content"]},
            {"role": "user", "content": results},
        ]
    message = body["choices"][0]["message"]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "done"}
        for call in message["tool_calls"]
    ]
    return [message, *results]


def test_case_055_twenty_turns_of_thinking_change_between_formats(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    """Every turn thinks and calls; the route changes after each; nobody sees a foreign seal."""
    body = body_of(wire_format, "begin", tools=[tool(wire_format, "read")])
    if wire_format == MESSAGES:
        body["thinking"] = {"type": "adaptive"}
    for number in range(20):
        script = f'mock:think "thought {number}"\nmock:tool read {{"n": {number}}}'
        body["messages"].append({"role": "user", "content": script})
        before = len(shared_mock.requests)
        account = FORMATS[number % 2]
        headers = [
            *headers_of(wire_format, shared_proxy.key),
            ("x-codegate-account", account),
        ]
        sent_body = json.dumps(body).encode()
        answer = request(shared_proxy.port, "POST", path_of(wire_format), headers, sent_body)
        assert answer.status == 200, (number, answer.body)
        assert answer.header("x-codegate-account") == account
        (arrived,) = list(shared_mock.requests)[before:]
        wait_until(lambda entry=arrived: entry.status == 200, what="a good answer")  # type: ignore[misc]
        sent = (arrived.body or b"").decode()
        assert "cg1." not in sent, number
        if account == MESSAGES and wire_format == CHAT:
            # What this very provider thought comes back to it under its own seal.
            assert sent.count('"type":"thinking"') == number // 2
        body["messages"] += _replayed(wire_format, answer)


_BODIES = [
    (wire_format, path)
    for wire_format, path in examples("requests", ".json")
    # A history without a turn, half a character, and two choices cannot be served.
    if json.loads(path.read_bytes())["messages"]
    and path.stem not in {"pretty", "stream_no_options"}
]


@pytest.mark.parametrize(("wire_format", "path"), _BODIES, ids=name)
def test_bodies_of_real_clients_pass_the_other_vendors_rules(
    crossed: dict[str, Proxy], wire_format: str, path: Path
) -> None:
    proxy = crossed[wire_format]
    answer = post(proxy.port, proxy.key, wire_format, path.read_bytes())
    assert answer.status == 200, answer.body
    assert answer.is_complete


def _with_thinking(wire_format: str, proxy: Proxy, model: str) -> Answer:
    body = body_of(wire_format, 'mock:think "hm"\nmock:say "first"', model="mock-large")
    headers = [*headers_of(wire_format, proxy.key), ("x-codegate-account", MESSAGES)]

    def ask() -> Answer:
        data = json.dumps(body).encode()
        return request(proxy.port, "POST", path_of(wire_format), headers, data)

    first = json.loads(ask().body)
    said = (
        {"role": "assistant", "content": first["content"]}
        if wire_format == MESSAGES
        else first["choices"][0]["message"]
    )
    body["model"] = model
    body["messages"] += [said, {"role": "user", "content": 'mock:say "second"'}]
    return ask()


@pytest.mark.parametrize("fault", ["prefix-mismatch", "prefix-mismatch-hard"])
def test_n07_case_057_refused_thinking_is_rescued_once(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, fault: str
) -> None:
    answer = _with_thinking(wire_format, shared_proxy, f"fault:{fault}")
    assert answer.status == 200, answer.body
    assert shown(wire_format, answer, False)["text"] == "second"
    assert answer.header("x-codegate-attempts") == "1"
    last = shared_mock.requests[-1]
    sent = json.loads(last.body or b"")
    has_thinking = '"type": "thinking"' in json.dumps(sent["messages"])
    if fault == "prefix-mismatch" and wire_format == MESSAGES:
        assert sent["thinking"]["block_binding"] == {"prefix_mismatch_behavior": "drop_block"}
        assert "thinking-binding-controls-2026-08-01" in (last.header("anthropic-beta") or "")
        assert has_thinking
    else:
        assert not has_thinking
