"""Requests with a text of the caller's making in every place that agents put text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLACES = Path(__file__).parents[1] / "unit" / "guardrails" / "places.txt"
"""Every text member of the SDKs' types, and whether it is looked through."""

Text = Callable[[], str]


def places() -> dict[str, bool]:
    """Whether each `Type.member` is looked through."""
    lines = PLACES.read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {place: verdict == "masked" for place, verdict in rows}


KEPT = frozenset(place for place, is_masked in places().items() if not is_masked)


def ordinary(
    wire_format: str, text: Text, *, stream: bool, model: str = "mock-large"
) -> dict[str, Any]:
    """A turn in the middle of an agent's session, as both formats can say it."""
    made = _messages(text) if wire_format == "anthropic_messages" else _chat(text)
    return {"model": model, "max_tokens": 64, "stream": stream, **made}


def _schema(text: Text) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"path": {"type": "string", "description": text(), "enum": [text()]}},
    }


def _arguments(text: Text) -> dict[str, Any]:
    inner = json.dumps({"deep": json.dumps([text()])})
    return {"path": text(), "lines": [{"id": text()}], "file": inner}


def _messages(text: Text) -> dict[str, Any]:
    call = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": _arguments(text)}
    other = {"type": "tool_use", "id": "toolu_2", "name": "read", "input": {"path": "b"}}
    return {
        "system": [{"type": "text", "text": text()}, {"type": "text", "text": text()}],
        "metadata": {"user_id": text()},
        "stop_sequences": [text()],
        "tools": [{"name": "read", "description": text(), "input_schema": _schema(text)}],
        "messages": [
            {"role": "user", "content": text()},
            {"role": "assistant", "content": [{"type": "text", "text": text()}, call, other]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": text()},
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_2",
                        "is_error": True,
                        "content": [{"type": "text", "text": text()}],
                    },
                    {"type": "text", "text": text()},
                ],
            },
            {"role": "assistant", "content": text()},
            {"role": "user", "content": [{"type": "text", "text": text()}]},
        ],
    }


def _chat(text: Text) -> dict[str, Any]:
    function = {"name": "read", "arguments": json.dumps(_arguments(text))}
    other = {"name": "read", "arguments": '{"path":"b"}'}
    return {
        "user": text(),
        "stop": [text()],
        "tools": [
            {
                "type": "function",
                "function": {"name": "read", "description": text(), "parameters": _schema(text)},
            }
        ],
        "messages": [
            {"role": "system", "content": text()},
            {"role": "developer", "content": [{"type": "text", "text": text()}]},
            {"role": "user", "content": [{"type": "text", "text": text()}]},
            {
                "role": "assistant",
                "content": text(),
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": function},
                    {"id": "call_2", "type": "function", "function": other},
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": text()},
            {
                "role": "tool",
                "tool_call_id": "call_2",
                "content": [{"type": "text", "text": text()}],
            },
            {"role": "assistant", "content": text()},
            {"role": "user", "content": text()},
        ],
    }
