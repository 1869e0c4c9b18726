"""The only way out that a client is shown: a loopback HTTP proxy that refuses and remembers."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import Self

_POLL_S = 0.05
_REFUSAL = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _Refusal(socketserver.StreamRequestHandler):
    timeout = 5

    def handle(self) -> None:
        try:
            line = self.rfile.readline(4096).decode("latin-1").strip()
            if isinstance(self.server, _Server) and line:
                self.server.attempts.append(line)
            self.wfile.write(_REFUSAL)
        except OSError:
            return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refusal)
        self.attempts: list[str] = []


class Outlet:
    """Refuses every request for another machine; ``attempts`` holds their request lines."""

    def __init__(self) -> None:
        self._server = _Server()
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def attempts(self) -> tuple[str, ...]:
        """What was asked of it, oldest first."""
        return tuple(self._server.attempts)

    def environment(self) -> dict[str, str]:
        """Variables that send everything but loopback here."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        loopback = "127.0.0.1,localhost"
        return {
            "HTTPS_PROXY": url,
            "HTTP_PROXY": url,
            "ALL_PROXY": url,
            "https_proxy": url,
            "http_proxy": url,
            "all_proxy": url,
            "NO_PROXY": loopback,
            "no_proxy": loopback,
        }
