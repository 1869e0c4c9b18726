"""Faults inside a stream: what the events say, their order and how they are written."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, zip_longest

from codegate.mock.draft import Draft
from codegate.mock.faults.table import Fault
from codegate.mock.formats.base import RefusalError
from codegate.mock.reply import TextPart
from codegate.mock.sse import BAD_UTF8_MARK, Event, Kind, Payload, encode_json
from codegate.mock.steps import Data, Step

_OVERLOADED = RefusalError(529, "Overloaded")
_BUSY_PACE = 0.01
# The members that hold a delta's text in one format or another.
_TEXT_MEMBERS = ("text", "partial_json", "thinking", "content", "arguments", "reasoning_content")
_HUGE = 2**63


def json_for_stream(draft: Draft) -> None:
    """Ignore that a stream was asked for."""
    draft.is_streaming = False


def sse_for_json(draft: Draft) -> None:
    """Stream although nobody asked."""
    draft.is_streaming = draft.reply is not None


def deltas(draft: Draft, n: int) -> None:
    """Cut texts into n pieces."""
    if draft.reply is not None:
        draft.reply = replace(draft.reply, deltas=n)


def pace(draft: Draft, ms: int) -> None:
    """Wait between deltas."""
    draft.pace = ms / 1000


def error_first_event(draft: Draft) -> None:
    """Overloaded, told inside a 200 stream."""
    if not draft.is_streaming:
        draft.refuse(_OVERLOADED)
        return
    draft.event_edits.append(lambda events: iter((draft.format.error_event(_OVERLOADED),)))


def error_after(draft: Draft, n: int) -> None:
    """n events, then an error event."""
    if not draft.is_streaming:
        draft.refuse(_OVERLOADED)
        return
    error = draft.format.error_event(_OVERLOADED)
    draft.event_edits.append(lambda events: chain(_take(events, n), (error,)))


def _take(events: Iterator[Event], n: int) -> Iterator[Event]:
    return (event for _, event in zip(range(n), events, strict=False))


def eof_after_finish(draft: Draft) -> None:
    """Leave out the terminal marker."""
    draft.event_edits.append(
        lambda events: (event for event in events if event.kind is not Kind.END)
    )


def duplicate_end(draft: Draft) -> None:
    """The terminal marker twice, and an old delta after it."""

    def edit(events: Iterator[Event]) -> Iterator[Event]:
        late: Event | None = None
        for event in events:
            yield event
            if event.kind is Kind.DELTA:
                late = event
            elif event.kind is Kind.END:
                yield event
                if late is not None:
                    yield late

    draft.event_edits.append(edit)


def keep_sending(draft: Draft, s: int) -> None:
    """Go on after the terminal marker."""
    draft.pace = max(draft.pace, _BUSY_PACE)

    def edit(events: Iterator[Event]) -> Iterator[Event]:
        late: Event | None = None
        for event in events:
            yield event
            if event.kind is Kind.DELTA:
                late = event
        end = time.monotonic() + s
        while late is not None and time.monotonic() < end:
            yield late

    draft.event_edits.append(edit)


def busy(draft: Draft) -> None:
    """Never come to an end."""
    draft.pace = max(draft.pace, _BUSY_PACE)
    draft.event_edits.append(lambda events: _repeat_delta(events, None))


def many_events(draft: Draft, n: int) -> None:
    """One delta n times, as fast as the client reads."""
    draft.joins_events = True
    draft.event_edits.append(lambda events: _repeat_delta(events, n))


def _repeat_delta(events: Iterator[Event], count: int | None) -> Iterator[Event]:
    is_open = True
    for event in events:
        if event.kind is not Kind.DELTA or not is_open:
            yield event
            continue
        is_open = False
        sent = 0
        while count is None or sent < count:
            yield event
            sent += 1


def event_of(draft: Draft, n: int) -> None:
    """One text of n characters in one delta."""
    if draft.reply is None:
        return
    line = "All work and no play makes a dull answer. "
    text = (line * (n // len(line) + 1))[:n]
    draft.reply = replace(draft.reply, parts=(TextPart(text),), stop="end", deltas=1)


def bad_json_at(draft: Draft, k: int) -> None:
    """The k-th event (or the document) breaks off in the middle."""
    if draft.is_streaming:
        draft.event_edits.append(lambda events: _spoil(events, k, _halve))
    else:
        draft.body_edits.append(lambda steps: (_halve_data(step) for step in steps))


def _halve(payload: Payload | bytes) -> bytes:
    data = payload if isinstance(payload, bytes) else encode_json(payload)
    return data[: len(data) // 2]


def _halve_data(step: Step) -> Step:
    return Data(step.data[: len(step.data) // 2]) if isinstance(step, Data) else step


def bad_utf8_at(draft: Draft, k: int) -> None:
    """Invalid bytes inside a text, in the k-th event or the next one that has a text."""
    if draft.is_streaming:
        draft.event_edits.append(lambda events: _spoil(events, k, _mark))
    else:
        draft.payload_edits.append(lambda payload: _mark(payload) or payload)


def _mark(payload: Payload | bytes) -> Payload | None:
    """A copy with the mark in its first text, None when it has none."""
    if isinstance(payload, bytes):
        return None
    for name, value in payload.items():
        if isinstance(value, str) and value and name in _TEXT_MEMBERS:
            return {**payload, name: value + BAD_UTF8_MARK}
        inner = value if isinstance(value, list) else [value]
        for index, item in enumerate(inner):
            marked = _mark(item) if isinstance(item, dict) else None
            if marked is not None:
                changed = [*inner[:index], marked, *inner[index + 1 :]]
                return {**payload, name: changed if isinstance(value, list) else marked}
    return None


def _spoil(
    events: Iterator[Event], k: int, spoil: Callable[[Payload | bytes], Payload | bytes | None]
) -> Iterator[Event]:
    is_done = False
    for number, event in enumerate(events, 1):
        spoilt = spoil(event.payload) if number >= k and not is_done else None
        if spoilt is not None:
            is_done = True
            event = replace(event, payload=spoilt)
        yield event


def interleave(draft: Draft) -> None:
    """The parts of the answer at the same time instead of one after the other."""

    def edit(events: Iterator[Event]) -> Iterator[Event]:
        blocks: dict[int, list[Event]] = {}
        rest: list[Event] = []
        for event in events:
            if event.block is not None:
                blocks.setdefault(event.block, []).append(event)
            elif not blocks:
                yield event
            elif event.kind is not Kind.OTHER or rest:
                rest.append(event)
        for row in zip_longest(*blocks.values()):
            yield from (event for event in row if event is not None)
        yield from rest

    draft.event_edits.append(edit)


def unknown_event(draft: Draft) -> None:
    """Events of a type nobody knows, at the start and before each delta."""

    def edit(events: Iterator[Event]) -> Iterator[Event]:
        stranger = draft.format.unknown_event()
        yield stranger
        for event in events:
            if event.kind is Kind.DELTA:
                yield stranger
            yield event

    draft.event_edits.append(edit)


def unknown_fields(draft: Draft) -> None:
    """Members nobody knows in every document."""
    draft.payload_edits.append(
        lambda payload: {**payload, "x_new_member": {"nested": [1, 2.50, None]}}
    )


def usage_missing(draft: Draft) -> None:
    """No usage member anywhere."""

    def edit(payload: Payload) -> Payload:
        kept = {name: value for name, value in payload.items() if name != "usage"}
        message = kept.get("message")
        return {**kept, "message": edit(message)} if isinstance(message, dict) else kept

    draft.payload_edits.append(edit)


def _with_counts(change: Callable[[int], object]) -> Callable[[Draft], None]:
    """A fault that changes every number of every usage."""

    def edit_numbers(value: object) -> object:
        if isinstance(value, dict):
            return {name: edit_numbers(inner) for name, inner in value.items()}
        return change(value) if type(value) is int else value

    def edit(payload: Payload) -> Payload:
        changed: Payload = {}
        for name, value in payload.items():
            if name == "usage":
                value = edit_numbers(value)
            elif name == "message" and isinstance(value, dict):
                value = edit(value)
            changed[name] = value
        return changed

    return lambda draft: draft.payload_edits.append(edit)


def crlf(draft: Draft) -> None:
    """CRLF line ends."""
    draft.style.eols = ((b"\r\n", b"\r\n"),)


def cr(draft: Draft) -> None:
    """CR line ends."""
    draft.style.eols = ((b"\r", b"\r"),)


def mixed_eol(draft: Draft) -> None:
    """All three in turn; no CR meets an LF that ends another line."""
    draft.style.eols = ((b"\r\n", b"\n"), (b"\n", b"\r"), (b"\r", b"\r\n"))


def bom(draft: Draft) -> None:
    """A byte order mark first."""
    draft.style.has_bom = True


def no_final_blank(draft: Draft) -> None:
    """The last event lacks its blank line."""
    draft.style.has_final_blank = False


def multi_data_lines(draft: Draft) -> None:
    """Each event's JSON over several data lines."""
    draft.style.splits_data = True


