"""A forward proxy that tunnels by CONNECT, or refuses to in one of several ways."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class ForwardProxy:
    """Tunnels every host to ``target_port`` on loopback, unless ``mode`` says otherwise.

    ``mode`` is ``tunnel``, ``407``, ``502``, ``close``, ``silent`` or ``garbage``; ``heads`` are
    the requests that came.
    """

    def __init__(self, target_port: int) -> None:
        self.mode = "tunnel"
        self.heads: list[str] = []
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = client.recv(1)
                if not byte:
                    return
                head += byte
            self.heads.append(head.decode("latin-1"))
            if self.mode == "tunnel":
                self._tunnel(client)
            elif self.mode == "silent":
                client.recv(1)
            elif self.mode == "garbage":
                client.sendall(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
            elif self.mode != "close":
                client.sendall(b"HTTP/1.1 " + self.mode.encode() + b" No\r\n\r\n<html></html>")

    def _tunnel(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._target_port)) as upstream:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(upstream, client), daemon=True)
            back.start()
            _copy(client, upstream)
            back.join(5)

    def stop(self) -> None:
        """Stop listening; open tunnels live on until either side closes."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def forward_proxy(target_port: int) -> Iterator[ForwardProxy]:
    """A forward proxy for the length of a block."""
    proxy = ForwardProxy(target_port)
    try:
        yield proxy
    finally:
        proxy.stop()
