"""Request bodies of the benches, in both formats: deterministic, and as dense in escaped quotes as
the code that agents carry in tool results."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

MESSAGES = "anthropic_messages"
CHAT = "openai_chat"
FORMATS = (MESSAGES, CHAT)

#: Size in bytes that each body reaches, within one line of code.
#: "V" is the smallest with values in it that guardrails mask.
SIZES = {"S": 950, "V": 1_200, "A": 85_000, "L": 1_080_000}

_SEED = 9212
_TURNS = 10
_TOOLS = 20
_MODELS = {MESSAGES: "claude-sonnet-4-5", CHAT: "gpt-4o"}

#: What a developer's environment says of its owner.
_VALUES = (
    "\n\n.env:\nDB_PASSWORD=Tr0ub4dor-and-3\nADMIN=grace.hopper@indigo.org\n"
    "DATABASE_URL=postgres://app:w1nter-mute@db.indigo.org:5432/store\n"
    "# on call: Katherine Johnson, +1 415-555-2671, 34.117.59.81\n"
)

_NOUNS = (
    "index",
    "session",
    "ledger",
    "socket",
    "cursor",
    "packet",
    "branch",
    "fixture",
    "journal",
)
_VERBS = ("open", "read", "merge", "close", "parse", "flush", "rotate", "verify", "resolve")
_PROSE = (
    "Work in small steps and run the tests after each of them.",
    "Prefer the narrowest change that makes the failing case pass.",
    "Never edit generated files; change the template and build again.",
    "When a command fails, read the whole message before you try another one.",
    "Paths are relative to the root of the repository unless they begin with a slash.",
    "Erkläre kurz, was du geändert hast, in the language of the question.",
)


def body(size: str, wire_format: str, *, stream: bool = False) -> bytes:
    """The request body of a size in `SIZES` and a format in `FORMATS`; always the same bytes."""
    if size in {"S", "V"}:
        return _small(wire_format, has_values=size == "V", stream=stream)
    target = SIZES[size]
    # Escaping makes one line of code a little longer than it is; a second pass meets the target.
    code_bytes = target * 3 // 5
    for _ in range(4):
        encoded = _agent_turn(wire_format, code_bytes, stream=stream)
        code_bytes += round((target - len(encoded)) * code_bytes / len(encoded))
    return _agent_turn(wire_format, code_bytes, stream=stream)


def _encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _opening(wire_format: str, *, stream: bool) -> dict[str, Any]:
    opening: dict[str, Any] = {"model": _MODELS[wire_format]}
    if stream:
        opening["stream"] = True
        if wire_format == CHAT:
            opening["stream_options"] = {"include_usage": True}
    opening["max_tokens"] = 1024
    return opening


def _small(wire_format: str, *, has_values: bool, stream: bool) -> bytes:
    system = " ".join(_PROSE[:4])
    question = (
        "The test `test_store_opens_twice` hangs on the second connection. The log ends with "
        '"database is locked", and the fixture holds its connection until the end of the test. '
        "What is the smallest change that lets both connections work, and how do I assert that "
        "the lock is gone afterwards? Answer in three sentences and name the line to change; the "
        "fixture is shared with two other tests.\n\n```python\n"
        'with connect("store.db") as first, connect("store.db") as second:\n'
        '    first.execute("begin immediate")\n    second.execute("insert into runs values (1)")\n'
        "```"
    )
    if has_values:
        question += _VALUES
    value = _opening(wire_format, stream=stream)
    if wire_format == MESSAGES:
        value["system"] = system
        value["messages"] = [{"role": "user", "content": question}]
    else:
        value["messages"] = [
            {"role": "system", "content": system},
            {"role": "user", "content": question},
        ]
    value["temperature"] = 0.2
    return _encode(value)


def _agent_turn(wire_format: str, code_bytes: int, *, stream: bool) -> bytes:
    """A coding agent's request: system prompt, tools, and turns that each read a file."""
    rng = random.Random(_SEED)  # noqa: S311
    system = "\n".join(rng.choice(_PROSE) for _ in range(80))
    value = _opening(wire_format, stream=stream)
    if wire_format == MESSAGES:
        mark = {"type": "ephemeral"}
        value["system"] = [{"type": "text", "text": system, "cache_control": mark}]
        value["tools"] = [_tool(number) for number in range(_TOOLS)]
        value["messages"] = list(_messages_turns(rng, code_bytes))
    else:
        value["tools"] = [_chat_tool(_tool(number)) for number in range(_TOOLS)]
        turns = list(_chat_turns(rng, code_bytes))
        value["messages"] = [{"role": "system", "content": system}, *turns]
    return _encode(value)


