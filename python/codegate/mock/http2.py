"""HTTP/2 over TLS, through the h2 library: the same requests and steps as on HTTP/1.1.

Faults in HTTP/1.1 framing have no place here and show nothing. A reset ends the stream, a close
the connection.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from codegate.mock.connection import Connection, Handle, Host
from codegate.mock.request import BadRequestError, HttpRequest, RequestHead
from codegate.mock.steps import ClientGoneError, Departure, Head, Header, Wire

_HTTP1_ONLY = frozenset({"connection", "transfer-encoding", "keep-alive"})


class AlpnGate(asyncio.Protocol):
    """Hands a TLS connection to the protocol that both sides agreed on."""

    def __init__(
        self, http1: Callable[[], asyncio.Protocol], http2: Callable[[], asyncio.Protocol]
    ) -> None:
        self._http1 = http1
        self._http2 = http2

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once the TLS handshake is over."""
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        chosen = self._http2() if tls.selected_alpn_protocol() == "h2" else self._http1()
        cast(asyncio.Transport, transport).set_protocol(chosen)
        chosen.connection_made(transport)


class Http2Wire(Wire):
    """One stream."""

    def __init__(self, owner: "Http2Connection", stream: int) -> None:
        self.connection = owner.number
        self.departure = Departure()
        self.is_local = owner.is_local
        self._owner = owner
        self._stream = stream
        self._pending = bytearray()
        self._is_ending = False
        self._trailers: tuple[Header, ...] = ()
        self._window = asyncio.Event()

    def wake(self) -> None:
        """The client takes more bytes, or is gone."""
        self._window.set()

    def open(self, head: Head) -> bytes:
        """The head goes out as a frame, so there are no bytes to pace."""
        headers = [(":status", str(head.status))]
        headers += [pair for pair in head.headers if pair[0] not in _HTTP1_ONLY]
        if self.departure.at is None:
            self._owner.h2.send_headers(self._stream, headers)
        return b""

    def put_data(self, data: bytes) -> int:
        """Queue for `flush`, which knows the window."""
        self._pending += data
        return len(self._pending)

    def put_raw(self, data: bytes) -> None:
        """Nothing stands outside the frames."""

    def put_end(self, trailers: tuple[Header, ...]) -> None:
        """END_STREAM, on the trailers if there are any."""
        self._is_ending = True
        self._trailers = trailers

    async def flush(self) -> None:
        """Send as the client's windows allow."""
        h2 = self._owner.h2
        while True:
            if self.departure.at is not None:
                raise ClientGoneError
            if not self._pending:
                break
            self._window.clear()
            room = min(h2.local_flow_control_window(self._stream), h2.max_outbound_frame_size)
            if room > 0:
                h2.send_data(self._stream, bytes(self._pending[:room]))
                del self._pending[:room]
            self._owner.send()
            if room <= 0:
                await self._window.wait()
        if self._is_ending:
            self._is_ending = False
            if self._trailers:
                h2.send_headers(self._stream, list(self._trailers), end_stream=True)
            else:
                h2.end_stream(self._stream)
        self._owner.send()
        await self._owner.drain()

    def reset(self) -> None:
        """RST_STREAM."""
        self._owner.h2.reset_stream(self._stream, ErrorCodes.INTERNAL_ERROR)
        self._owner.send()

    def close(self) -> None:
        """GOAWAY, then the end of the connection, whatever else runs on it."""
        self._owner.go_away(None)

    def decline(self, *, with_connection: bool) -> None:
        """REFUSED_STREAM, or a GOAWAY that leaves this stream out."""
        if with_connection:
            self._owner.go_away(max(0, self._stream - 2))
        else:
            self._owner.h2.reset_stream(self._stream, ErrorCodes.REFUSED_STREAM)
            self._owner.send()


class Http2Connection(Connection):
    """One HTTP/2 connection; each request is served in a task of its own."""

    def __init__(self, host: Host, handle: Handle) -> None:
        super().__init__(host, handle)
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._heads: dict[int, RequestHead] = {}
        self._bodies: dict[int, bytearray] = {}
        self._wires: dict[int, Http2Wire] = {}

    def begin(self) -> None:
        """Send the settings."""
        self.h2.initiate_connection()
        self.send()

    def send(self) -> None:
        """Write what h2 has prepared."""
        data = self.h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def go_away(self, last_stream: int | None) -> None:
        """GOAWAY with the last stream that was taken up, then the end of the connection."""
        self.h2.close_connection(last_stream_id=last_stream)
        self.send()
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Let h2 read it."""
        try:
            for event in self.h2.receive_data(data):
                self._on_event(event)
        except ProtocolError as error:
            self._host.malformed(self, None, BadRequestError(400, str(error)))
            self.send()
            self.transport.close()
            return
        self.send()

    def leave(self) -> None:
        """Every stream loses its client."""
        super().leave()
        for wire in self._wires.values():
            wire.departure.mark()
            wire.wake()
        for stream in tuple(self._heads):
            self._host.incomplete(self, self._heads.pop(stream))

    def _on_event(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._open_stream(event)
        elif isinstance(event, DataReceived):
            self._take_data(event)
        elif isinstance(event, StreamEnded):
            self._serve(event.stream_id)
        elif isinstance(event, StreamReset):
            self._forget(event.stream_id)
        elif isinstance(event, WindowUpdated):
            for wire in self._wires.values():
                wire.wake()

    def _open_stream(self, event: RequestReceived) -> None:
        headers = [(str(name), str(value)) for name, value in event.headers]
        pseudo = {name: value for name, value in headers if name.startswith(":")}
        plain = tuple(pair for pair in headers if not pair[0].startswith(":"))
        head = RequestHead(
            method=pseudo[":method"],
            target=pseudo[":path"],
            headers=(("host", pseudo.get(":authority", "")), *plain),
            protocol="h2",
        )
        if self._host.refuses_early(head):
            self.h2.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
            return
        self._heads[event.stream_id] = head
        self._bodies[event.stream_id] = bytearray()

    def _take_data(self, event: DataReceived) -> None:
        self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        body = self._bodies.get(event.stream_id)
        if body is None:
            return
        body += event.data
        if len(body) > self._host.body_limit:
            self._heads.pop(event.stream_id)
            self._bodies.pop(event.stream_id)
            self.h2.reset_stream(event.stream_id, ErrorCodes.CANCEL)

    def _serve(self, stream: int) -> None:
        head = self._heads.pop(stream, None)
        if head is None:
            return
        request = HttpRequest(head=head, body=bytes(self._bodies.pop(stream)))
        self.spawn(asyncio.get_running_loop().create_task(self._answer(stream, request)))

    async def _answer(self, stream: int, request: HttpRequest) -> None:
        wire = Http2Wire(self, stream)
        self._wires[stream] = wire
        try:
            await self._handle(request, wire)
        finally:
            del self._wires[stream]

    def _forget(self, stream: int) -> None:
        """The client gave the stream up."""
        head = self._heads.pop(stream, None)
        if head is not None:
            self._bodies.pop(stream)
            self._host.incomplete(self, head)
        wire = self._wires.get(stream)
        if wire is not None:
            wire.departure.mark()
            wire.wake()
