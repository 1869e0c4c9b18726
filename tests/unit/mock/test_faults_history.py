"""Faults that look at the history: what a vendor refuses for its reasoning, in its words."""

import json
from typing import Any

import pytest

from codegate.mock import ThreadedMock
from tests.unit.mock.faulty import ask_for, error_of
from tests.unit.mock.raw import chat, messages

BOUND, NEEDS = "bound-thinking", "needs-reasoning"
INVALID = "Invalid `signature` in `thinking` block"
MOVED = "`thinking` block is bound to a different conversation"
TOOL = {"name": "read", "input_schema": {"type": "object"}}
FUNCTION = {"type": "function", "function": {"name": "read"}}


def test_prefix_mismatch(mock: ThreadedMock) -> None:
    thinking = {"type": "thinking", "thinking": "x", "signature": "EqQB"}
    user = {"role": "user", "content": "hi"}
    turns = [user, {"role": "assistant", "content": [thinking]}, user]
    drop = {"block_binding": {"prefix_mismatch_behavior": "drop_block"}, "type": "adaptive"}

    def statuses(fault: str) -> list[int]:
        return [
            ask_for(mock, messages, fault, messages=turns).status,
            ask_for(mock, messages, fault, messages=turns, thinking=drop).status,
            ask_for(mock, messages, fault, messages=[user], thinking=drop).status,
        ]

    assert statuses("prefix-mismatch") == [400, 200, 200]
    assert statuses("prefix-mismatch-hard") == [400, 400, 200]


def _conversation(mock: ThreadedMock, count: int = 2) -> dict[str, Any]:
    """A request whose history has turns that thought and called."""
    body: dict[str, Any] = {"system": "be good", "tools": [TOOL], "messages": []}
    for number in range(count):
        script = f'mock:think "thought {number}"\nmock:tool read {{}}'
        body["messages"].append({"role": "user", "content": script})
        answer = ask_for(mock, messages, BOUND, **body)
        assert answer.status == 200, answer.body
        blocks = json.loads(answer.body)["content"]
        body["messages"].append({"role": "assistant", "content": blocks})
        result = {"type": "tool_result", "tool_use_id": blocks[-1]["id"], "content": "done"}
        body["messages"].append({"role": "user", "content": [result]})
    return body


def _refusal(mock: ThreadedMock, body: dict[str, Any]) -> str:
    answer = ask_for(mock, messages, BOUND, **body)
    assert answer.status == 400, answer.body
    assert error_of(answer)["type"] == "invalid_request_error"
    return str(error_of(answer)["message"])


def test_a_seal_fits_its_own_history(mock: ThreadedMock) -> None:
    body = _conversation(mock)
    assert ask_for(mock, messages, BOUND, **body).status == 200
    # Cache marks may move, and a text may stand as a block.
    body["messages"][0]["content"] = [
        {
            "type": "text",
            "text": body["messages"][0]["content"],
            "cache_control": {"type": "ephemeral"},
        }
    ]
    body["system"] = [{"type": "text", "text": "be good", "cache_control": {"type": "ephemeral"}}]
    assert ask_for(mock, messages, BOUND, **body).status == 200


def test_any_other_byte_of_a_signature_is_refused(mock: ThreadedMock) -> None:
    body = _conversation(mock, 1)
    block = body["messages"][1]["content"][0]
    signature = block["signature"]
    for at in range(len(signature)):
        other = "A" if signature[at] != "A" else "B"
        block["signature"] = signature[:at] + other + signature[at + 1 :]
        assert _refusal(mock, body) == f"messages.1.content.0: {INVALID}", at
    block["signature"] = signature
    block["thinking"] += "!"
    assert _refusal(mock, body) == f"messages.1.content.0: {INVALID}"


@pytest.mark.parametrize(
    ("path", "value", "first"),
    [
        (("system",), "be bad", 1),
        (("tools", 0, "name"), "write", 1),
        (("messages", 0, "content"), "another", 1),
        (("messages", 2, "content", 0, "content"), "failed", 4),
    ],
)
def test_what_stood_before_is_sealed_too(
    mock: ThreadedMock, path: tuple[str | int, ...], value: str, first: int
) -> None:
    body = _conversation(mock)
    place: Any = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert _refusal(mock, body) == f"messages.{first}.content.0: {MOVED}"
    drop = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    assert ask_for(mock, messages, BOUND, thinking=drop, **body).status == 200


def test_earlier_thinking_is_sealed_too(mock: ThreadedMock) -> None:
    body = _conversation(mock)
    del body["messages"][1]["content"][0]
    assert _refusal(mock, body) == f"messages.4.content.0: {MOVED}"


@pytest.mark.parametrize("reasoning", [None, "", "absent"])
def test_a_call_without_its_reasoning_is_refused(mock: ThreadedMock, reasoning: str | None) -> None:
    user = {"role": "user", "content": 'mock:think "hm"\nmock:tool read {}'}
    answer = ask_for(mock, chat, NEEDS, messages=[user], tools=[FUNCTION])
    assert answer.status == 200
    message = json.loads(answer.body)["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "done"}
    turns = [user, message, result]
    assert ask_for(mock, chat, NEEDS, messages=turns, tools=[FUNCTION]).status == 200
    del message["reasoning_content"]
    if reasoning != "absent":
        message["reasoning_content"] = reasoning
    refused = ask_for(mock, chat, NEEDS, messages=turns, tools=[FUNCTION])
    assert refused.status == 400
    assert error_of(refused)["message"] == (
        "thinking is enabled but reasoning_content is missing in assistant tool call message "
        "at index 1"
    )
