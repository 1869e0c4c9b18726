"""HTTP/1.1 on a socket: reads requests one after the other and plays their answers."""

import asyncio
from http import HTTPStatus

from codegate.mock.connection import Connection, Handle, Host, abort_with_reset
from codegate.mock.request import BadRequestError, HttpRequest, RequestHead, RequestReader
from codegate.mock.steps import ClientGoneError, Framing, Head, Header, Wire

# More than this in advance of an answer is left in the kernel.
_READ_AHEAD = 256 * 1024
_HEADER_CODEC = "latin-1"


class Http1Wire(Wire):
    """One exchange on an HTTP/1.1 connection."""

    def __init__(self, owner: "Http1Connection", head: RequestHead) -> None:
        self.connection = owner.number
        self.departure = owner.departure
        self.is_local = owner.is_local
        self.may_reuse = True
        self._owner = owner
        self._request = head
        self._framing = Framing.LENGTH
        self._extension = b""
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    def open(self, head: Head) -> bytes:
        """Chunks are not known to HTTP/1.0; there the body ends with the connection."""
        self._framing = head.framing
        if head.framing is Framing.CHUNKED and self._request.is_http10:
            self._framing = Framing.NONE
        self._extension = head.chunk_extension
        headers = list(head.headers)
        if self._framing is Framing.CHUNKED:
            headers.append(("transfer-encoding", "chunked"))
        if self._framing is Framing.NONE or self._request.wants_close:
            self.may_reuse = False
            headers.append(("connection", "close"))
        lines = [f"HTTP/1.1 {head.status} {_reason(head.status)}".encode()]
        lines += [f"{name}: {value}".encode(_HEADER_CODEC) for name, value in headers]
        lines += head.raw_lines
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def put_data(self, data: bytes) -> int:
        """An empty chunk would end the body, so it is left out."""
        if data and self._request.method != "HEAD":
            if self._framing is Framing.CHUNKED:
                data = b"%x%b\r\n%b\r\n" % (len(data), self._extension, data)
            self.put_raw(data)
        return self._pending_bytes

    def put_raw(self, data: bytes) -> None:
        """Queue the bytes."""
        self._pending.append(data)
        self._pending_bytes += len(data)

    def put_end(self, trailers: tuple[Header, ...]) -> None:
        """The last chunk; the other framings have nothing to say here."""
        if self._framing is Framing.CHUNKED and self._request.method != "HEAD":
            lines = [f"{name}: {value}\r\n".encode() for name, value in trailers]
            self.put_raw(b"0" + self._extension + b"\r\n" + b"".join(lines) + b"\r\n")

    async def flush(self) -> None:
        """One write for all that is queued."""
        if self.departure.at is not None:
            raise ClientGoneError
        if self._pending:
            self._owner.transport.write(b"".join(self._pending))
            self._pending.clear()
            self._pending_bytes = 0
        await self._owner.drain()

    def reset(self) -> None:
        """TCP reset."""
        self.may_reuse = False
        abort_with_reset(self._owner.transport)

    def close(self) -> None:
        """FIN after what is written."""
        self.may_reuse = False
        self._owner.transport.close()

    def decline(self, *, with_connection: bool) -> None:
        """There is no word for it; the client sees a close."""
        self.close()


class Http1Connection(Connection):
    """One HTTP/1.1 connection."""

    def __init__(self, host: Host, handle: Handle) -> None:
        super().__init__(host, handle)
        self._reader = RequestReader(body_limit=host.body_limit)
        self._arrival = asyncio.Event()
        self._is_reading = True

    def begin(self) -> None:
        """Serve in a task of its own."""
        self.spawn(asyncio.get_running_loop().create_task(self._serve()))

    def data_received(self, data: bytes) -> None:
        """Collect; a client that sends far ahead of its answers has to wait."""
        self._reader.feed(data)
        self._arrival.set()
        is_ahead = self._reader.head is None and self._reader.waiting_bytes > _READ_AHEAD
        if is_ahead and self._is_reading:
            self._is_reading = False
            self.transport.pause_reading()

    def leave(self) -> None:
        """Also wakes the reader."""
        super().leave()
        self._arrival.set()

    async def _serve(self) -> None:
        try:
            while (request := await self._next_request()) is not None:
                wire = Http1Wire(self, request.head)
                await self._handle(request, wire)
                if not wire.may_reuse:
                    return
        except BadRequestError as error:
            self._host.malformed(self, self._reader.head, error)
            self._refuse(error)
        finally:
            if not self.transport.is_closing():
                self.transport.close()

    async def _next_request(self) -> HttpRequest | None:
        """The next request, None when the client left or was thrown out."""
        is_head_new = True
        while True:
            self._arrival.clear()
            head = self._reader.read_head()
            request = self._reader.read_request()
            if head is not None and is_head_new:
                is_head_new = False
                if self._host.refuses_early(head):
                    abort_with_reset(self.transport)
                    return None
                expected = (head.header("expect") or "").lower()
                if request is None and expected == "100-continue":
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if request is not None:
                return request
            if self.departure.at is not None:
                if self._reader.waiting_bytes or self._reader.head is not None:
                    self._host.incomplete(self, self._reader.head)
                return None
            if not self._is_reading:
                self._is_reading = True
                self.transport.resume_reading()
            await self._arrival.wait()

    def _refuse(self, error: BadRequestError) -> None:
        body = error.reason.encode() + b"\n"
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b"
            % (error.status, _reason(error.status).encode(), len(body), body)
        )


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Overloaded" if status == 529 else "Unknown"
