"""Both formats: a stream adds up to the whole answer, and looks as the vendor's does."""

import json
from collections.abc import Iterator

import pytest

from codegate.mock.formats import load_formats
from codegate.mock.formats.anthropic_messages import FORMAT as MESSAGES
from codegate.mock.formats.base import RefusalError
from codegate.mock.formats.openai_chat import FORMAT as CHAT
from codegate.mock.prompt import Prompt, Tool, Turn
from codegate.mock.reply import Reply, compose
from codegate.mock.sse import Kind

TEXTS = {
    "echo": "hello\nthere é😀",
    "say": 'mock:say "one"\nmock:say "two"',
    "empty": 'mock:say ""',
    "tools": 'mock:say "calling"\nmock:tool Read {"path": "a\\nb é"}\nmock:tool Write {"n": [1]}',
    "think": 'mock:think "thoughts of a machine"\nmock:say "x"',
    "think-tools": 'mock:think "t"\nmock:tool Read {}',
}


def asked(text: str, *, choices: int = 1, wants_usage: bool = True) -> tuple[Prompt, Reply]:
    prompt = Prompt(
        model="m",
        body=text.encode(),
        turns=(Turn(role="user", texts=(text,)),),
        tools=(Tool(name="Read"),),
        choices=choices,
        wants_usage=wants_usage,
    )
    return prompt, compose(prompt, deltas=4)


def payloads(prompt: Prompt, reply: Reply) -> Iterator[dict[str, object]]:
    for event in CHAT.events(prompt, reply):
        if isinstance(event.payload, dict):
            yield event.payload


def message_of(prompt: Prompt, reply: Reply) -> dict[str, object]:
    """The message that the stream's events add up to."""
    message: dict[str, object] = {}
    blocks: list[dict[str, object]] = []
    text = ""
    for event in MESSAGES.events(prompt, reply):
        data = json.loads(json.dumps(event.payload))
        assert data["type"] == event.name
        match event.name:
            case "message_start":
                message = data["message"]
            case "content_block_start":
                assert data["index"] == len(blocks)
                blocks.append(data["content_block"])
                text = ""
            case "content_block_delta":
                assert data["index"] == len(blocks) - 1
                delta, block = data["delta"], blocks[-1]
                if delta["type"] == "input_json_delta":
                    text += delta["partial_json"]
                elif delta["type"] == "signature_delta":
                    block["signature"] = delta["signature"]
                else:
                    name = delta["type"].removesuffix("_delta")
                    block[name] = str(block[name]) + delta[name]
            case "content_block_stop":
                if text:
                    blocks[-1]["input"] = json.loads(text)
            case "message_delta":
                usage = message["usage"]
                assert isinstance(usage, dict)
                message = {**message, **data["delta"], "usage": {**usage, **data["usage"]}}
    return {**message, "content": blocks}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_messages_stream_adds_up(text: str) -> None:
    prompt, reply = asked(text)
    assert message_of(prompt, reply) == MESSAGES.whole(prompt, reply)


def test_messages_stream_order() -> None:
    names = [event.name for event in MESSAGES.events(*asked('mock:say "a"\nmock:tool Read {}'))]
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_messages_output_is_counted_at_the_end() -> None:
    events = [event.payload for event in MESSAGES.events(*asked("hello there"))]
    start, end = json.loads(json.dumps([events[0], events[-2]]))
    assert start["message"]["usage"]["output_tokens"] == 1
    assert end["usage"]["output_tokens"] == 4
    assert start["message"]["usage"]["input_tokens"] == end["usage"]["input_tokens"] == 3


def test_messages_usage() -> None:
    text = 'mock:usage {"input": 5, "output": 6, "cache_read": 7, "cache_write": 8}'
    assert MESSAGES.whole(*asked(text))["usage"] == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 8,
        "cache_read_input_tokens": 7,
        "cache_creation": {"ephemeral_5m_input_tokens": 8, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 6,
        "output_tokens_details": {"thinking_tokens": 0},
        "service_tier": "standard",
    }


