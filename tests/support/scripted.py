"""An upstream of plain sockets for answers that the mock has no name for.

One thread for each connection; a function of the test's decides what each request gets.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator

SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    """``data`` as one HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked(parts: Iterable[bytes]) -> bytes:
    """A whole chunked body, one chunk for each part that is not empty."""
    return b"".join(chunk(part) for part in parts if part) + b"0\r\n\r\n"


def whole(status: str, body: bytes, *headers: bytes) -> bytes:
    """An answer with a length."""
    lines = [b"HTTP/1.1 " + status.encode(), b"content-type: application/json", *headers]
    return b"\r\n".join([*lines, b"content-length: %d" % len(body)]) + b"\r\n\r\n" + body


class Peer:
    """The other side of one connection. ``number`` counts connections from 1."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self.socket = connection
        self.number = number
        self.head = b""
        self.body = b""
        self._buffer = b""

    def read_request(self) -> bool:
        """The next request into ``head`` and ``body``; false at the end."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._fill():
                return False
        self.head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lengths = [
            int(line.split(b":")[1])
            for line in self.head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ]
        length = lengths[0] if lengths else 0
        while len(self._buffer) < length:
            if not self._fill():
                return False
        self.body, self._buffer = self._buffer[:length], self._buffer[length:]
        return True

    def _fill(self) -> bool:
        data = self.socket.recv(65536)
        self._buffer += data
        return bool(data)

    def send(self, data: bytes) -> None:
        """Write it all."""
        self.socket.sendall(data)

    def wait_gone(self, timeout_s: float = 10.0) -> float:
        """Wait for the client to leave; the moment on the monotonic clock."""
        self.socket.settimeout(timeout_s)
        with contextlib.suppress(ConnectionError):
            while self.socket.recv(65536):
                pass
        return time.monotonic()

    def close(self) -> None:
        """FIN; no further request is read."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


Script = Callable[[Peer], None]


class Scripted:
    """The listener. ``requests`` and ``connections`` count what arrived; ``context`` may change.

    ``greeting`` is sent on each connection before anything is read."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.greeting = b""
        self.requests = 0
        self.connections = 0
        self.context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            thread = threading.Thread(
                target=self._serve, args=(connection, self.connections), daemon=True
            )
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            with self._lock:
                self._open.add(connection)
            peer = Peer(connection, number)
            peer.send(self.greeting)
            while peer.read_request():
                with self._lock:
                    self.requests += 1
                self.script(peer)
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def stop(self) -> None:
        """Close the listener and every connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)


@contextlib.contextmanager
def scripted(script: Script, context: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """A scripted upstream for the length of a block."""
    upstream = Scripted(script, context)
    try:
        yield upstream
    finally:
        upstream.stop()
