"""Events into bytes, in every style; read back they are the same."""

import json
from itertools import pairwise

import pytest

from codegate.mock.sse import BAD_UTF8_MARK, Event, Kind, Style, encode_json
from tests.unit.mock.raw import read_events

EVENTS = [
    Event({"n": 1, "text": "a\nb"}, name="first"),
    Event({"n": 2, "nested": {"a": [1, 2]}}, name="second", kind=Kind.DELTA),
    Event({"n": 3}),
    Event({"n": 4}),
    Event(b"[DONE]", kind=Kind.END),
]
STYLES = {
    "plain": Style(),
    "crlf": Style(eols=((b"\r\n", b"\r\n"),)),
    "cr": Style(eols=((b"\r", b"\r"),)),
    "mixed": Style(eols=((b"\r\n", b"\n"), (b"\n", b"\r"), (b"\r", b"\r\n"))),
    "bom": Style(has_bom=True),
    "comments": Style(comments=True),
    "ids": Style(ids=True),
    "lines": Style(splits_data=True),
    "all": Style(
        eols=((b"\r\n", b"\n"), (b"\r", b"\r\n")),
        has_bom=True,
        comments=True,
        ids=True,
        splits_data=True,
    ),
}


def encoded(style: Style, events: list[Event]) -> bytes:
    return b"".join(data for _, data in style.encode(events))


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())
def test_every_style_says_the_same(style: Style) -> None:
    found = list(read_events(encoded(style, EVENTS)))
    assert [name for name, _ in found] == ["first", "second", "", "", ""]
    assert [json.loads(data) for _, data in found[:-1]] == [
        event.payload for event in EVENTS if not isinstance(event.payload, bytes)
    ]
    assert found[-1][1] == "[DONE]"


def test_styles_differ_in_bytes() -> None:
    assert len({encoded(style, EVENTS) for style in STYLES.values()}) == len(STYLES)


def test_what_vendors_send() -> None:
    assert encoded(Style(), EVENTS[2:3] + EVENTS[4:]) == b'data: {"n":3}\n\ndata: [DONE]\n\n'
    assert encoded(Style(), EVENTS[:1]) == b'event: first\ndata: {"n":1,"text":"a\\nb"}\n\n'


def test_mixed_ends_never_meet() -> None:
    eols = STYLES["mixed"].eols
    ends = [end for pair in (*eols, eols[0]) for end in pair]
    assert not any(first == b"\r" and second == b"\n" for first, second in pairwise(ends))


def test_last_event_without_blank_line() -> None:
    data = encoded(Style(has_final_blank=False), EVENTS[2:4])
    assert data == b'data: {"n":3}\n\ndata: {"n":4}\n'


def test_a_repeated_event_is_the_same_bytes() -> None:
    repeated = [EVENTS[2]] * 1000
    assert encoded(Style(has_final_blank=False), repeated) == b'data: {"n":3}\n\n' * 999 + (
        b'data: {"n":3}\n'
    )


def test_marked_text_is_not_utf8() -> None:
    data = encode_json({"text": f"a{BAD_UTF8_MARK}"})
    with pytest.raises(UnicodeDecodeError):
        data.decode()
    assert json.loads(data.decode(errors="ignore"))["text"].startswith("a")
