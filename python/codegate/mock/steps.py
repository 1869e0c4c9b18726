"""What is sent for one answer, as a list of steps, and the wire that carries them out.

An answer is data: a head, body pieces, pauses and ways to break off. A fault therefore edits a
list and never touches a socket, and HTTP/1.1 and HTTP/2 play the same script.
"""

import asyncio
import enum
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

Header = tuple[str, str]

# Steps between two pauses are joined into writes of about this size.
_WRITE_BYTES = 64 * 1024


class Framing(enum.Enum):
    """How HTTP/1.1 marks the end of a body; HTTP/2 has its own and ignores this."""

    LENGTH = "length"
    CHUNKED = "chunked"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Status line and headers. `raw_lines` go out as they are, also when they are not HTTP.

    With a `pace` above zero HTTP/1.1 sends it byte by byte, that many seconds apart.
    """

    status: int = 200
    headers: tuple[Header, ...] = ()
    framing: Framing = Framing.LENGTH
    chunk_extension: bytes = b""
    raw_lines: tuple[bytes, ...] = ()
    pace: float = 0.0

    def with_headers(self, *headers: Header) -> "Head":
        """A copy with `headers` set; an earlier header of the same name is replaced."""
        names = {name for name, _ in headers}
        kept = tuple(pair for pair in self.headers if pair[0] not in names)
        return replace(self, headers=kept + headers)

    def without_header(self, name: str) -> "Head":
        """A copy that lacks the header `name` (lower case)."""
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0] != name))


@dataclass(frozen=True, slots=True)
class Data:
    """Body bytes; on HTTP/1.1 with chunked framing each `Data` is one chunk."""

    data: bytes
    is_event: bool = False


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes written outside any framing. HTTP/2 has no such place and leaves them out."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Send what is pending, then wait. Zero seconds only sends."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Send what is pending, then nothing until the client leaves."""


@dataclass(frozen=True, slots=True)
class Reset:
    """TCP reset (RST_STREAM on HTTP/2) after what is pending."""


@dataclass(frozen=True, slots=True)
class Close:
    """Orderly close of the connection after what is pending."""


@dataclass(frozen=True, slots=True)
class Decline:
    """The request is not processed and may be sent again. HTTP/2 says so, for the stream or for
    it and the connection; HTTP/1.1 can only close without an answer."""

    with_connection: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """The body is complete."""

    trailers: tuple[Header, ...] = ()


Step = Head | Data | Raw | Pause | Silence | Reset | Close | Decline | End


class ClientGoneError(Exception):
    """The client closed the connection or the stream; nothing more can be sent."""


@dataclass(slots=True)
class Progress:
    """What has been sent so far; `is_ended` once the body is complete."""

    status: int | None = None
    events: int = 0
    body_bytes: int = 0
    is_ended: bool = False
    is_broken_off: bool = False


@dataclass(slots=True)
class Departure:
    """Tells when the client left; `at` is `time.monotonic()` seconds."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    at: float | None = None

    def mark(self) -> None:
        """Note that the client is gone; the first call counts."""
        if self.at is None:
            self.at = time.monotonic()
            self.event.set()


class Wire(ABC):
    """One exchange on one connection. The `put_…` methods only queue bytes.

    `is_local` tells that the client is on the same machine.
    """

    connection: int
    departure: Departure
    is_local: bool

    @abstractmethod
    def open(self, head: Head) -> bytes:
        """Frame later body bytes as `head` says. Returns the head's bytes, to be put raw."""

    @abstractmethod
    def put_data(self, data: bytes) -> int:
        """Queue body bytes and return how many bytes wait to be flushed."""

    @abstractmethod
    def put_raw(self, data: bytes) -> None:
        """Queue bytes outside the framing."""

    @abstractmethod
    def put_end(self, trailers: tuple[Header, ...]) -> None:
        """Queue the end of the body."""

    @abstractmethod
    async def flush(self) -> None:
        """Hand over what is queued and wait while the client reads too slowly.

        Raises ClientGoneError when the client had left before.
        """

    @abstractmethod
    def reset(self) -> None:
        """Break off at once."""

    @abstractmethod
    def close(self) -> None:
        """Close in order."""

    @abstractmethod
    def decline(self, *, with_connection: bool) -> None:
        """Leave the request unprocessed, see `Decline`."""

    async def pause(self, seconds: float | None) -> None:
        """Wait `seconds`, None for ever. Raises ClientGoneError as soon as the client leaves."""
        await self.flush()
        if seconds is not None and seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self.departure.event.wait()
        except TimeoutError:
            return
        raise ClientGoneError


async def _play_head(head: Head, wire: Wire) -> None:
    data = wire.open(head)
    if head.pace <= 0:
        wire.put_raw(data)
        return
    for byte in data:
        wire.put_raw(bytes((byte,)))
        await wire.pause(head.pace)


def _break_off(step: Reset | Close | Decline, wire: Wire) -> None:
    match step:
        case Reset():
            wire.reset()
        case Close():
            wire.close()
        case Decline():
            wire.decline(with_connection=step.with_connection)


async def play(steps: Iterable[Step], wire: Wire, progress: Progress) -> None:
    """Carry out `steps` and keep `progress` current. Raises ClientGoneError."""
    waiting = 0
    for step in steps:
        match step:
            case Data():
                if waiting > _WRITE_BYTES:
                    await wire.flush()
                    # A fast reader never makes the flush wait; others want their turn too.
                    await asyncio.sleep(0)
                waiting = wire.put_data(step.data)
                progress.events += step.is_event
                progress.body_bytes += len(step.data)
            case Pause():
                await wire.pause(step.seconds)
            case Head():
                progress.status = step.status
                await _play_head(step, wire)
            case Raw():
                wire.put_raw(step.data)
            case End():
                wire.put_end(step.trailers)
                await wire.flush()
                progress.is_ended = True
            case Silence():
                await wire.pause(None)
            case Reset() | Close() | Decline():
                await wire.flush()
                progress.is_broken_off = True
                _break_off(step, wire)
                return
    await wire.flush()
