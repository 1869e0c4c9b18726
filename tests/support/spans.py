"""What may differ between what came in and what goes out, worked out byte for byte.

Request: the value of ``model`` where it is mapped, and the ``include_usage`` that a Chat stream is
asked to carry. Response: a leading byte order mark, the usage chunk that was asked for on the
proxy's own account, whatever follows the terminal event, and what an error event of the proxy's
own takes the place of. Everything here is written from the protocols' rules, apart from the
product's own code, so that the two can disagree.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

BOM = b"\xef\xbb\xbf"
_SPACE = re.compile(r"[ \t\r\n]*")
_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n)")

Ending = Literal["terminal", "error_event", "no_marker", "own_error", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a JSON object: its name, and where its value stands in the text."""

    name: str
    start: int
    end: int


def members(text: str, start: int = 0) -> tuple[int, list[Member]]:
    """Where the inside of the object at ``start`` begins, and its members in order."""
    at = _skip(text, start)
    assert text[at] == "{"
    inside = at = at + 1
    found = []
    at = _skip(text, at)
    while text[at] != "}":
        key, at = json.JSONDecoder().raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        _, end = json.JSONDecoder().raw_decode(text, at)
        found.append(Member(name=key, start=at, end=end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return inside, found


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBody:
    """The body that must reach the upstream."""

    body: bytes
    usage_added: bool


def sent_body(wire_format: str, body: bytes, model: str | None = None) -> SentBody:
    """The client's ``body`` with the declared edits for a target that calls the model ``model``."""
    text = body.decode("utf-8")
    inside, top = members(text)
    cuts: list[tuple[int, int, str]] = []
    if model is not None:
        quoted = json.dumps(model, ensure_ascii=False)
        cuts += [(m.start, m.end, quoted) for m in top if m.name == "model"]
    usage = _usage_cut(text, inside, top) if wire_format == "openai_chat" else None
    if usage is not None:
        cuts.append(usage)
    for start, end, value in sorted(cuts, reverse=True):
        text = text[:start] + value + text[end:]
    return SentBody(body=text.encode("utf-8"), usage_added=usage is not None)


def _usage_cut(text: str, inside: int, top: list[Member]) -> tuple[int, int, str] | None:
    value = json.loads(text)
    if value.get("stream") is not True:
        return None
    options = value.get("stream_options")
    place = next((m for m in top if m.name == "stream_options"), None)
    if place is None:
        return inside, inside, '"stream_options":{"include_usage":true},'
    if options is None:
        return place.start, place.end, '{"include_usage":true}'
    if not isinstance(options, dict) or options.get("include_usage") is True:
        return None
    within, nested = members(text, place.start)
    known = next((m for m in nested if m.name == "include_usage"), None)
    if known is not None:
        return known.start, known.end, "true"
    return within, within, '"include_usage":true' + ("," if nested else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One event with its blank line, or what the end of the stream left of one."""

    raw: bytes
    event: bytes
    data: bytes
    has_blank_line: bool


def frames(stream: bytes) -> list[Frame]:
    """The frames of a stream without a byte order mark, by the rules of server-sent events."""
    found, start, at = [], 0, 0
    lines: list[bytes] = []
    for match in _LINE.finditer(stream):
        at = match.end()
        if match.group(1):
            lines.append(match.group(1))
            continue
        found.append(_frame(stream[start:at], lines, has_blank_line=True))
        start, lines = at, []
    if start < len(stream):
        rest = stream[at:]
        found.append(
            _frame(stream[start:], [*lines, rest] if rest else lines, has_blank_line=False)
        )
    return found


def _frame(raw: bytes, lines: list[bytes], *, has_blank_line: bool) -> Frame:
    event, data = b"", []
    for line in lines:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            event = value
        elif name == b"data":
            data.append(value)
    return Frame(raw=raw, event=event, data=b"\n".join(data), has_blank_line=has_blank_line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relayed:
    """What must reach the client of a stream.

    ``body`` is all of it, but for an error event of the proxy's own where ``ending`` is
    ``own_error``. ``refused`` means an error answer instead of a stream.
    """

    body: bytes
    ending: Ending


def relayed(wire_format: str, stream: bytes, *, usage_added: bool) -> Relayed:
    """The bytes of ``stream`` that go down, and how the stream to the client ends."""
    kept = b""
    is_begun = is_finished = False
    for frame in frames(stream.removeprefix(BOM)):
        value = _json(frame.data)
        if not frame.data.strip() or (value is None and frame.data.strip() != b"[DONE]"):
            if not frame.has_blank_line:
                continue
            if frame.data.strip() and not is_begun:
                return Relayed(body=b"", ending="refused")
            kept += frame.raw
            continue
        if _is_error(wire_format, frame, value):
            if not is_begun:
                return Relayed(body=b"", ending="refused")
            blank = b"" if frame.has_blank_line else b"\n\n"
            return Relayed(body=kept + frame.raw + blank, ending="error_event")
        if _is_terminal(wire_format, frame, value):
            return Relayed(body=kept + frame.raw, ending="terminal")
        if usage_added and _is_usage_chunk(value):
            continue
        kept += frame.raw
        is_begun = is_begun or _kind(wire_format, frame, value) != "ping"
        is_finished = is_finished or _is_finish(wire_format, frame, value)
    if not is_begun:
        return Relayed(body=b"", ending="refused")
    return Relayed(body=kept, ending="no_marker" if is_finished else "own_error")


def _json(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except ValueError:
        return None


def _kind(wire_format: str, frame: Frame, value: Any) -> str:
    if wire_format != "anthropic_messages" or not isinstance(value, dict):
        return ""
    kind = value.get("type")
    return kind if isinstance(kind, str) else frame.event.decode("utf-8", "replace")


def _is_error(wire_format: str, frame: Frame, value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    is_named = frame.event == b"error" or _kind(wire_format, frame, value) == "error"
    return is_named or value.get("object") == "error" or bool(value.get("error"))


def _is_terminal(wire_format: str, frame: Frame, value: Any) -> bool:
    if wire_format == "anthropic_messages":
        return _kind(wire_format, frame, value) == "message_stop"
    return frame.data.strip() == b"[DONE]"


def _is_finish(wire_format: str, frame: Frame, value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if wire_format == "anthropic_messages":
        delta = value.get("delta")
        is_last = _kind(wire_format, frame, value) == "message_delta"
        return is_last and isinstance(delta, dict) and isinstance(delta.get("stop_reason"), str)
    choices = value.get("choices")
    return isinstance(choices, list) and any(
        isinstance(c, dict) and isinstance(c.get("finish_reason"), str) and bool(c["finish_reason"])
        for c in choices
    )


def _is_usage_chunk(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("usage"), dict):
        return False
    return not value.get("choices")
