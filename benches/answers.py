"""Requests and answers that a gateway writes itself: what they mean, and which bytes of an answer
may differ."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator
from typing import Any

from benches.bodies import MESSAGES
from benches.cells import BURST_DELTAS, PATHS, Cell
from benches.gateways import Gateway
from benches.process import BenchError

#: Stands for any byte in the answer that is due; the client knows it too.
_ANY = 1
#: Long enough for a time stamp in seconds to differ.
_PAUSE_S = 1.1
_WORD = re.compile(rb"[0-9A-Za-z_-]+")
_DELTA = "00000000000000000000 lock"


def template(gateway: Gateway, cell: Cell, body: bytes) -> bytes:
    """The answer of a gateway that writes it: read and judged twice, with what differs between the
    two, such as ids and times, open. Raises ``BenchError`` when it is not what was said."""
    first = _ask(gateway, cell, body)
    time.sleep(_PAUSE_S)
    second = _ask(gateway, cell, body)
    for answer in (first, second):
        _judge(cell, answer)
    if len(first) != len(second):
        raise BenchError("two answers to the same request differ in length")
    return _opened(first, second)


def _opened(first: bytes, second: bytes) -> bytes:
    """``first`` with every word open that is another one in ``second``."""
    return _WORD.sub(
        lambda word: (
            word.group()
            if word.group() == second[word.start() : word.end()]
            else bytes([_ANY]) * len(word.group())
        ),
        first,
    )


def _ask(gateway: Gateway, cell: Cell, body: bytes) -> bytes:
    headers = dict(line.split(": ", 1) for line in gateway.headers(cell.wire_format))
    headers["content-type"] = "application/json"
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    try:
        connection.request("POST", PATHS[cell.wire_format], body=body, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"{gateway.name}: no answer: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise BenchError(f"{gateway.name}: {answer.status}: {data[:200]!r}")
    return data


def _judge(cell: Cell, answer: bytes) -> None:
    """The text, why it ended, and what it cost must be those of the mock."""
    try:
        if cell.is_stream:
            found = _read_stream(cell.wire_format, answer)
        else:
            found = _read_plain(cell.wire_format, json.loads(answer))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BenchError(f"the answer cannot be read: {error!r}") from error
    text, reason, tokens = found
    is_messages = cell.wire_format == MESSAGES
    due = "end_turn" if is_messages else "stop"
    spent = (231, BURST_DELTAS if cell.is_stream else 96)
    has_text = text == _DELTA * BURST_DELTAS if cell.is_stream else text.startswith("The failing")
    if not has_text or reason != due or tokens != spent:
        raise BenchError(f"the answer says {reason}, {tokens}, {text[:80]!r}")


def judge_request(cell: Cell, sent: bytes, arrived: bytes) -> None:
    """What arrived must ask for the same: model, tools, and every word of the conversation. Raises
    ``BenchError`` where it does not."""
    due = _meaning(cell.wire_format, json.loads(sent))
    try:
        found = _meaning(cell.upstream_format, json.loads(arrived))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(f"the request cannot be read upstream: {error!r}") from error
    for what, said in due.items():
        if found[what] != said:
            raise BenchError(f"{what} upstream: {_excerpt(found[what])} for {_excerpt(said)}")


def _excerpt(value: object) -> str:
    return repr(value)[:120]


def _meaning(wire_format: str, value: dict[str, Any]) -> dict[str, object]:
    is_messages = wire_format == MESSAGES
    tools = value.get("tools", [])
    return {
        "model": value["model"],
        "tools": [tool["name"] if is_messages else tool["function"]["name"] for tool in tools],
        "words": list(_messages_words(value) if is_messages else _chat_words(value)),
    }


def _messages_words(value: dict[str, Any]) -> Iterator[object]:
    yield _text(value.get("system", ""))
    for message in value["messages"]:
        content = message["content"]
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            match block["type"]:
                case "text":
                    yield block["text"]
                case "tool_use":
                    yield block["name"], block["input"]
                case "tool_result":
                    yield _text(block["content"])


def _chat_words(value: dict[str, Any]) -> Iterator[object]:
    for message in value["messages"]:
        if message.get("content"):
            yield _text(message["content"])
        for call in message.get("tool_calls", []):
            yield call["function"]["name"], json.loads(call["function"]["arguments"])


def _text(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content)


Found = tuple[str, str, tuple[int, int]]


def _read_plain(wire_format: str, value: dict[str, Any]) -> Found:
    usage = value["usage"]
    if wire_format == MESSAGES:
        (block,) = value["content"]
        tokens = (usage["input_tokens"], usage["output_tokens"])
        return block["text"], value["stop_reason"], tokens
    (choice,) = value["choices"]
    tokens = (usage["prompt_tokens"], usage["completion_tokens"])
    return choice["message"]["content"], choice["finish_reason"], tokens


def _read_stream(wire_format: str, answer: bytes) -> Found:
    lines = [line[6:] for line in answer.decode().split("\n") if line.startswith("data: ")]
    if wire_format == MESSAGES:
        return _read_messages([json.loads(line) for line in lines])
    if lines.pop() != "[DONE]":
        raise ValueError("no end marker")
    return _read_chat([json.loads(line) for line in lines])


def _read_messages(events: list[dict[str, Any]]) -> Found:
    if events[-1]["type"] != "message_stop":
        raise ValueError("no end marker")
    deltas = [e["delta"] for e in events if e["type"] == "content_block_delta"]
    (end,) = [e for e in events if e["type"] == "message_delta"]
    start = events[0]["message"]["usage"]
    usage = start | end["usage"]
    tokens = (usage["input_tokens"], usage["output_tokens"])
    return "".join(d["text"] for d in deltas), end["delta"]["stop_reason"], tokens


def _read_chat(chunks: list[dict[str, Any]]) -> Found:
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    (reason,) = [c["finish_reason"] for c in choices if c.get("finish_reason")]
    (usage,) = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    return text, reason, (usage["prompt_tokens"], usage["completion_tokens"])