def _tool(number: int) -> dict[str, Any]:
    noun, verb = _NOUNS[number % len(_NOUNS)], _VERBS[number // 2 % len(_VERBS)]
    text = {"type": "string", "description": f"Absolute path of the {noun} to {verb}"}
    return {
        "name": f"{verb}_{noun}_{number}",
        "description": f'Use "{verb}" on one {noun}. {_PROSE[number % 6]} {_PROSE[number % 5]}',
        "input_schema": {
            "type": "object",
            "properties": {
                "path": text,
                "limit": {"type": "integer", "description": "Lines to return", "minimum": 1},
                "mode": {"type": "string", "enum": ["fast", "exact", "dry-run"]},
                "edits": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"old": text, "new": text}},
                },
            },
            "required": ["path"],
            "additionalProperties": False,
        },
    }


def _chat_tool(tool: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool["name"],
            "description": tool["description"],
            "parameters": tool["input_schema"],
        },
    }


def _messages_turns(rng: random.Random, code_bytes: int) -> Iterator[dict[str, Any]]:
    yield {"role": "user", "content": "Find out why the nightly run is slow, and mend it."}
    for turn in range(_TURNS):
        call = f"toolu_01Bench{turn:015d}"
        yield {
            "role": "assistant",
            "content": [
                {"type": "text", "text": rng.choice(_PROSE)},
                {
                    "type": "tool_use",
                    "id": call,
                    "name": "open_index_0",
                    "input": {"path": f"src/part_{turn}.py", "limit": 2000},
                },
            ],
        }
        code = _code(rng, code_bytes // _TURNS)
        result = {"type": "tool_result", "tool_use_id": call, "content": code}
        yield {"role": "user", "content": [result]}


def _chat_turns(rng: random.Random, code_bytes: int) -> Iterator[dict[str, Any]]:
    yield {"role": "user", "content": "Find out why the nightly run is slow, and mend it."}
    for turn in range(_TURNS):
        call = f"call_Bench{turn:015d}"
        arguments = json.dumps({"path": f"src/part_{turn}.py", "limit": 2000})
        yield {
            "role": "assistant",
            "content": rng.choice(_PROSE),
            "tool_calls": [
                {
                    "id": call,
                    "type": "function",
                    "function": {"name": "open_index_0", "arguments": arguments},
                }
            ],
        }
        yield {"role": "tool", "tool_call_id": call, "content": _code(rng, code_bytes // _TURNS)}


def _code(rng: random.Random, wanted: int) -> str:
    """Source text of `wanted` characters, with a quote every dozen or so."""
    lines: list[str] = []
    length = 0
    while length < wanted:
        noun, verb, number = rng.choice(_NOUNS), rng.choice(_VERBS), rng.randrange(10_000)
        line = rng.choice(
            (
                f'    "{noun}_{number}": {{"kind": "{verb}", "path": "src/{noun}.py"}},',
                f'    log.info("{verb} %s: %d", "{noun}", {number})',
                f"    if {noun}.state == '{verb}' and not {noun}.is_closed:",
                f'        raise ValueError(f"cannot {verb} \\"{{{noun}}}\\" ({number})")',
                f'  {{"id": "{number:06x}", "name": "{noun}", "tags": ["{verb}", "a", "b"]}},',
            )
        )
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines)[:wanted]