def completion_of(prompt: Prompt, reply: Reply, index: int) -> tuple[dict[str, object], str]:
    """The message and finish reason that the chunks of one choice add up to."""
    message: dict[str, object] = {}
    calls: dict[int, dict[str, dict[str, str]]] = {}
    finish = ""
    for chunk in payloads(prompt, reply):
        for choice in json.loads(json.dumps(chunk["choices"])):
            if choice["index"] != index:
                continue
            finish = choice["finish_reason"] or finish
            delta = choice["delta"]
            for call in delta.pop("tool_calls", []):
                number = call.pop("index")
                if number in calls:
                    assert set(call) == {"function"}
                    calls[number]["function"]["arguments"] += call["function"]["arguments"]
                else:
                    calls[number] = call
            for name, value in delta.items():
                known = message.get(name)
                message[name] = known + value if isinstance(known, str) else value
    if calls:
        message["tool_calls"] = [calls[number] for number in sorted(calls)]
        message["content"] = message["content"] or None
    return {**message, "annotations": []}, finish


@pytest.mark.parametrize("choices", [1, 3])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_chat_stream_adds_up(text: str, choices: int) -> None:
    prompt, reply = asked(text, choices=choices)
    whole = CHAT.whole(prompt, reply)
    expected = json.loads(json.dumps(whole["choices"]))
    assert len(expected) == choices
    for choice in expected:
        message, finish = completion_of(prompt, reply, choice["index"])
        assert message == choice["message"]
        assert finish == choice["finish_reason"]
    (*_, last) = payloads(prompt, reply)
    assert last["choices"] == []
    assert last["usage"] == whole["usage"]
    assert {chunk["id"] for chunk in payloads(prompt, reply)} == {whole["id"]}


def test_chat_stream_shape() -> None:
    events = list(CHAT.events(*asked("hi")))
    assert [event.kind for event in events] == [
        Kind.START,
        *[Kind.DELTA] * 4,
        Kind.FINISH,
        Kind.OTHER,
        Kind.END,
    ]
    assert events[-1].payload == b"[DONE]"
    assert all(event.name is None for event in events)


def test_chat_usage_only_when_asked_for() -> None:
    asking, silent = asked("hi"), asked("hi", wants_usage=False)
    assert [chunk["usage"] for chunk in payloads(*asking)][:-1] == [None] * 6
    assert all("usage" not in chunk for chunk in payloads(*silent))


def test_chat_usage() -> None:
    text = 'mock:usage {"input": 5, "output": 6, "cache_read": 7, "cache_write": 8}'
    usage = CHAT.whole(*asked(text))["usage"]
    assert isinstance(usage, dict)
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (
        20,
        6,
        26,
    )
    assert usage["prompt_tokens_details"]["cached_tokens"] == 7
    assert usage["prompt_tokens_details"]["cache_write_tokens"] == 8


def test_chat_call_ids_fit_the_limit() -> None:
    whole = json.loads(json.dumps(CHAT.whole(*asked("mock:tool Read {}"))))
    (call,) = whole["choices"][0]["message"]["tool_calls"]
    assert len(call["id"]) <= 40


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (418, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_messages_errors(status: int, kind: str) -> None:
    assert MESSAGES.error(RefusalError(status, "text", code="c"), "ab" * 32) == {
        "type": "error",
        "error": {"type": kind, "message": "text", "details": {"error_code": "c"}},
        "request_id": "req_" + "ab" * 12,
    }


def test_chat_errors() -> None:
    assert CHAT.error(RefusalError(429, "text"), "") == {
        "error": {
            "message": "text",
            "type": "requests",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }
    assert CHAT.error(RefusalError(500, "text"), "")["error"] == {
        "message": "text",
        "type": "server_error",
        "param": None,
        "code": None,
    }


def test_model_pages() -> None:
    names = ["a", "b", "c", "d"]

    def page(**query: str) -> tuple[list[str], object]:
        found = json.loads(json.dumps(MESSAGES.models(names, query)))
        ids = [model["id"] for model in found["data"]]
        assert found["first_id"] == (ids[0] if ids else None)
        assert found["last_id"] == (ids[-1] if ids else None)
        return ids, found["has_more"]

    assert page() == (names, False)
    assert page(limit="2") == (["a", "b"], True)
    assert page(limit="2", after_id="b") == (["c", "d"], False)
    assert page(limit="2", before_id="d") == (["b", "c"], True)
    assert page(after_id="d") == ([], False)
    with pytest.raises(RefusalError):
        page(limit="0")


def test_formats_are_found() -> None:
    assert [found.name for found in load_formats()] == ["anthropic_messages", "openai_chat"]
