"""Lines in a user message that script the answer: `mock:say`, `mock:tool`, `mock:think`, …

The last user message that carries any decides. The line `mock:then` starts the answer to give
once the tools of the part before it have been run.
"""

import json
import re
from dataclasses import dataclass

import orjson

from codegate.mock.prompt import Prompt, Turn

_LINE = re.compile(
    r"^[ \t]*mock:(say|tool|think|usage|then)\b[ \t]*(.*)$",
    re.MULTILINE,
)
_TOOL_NAME = re.compile(r"(\S+)[ \t]*(.*)", re.DOTALL)
_USAGE_MEMBERS = ("input", "output", "cache_read", "cache_write")
_LAST_RESULT = "{{last_result}}"
_USAGE_LIMIT = 2**62


class DirectiveError(Exception):
    """A directive that cannot be read; the text names the line."""


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


@dataclass(frozen=True, slots=True)
class Say:
    """Answer with `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class Think:
    """Show `text` as the model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """Call the tool `name`."""

    name: str
    arguments: dict[str, object]


Directive = Say | Think | Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The answers of one user message, in order, and the usage figures to report."""

    steps: tuple[tuple[Directive, ...], ...]
    usage: dict[str, int]
    turn: int


def find_script(prompt: Prompt) -> Script | None:
    """The script of the last user message that has one. Raises DirectiveError.

    A script ends with the answer that calls no tool: what the user says later is not part of it.
    """
    has_later_text = False
    for index in range(len(prompt.turns) - 1, -1, -1):
        turn = prompt.turns[index]
        if turn.role == "user":
            script = _read(turn, index, prompt.last_result)
            if script is not None:
                return script
            has_later_text = has_later_text or bool(turn.texts)
        elif turn.role == "assistant" and not turn.call_ids and has_later_text:
            return None
    return None


def _read(turn: Turn, index: int, last_result: str) -> Script | None:
    steps: list[list[Directive]] = [[]]
    usage: dict[str, int] = {}
    found = False
    for text in turn.texts:
        for match in _LINE.finditer(text):
            found = True
            word, rest = match[1], match[2]
            if word == "then":
                steps.append([])
            elif word == "usage":
                usage.update(_usage(rest))
            else:
                steps[-1].append(_directive(word, rest, last_result))
    if not found:
        return None
    return Script(steps=tuple(tuple(step) for step in steps), usage=usage, turn=index)


def _directive(word: str, rest: str, last_result: str) -> Directive:
    if word == "tool":
        match = _TOOL_NAME.match(rest)
        if match is None:
            raise DirectiveError("mock:tool wants a tool name and a JSON object")
        arguments = _fill(_value(match[2] or "{}", "mock:tool"), last_result)
        if not isinstance(arguments, dict):
            raise DirectiveError("mock:tool wants a JSON object after the name")
        return Call(match[1], arguments)
    text = _fill(_value(rest, f"mock:{word}"), last_result)
    if not isinstance(text, str):
        raise DirectiveError(f"mock:{word} wants a JSON string")
    return Say(text) if word == "say" else Think(text)


def _usage(rest: str) -> dict[str, int]:
    members = _value(rest, "mock:usage")
    if not isinstance(members, dict) or not set(members) <= set(_USAGE_MEMBERS):
        raise DirectiveError(f"mock:usage wants an object with {', '.join(_USAGE_MEMBERS)}")
    if not all(type(n) is int and 0 <= n < _USAGE_LIMIT for n in members.values()):
        raise DirectiveError("mock:usage wants whole numbers from 0 to 2^62")
    return members


def _value(text: str, where: str) -> object:
    # A client may close its wrapping tag on the same line, so text after the value is left alone.
    try:
        value: object = _JSON.raw_decode(text.strip())[0]
        # What cannot be sent is refused here: lone surrogates, integers over 64 bits.
        orjson.dumps(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise DirectiveError(f"{where}: {error}") from None
    return value


def _fill(value: object, last_result: str) -> object:
    if isinstance(value, str):
        return value.replace(_LAST_RESULT, last_result)
    if isinstance(value, list):
        return [_fill(item, last_result) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, last_result) for key, item in value.items()}
    return value