def comments(draft: Draft) -> None:
    """A comment before each event."""
    draft.style.comments = True


def id_retry_lines(draft: Draft) -> None:
    """id and retry lines in each event."""
    draft.style.ids = True


FAULTS = (
    Fault("json-for-stream", "A JSON document although a stream was asked for.", json_for_stream),
    Fault("sse-for-json", "A stream although JSON was asked for.", sse_for_json),
    Fault("deltas-<n>", "Texts come in n deltas.", deltas),
    Fault("pace-<ms>", "That long between deltas.", pace),
    Fault(
        "error-first-event", "The stream's only event is an overloaded error.", error_first_event
    ),
    Fault("error-after-<n>", "n events, then an overloaded error event.", error_after),
    Fault("eof-after-finish", "A finish reason, but no terminal marker.", eof_after_finish),
    Fault("duplicate-end", "The terminal marker twice, then an old delta.", duplicate_end),
    Fault("keep-sending-<s>", "Deltas for s seconds after the terminal marker.", keep_sending),
    Fault("busy", "A delta every 10 ms, for ever.", busy),
    Fault("many-events-<n>", "A small delta n times, without a pause.", many_events),
    Fault("event-of-<bytes>", "One delta with a text of that size.", event_of),
    Fault("bad-json-at-<k>", "The k-th event's JSON breaks off.", bad_json_at),
    Fault(
        "bad-utf8-at-<k>", "Invalid UTF-8 in the first text from the k-th event on.", bad_utf8_at
    ),
    Fault("interleave", "The deltas of all parts in turn.", interleave),
    Fault("unknown-event", "Events of an unknown type in between.", unknown_event),
    Fault("unknown-fields", "Unknown members in every document.", unknown_fields),
    Fault("usage-missing", "No usage anywhere.", usage_missing),
    Fault("usage-negative", "Negative token counts.", _with_counts(lambda n: -1)),
    Fault("usage-float", "Token counts with a fraction.", _with_counts(lambda n: 12.5)),
    Fault("usage-string", "Token counts as text.", _with_counts(str)),
    Fault("usage-huge", "Token counts of 2^63.", _with_counts(lambda n: _HUGE)),
    Fault("crlf", "Lines end with CRLF.", crlf),
    Fault("cr", "Lines end with CR.", cr),
    Fault("mixed-eol", "Lines end with CRLF, LF and CR in turn.", mixed_eol),
    Fault("bom", "The stream begins with a byte order mark.", bom),
    Fault("no-final-blank", "The last event lacks its blank line.", no_final_blank),
    Fault("multi-data-lines", "Each event's JSON spreads over data lines.", multi_data_lines),
    Fault("comments", "A comment before each event.", comments),
    Fault("id-retry-lines", "`id:` and `retry:` lines in each event.", id_retry_lines),
)
