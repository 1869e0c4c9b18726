"""G29: one canary in each place that the SDKs' own types know, and none of them leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codegate import native
from codegate.crypto.keys import root_key
from codegate.guardrails.guards import make
from codegate.guardrails.rules import Rules
from tests.support.carriers import KEPT, places
from tests.support.sdk_types import Canaries, bodies

CANARY = "canary.{}@example.org"
"""An address needs no word around it, so that every place is as good as another."""


class Bodies:
    """Builds a body and counts the canaries in it."""

    def __init__(self) -> None:
        self.count = 0

    def canary(self) -> str:
        """The next one."""
        self.count += 1
        return CANARY.format(self.count)


def messages(c: Bodies) -> dict[str, Any]:
    """Every carrier of a Messages request, in both of its forms where there are two."""
    text = {"type": "text", "text": c.canary(), "cache_control": {"type": "ephemeral"}}
    return {
        "model": "m",
        "max_tokens": 9,
        "metadata": {"user_id": c.canary()},
        "stop_sequences": [c.canary()],
        "system": [text, {"type": "text", "text": c.canary()}],
        "tools": [_messages_tool(c)],
        "messages": [
            {"role": "user", "content": c.canary()},
            {"role": "assistant", "content": _answered(c)},
            {"role": "user", "content": _asked(c)},
        ],
        "member_of_next_year": [{"deeper": c.canary()}],
    }


def _messages_tool(c: Bodies) -> dict[str, Any]:
    member = {"type": "string", "description": c.canary(), "enum": [c.canary()]}
    return {
        "name": "n",
        "description": c.canary(),
        "input_schema": {"type": "object", "properties": {"id": member}},
        "input_examples": [{"id": c.canary()}],
    }


def _answered(c: Bodies) -> list[dict[str, Any]]:
    """Blocks of an answer, sent again."""
    arguments = {"id": c.canary(), "data": [{"type": c.canary()}], "signature": c.canary()}
    query = {"query": c.canary()}
    return [
        {"type": "text", "text": c.canary(), "citations": [{"cited_text": c.canary()}]},
        {"type": "tool_use", "id": "t", "name": "n", "input": arguments},
        {"type": "server_tool_use", "id": "s", "name": "n", "input": query},
    ]


def _asked(c: Bodies) -> list[dict[str, Any]]:
    """Blocks of a user: results of tools, documents, images and what nobody knows yet."""
    document = {"type": "text", "media_type": "text/plain", "data": c.canary()}
    parts = {"type": "content", "content": [{"type": "text", "text": c.canary()}]}
    result = [{"type": "text", "text": c.canary()}]
    image = {"type": "url", "url": "https://h/" + c.canary()}
    return [
        {"type": "tool_result", "tool_use_id": "t", "content": c.canary()},
        {"type": "tool_result", "tool_use_id": "t", "content": result},
        {"type": "document", "title": c.canary(), "context": c.canary(), "source": document},
        {"type": "document", "source": parts},
        {"type": "search_result", "title": c.canary(), "source": c.canary(), "content": []},
        {"type": "image", "source": image},
        {"type": "block_of_next_year", "member": {"deeper": [c.canary()]}},
    ]


def chat(c: Bodies) -> dict[str, Any]:
    """Every carrier of a Chat Completions request."""
    arguments = json.dumps({"id": c.canary(), "deeper": {"x": [c.canary()]}})
    return {
        "model": "m",
        "user": c.canary(),
        "metadata": {"k": c.canary()},
        "stop": [c.canary()],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "n",
                "description": c.canary(),
                "schema": {"const": c.canary()},
            },
        },
        "prediction": {"type": "content", "content": c.canary()},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "n",
                    "description": c.canary(),
                    "parameters": {"properties": {"a": {"description": c.canary()}}},
                },
            }
        ],
        "messages": [
            {"role": "system", "content": c.canary()},
            {"role": "developer", "content": [{"type": "text", "text": c.canary()}]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": c.canary()},
                    {"type": "image_url", "image_url": {"url": "https://h/" + c.canary()}},
                    {"type": "part_of_next_year", "member": [c.canary()]},
                ],
            },
            {
                "role": "assistant",
                "content": c.canary(),
                "refusal": c.canary(),
                "reasoning_content": c.canary(),
                "tool_calls": [
                    {
                        "id": "t",
                        "type": "function",
                        "function": {"name": "n", "arguments": arguments},
                    },
                    {"id": "u", "type": "custom", "custom": {"name": "n", "input": c.canary()}},
                ],
                "function_call": {"name": "n", "arguments": c.canary()},
            },
            {"role": "tool", "tool_call_id": "t", "content": c.canary()},
            {
                "role": "tool",
                "tool_call_id": "t",
                "content": [{"type": "text", "text": c.canary()}],
            },
        ],
        "member_of_next_year": [{"deeper": c.canary()}],
    }


FORMATS = {"anthropic_messages": messages, "openai_chat": chat}


def masked(wire_format: str, body: dict[str, Any]) -> list[tuple[str, int]]:
    """What a guard with every detector on finds in the body."""
    guard = make("default", Rules(), (root_key(bytes(32), "test"),))
    request = native.Request.parse(wire_format, [json.dumps(body).encode()])
    return guard.mask(request).counts


@pytest.mark.parametrize("wire_format", FORMATS)
def test_g29_every_carrier_is_looked_through(wire_format: str) -> None:
    bodies = Bodies()
    body = FORMATS[wire_format](bodies)
    assert masked(wire_format, body) == [("email", bodies.count)]
    assert bodies.count > 20


def known_places() -> set[str]:
    """Every text member of every type of both SDKs."""
    canaries = Canaries(CANARY.format)
    for wire_format in FORMATS:
        for _ in bodies(wire_format, canaries):
            pass
    return set(canaries.places)


def test_g29_somebody_has_decided_about_every_member_of_the_types() -> None:
    assert known_places() == set(places())


@pytest.mark.parametrize("wire_format", FORMATS)
def test_g29_every_member_of_the_types_is_looked_through(wire_format: str) -> None:
    canaries = Canaries(CANARY.format, KEPT)
    seen: set[str] = set()
    for body in bodies(wire_format, canaries):
        text = json.dumps(body)
        held = {value for value in canaries.places.values() if f'"{value}"' in text}
        count = sum(text.count(f'"{value}"') for value in held)
        assert masked(wire_format, body) == ([("email", count)] if count else [])
        seen |= held
    assert len(seen) > 30
    # A name of the model is the one text that every body has and none may change.
    assert seen == {v for p, v in canaries.places.items() if not p.endswith(".model")}


@pytest.mark.parametrize("wire_format", FORMATS)
def test_g31_what_the_types_say_is_kept_stays(wire_format: str) -> None:
    shown = places()
    masked_ones = frozenset(place for place, is_masked in shown.items() if is_masked)
    canaries = Canaries(CANARY.format, masked_ones)
    for body in bodies(wire_format, canaries):
        assert masked(wire_format, body) == []
    assert len(canaries.places) > 10


@pytest.mark.parametrize("wire_format", FORMATS)
def test_g7_escapes_are_read_before_the_text_is_looked_through(wire_format: str) -> None:
    text = "".join(f"\\u{ord(c):04x}" for c in "ada@example.org")
    body = f'{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"{text}"}}]}}'
    guard = make("default", Rules(), (root_key(bytes(32), "test"),))
    request = native.Request.parse(wire_format, [body.encode()])
    assert guard.mask(request).counts == [("email", 1)]


UNTOUCHED: dict[str, list[dict[str, Any]]] = {
    "anthropic_messages": [
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "a@b.co", "signature": "c@d.co"}],
        },
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "a@b.co"}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "a@b.co", "name": "c@d.co", "input": {}}],
        },
    ],
    "openai_chat": [
        {"role": "tool", "tool_call_id": "a@b.co", "content": ""},
        {"role": "assistant", "content": "", "reasoning_details": [{"text": "a@b.co"}]},
    ],
}


@pytest.mark.parametrize("wire_format", UNTOUCHED)
def test_g31_what_is_signed_or_names_something_stays(wire_format: str) -> None:
    for message in UNTOUCHED[wire_format]:
        assert masked(wire_format, {"model": "m", "max_tokens": 9, "messages": [message]}) == []
