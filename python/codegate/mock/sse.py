"""Server-sent events: the events of an answer and the ways to put them into bytes."""

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson

Payload = dict[str, object]

# A private-use character that stands for bytes which no JSON encoder would emit.
BAD_UTF8_MARK = "\ue0ff"
_BAD_UTF8_BYTES = b"\xff\xc3\x28"


class Kind(enum.Enum):
    """What an event is in its answer, whatever the wire format calls it."""

    START = "start"
    DELTA = "delta"
    FINISH = "finish"
    END = "end"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `payload` is JSON, or bytes that are sent as they are.

    `block` numbers the part of the answer that the event belongs to, None for the answer itself.
    """

    payload: Payload | bytes
    name: str | None = None
    kind: Kind = Kind.OTHER
    block: int | None = None


# The line end and the end of the blank line, for the n-th event. Each pair, and each two pairs in
# a row, must not join a CR and an LF that end two lines.
EolPair = tuple[bytes, bytes]
_LF: EolPair = (b"\n", b"\n")


@dataclass(slots=True, kw_only=True)
class Style:
    """How events become bytes; the default is what the vendors send."""

    eols: tuple[EolPair, ...] = (_LF,)
    has_bom: bool = False
    splits_data: bool = False
    comments: bool = False
    ids: bool = False
    has_final_blank: bool = True

    def encode(self, events: Iterable[Event]) -> Iterator[tuple[Event, bytes]]:
        """Each event with its bytes, in order; a comment belongs to the event behind it."""
        previous: Event | None = None
        encoded = b""
        is_plain = len(self.eols) == 1 and not (self.comments or self.ids or self.has_bom)
        iterator = iter(events)
        event = next(iterator, None)
        number = 0
        while event is not None:
            following = next(iterator, None)
            is_last = following is None
            # A flood repeats one event; encoding it once keeps the flood fast.
            if event is not previous or not is_plain or is_last:
                encoded = self._encode_one(event, number, is_last=is_last)
            yield event, encoded
            previous, event = event, following
            number += 1

    def _encode_one(self, event: Event, number: int, *, is_last: bool) -> bytes:
        line_end, blank_end = self.eols[number % len(self.eols)]
        lines: list[bytes] = []
        if self.ids:
            lines += [b"id: %d" % number, b"retry: 1000"]
        if event.name is not None:
            lines.append(b"event: " + event.name.encode())
        lines += [b"data: " + line for line in self._data_lines(event)]
        prefix = b"\xef\xbb\xbf" if self.has_bom and number == 0 else b""
        if self.comments:
            prefix += b": keep-alive" + line_end + blank_end
        end = b"" if is_last and not self.has_final_blank else blank_end
        return prefix + line_end.join(lines) + line_end + end

    def _data_lines(self, event: Event) -> list[bytes]:
        if isinstance(event.payload, bytes):
            return [event.payload]
        if self.splits_data:
            return orjson.dumps(event.payload, option=orjson.OPT_INDENT_2).split(b"\n")
        return [encode_json(event.payload)]


def encode_json(payload: object) -> bytes:
    """JSON on one line; marked places become bytes that are not UTF-8."""
    return orjson.dumps(payload).replace(BAD_UTF8_MARK.encode(), _BAD_UTF8_BYTES)
