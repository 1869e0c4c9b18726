"""A client that speaks in bytes, so that a test sees exactly what was sent and how it ended."""

import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from codegate.mock import ThreadedMock

CHAT_BODY: dict[str, object] = {
    "model": "mock-large",
    "messages": [{"role": "user", "content": "hello over there"}],
}
MESSAGES_BODY: dict[str, object] = {**CHAT_BODY, "max_tokens": 1000}
CHAT_HEADERS = {"authorization": "Bearer test-key"}
MESSAGES_HEADERS = {"x-api-key": "test-key", "anthropic-version": "2023-06-01"}


@dataclass(slots=True)
class Response:
    """What came back. `end` is complete, eof, reset or timeout; `seconds` run from the sending."""

    raw: bytes = b""
    early: list[int] = field(default_factory=list)
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    head: bytes = b""
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    surplus: bytes = b""
    end: str = "complete"
    seconds: float = 0.0

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> dict[str, object]:
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document

    def events(self) -> list[tuple[str, str]]:
        return list(read_events(self.body))


class InterruptedAnswerError(Exception):
    """The answer ended before it was complete; the text says how."""


class RawClient:
    """One connection."""

    def __init__(
        self, mock: ThreadedMock, *, timeout: float = 5.0, silence: float | None = None
    ) -> None:
        """``silence`` takes the place of ``timeout`` once the first bytes are there."""
        self._silence = silence
        self.sock = socket.create_connection(("127.0.0.1", mock.port), timeout=timeout)
        self.buffer = b""
        self.sent_at = time.monotonic()

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sent_at = time.monotonic()
        self.sock.sendall(data)

    def receive(self) -> bytes:
        """More bytes into the buffer. Raises InterruptedAnswerError."""
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            raise InterruptedAnswerError("reset") from None
        except TimeoutError:
            raise InterruptedAnswerError("timeout") from None
        if not data:
            raise InterruptedAnswerError("eof")
        self.buffer += data
        self.sock.settimeout(self._silence or self.sock.gettimeout())
        return data

    def take_until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            self.receive()
        block, _, self.buffer = self.buffer.partition(mark)
        return block

    def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.receive()
        block, self.buffer = self.buffer[:count], self.buffer[count:]
        return block

    def read_response(self) -> Response:
        response = Response()
        try:
            self._read(response)
        except InterruptedAnswerError as error:
            response.end = str(error)
            if not response.head:
                response.head, self.buffer = self.buffer, b""
        response.surplus = self.buffer
        response.seconds = time.monotonic() - self.sent_at
        return response

    def _read(self, response: Response) -> None:
        while True:
            head = self.take_until(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            status = int(lines[0].split(b" ")[1])
            if status >= 200:
                break
            response.early.append(status)
        response.head, response.status = head, status
        for line in lines[1:]:
            name, _, value = line.decode("latin-1").partition(":")
            response.headers.append((name, value.strip()))
        if response.header("transfer-encoding") == "chunked":
            self._read_chunks(response)
        elif (length := response.header("content-length")) is not None:
            try:
                response.body = self.take(int(length))
            except InterruptedAnswerError:
                response.body, self.buffer = self.buffer, b""
                raise
        elif response.header("connection") == "close":
            try:
                while True:
                    self.receive()
            finally:
                response.body, self.buffer = self.buffer, b""

    def _read_chunks(self, response: Response) -> None:
        try:
            while True:
                line = self.take_until(b"\r\n")
                match = re.fullmatch(rb"([0-9a-f]+)(;.*)?", line)
                if match is None:
                    raise InterruptedAnswerError("bad chunk")
                size = int(match[1], 16)
                if size == 0:
                    while self.take_until(b"\r\n"):
                        pass
                    return
                response.chunks.append(self.take(size))
                assert self.take(2) == b"\r\n"
        finally:
            response.body = b"".join(response.chunks)


def request_bytes(
    method: str, path: str, headers: dict[str, str], body: bytes = b"", *, version: str = "1.1"
) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(mock: ThreadedMock, path: str, headers: dict[str, str] | None = None) -> Response:
    with RawClient(mock) as client:
        client.send(request_bytes("GET", path, headers or {}))
        return client.read_response()


def chat(
    mock: ThreadedMock,
    *,
    path: str = "/v1/chat/completions",
    headers: dict[str, str] | None = None,
    timeout: float = 5.0,
    silence: float | None = None,
    **changes: object,
) -> Response:
    """A Chat Completions call; `changes` are members of the body."""
    body = json.dumps({**CHAT_BODY, **changes}).encode()
    with RawClient(mock, timeout=timeout, silence=silence) as client:
        client.send(request_bytes("POST", path, {**CHAT_HEADERS, **(headers or {})}, body))
        return client.read_response()


def messages(
    mock: ThreadedMock,
    *,
    path: str = "/v1/messages",
    headers: dict[str, str] | None = None,
    timeout: float = 5.0,
    silence: float | None = None,
    **changes: object,
) -> Response:
    """A Messages call; `changes` are members of the body."""
    body = json.dumps({**MESSAGES_BODY, **changes}).encode()
    with RawClient(mock, timeout=timeout, silence=silence) as client:
        client.send(request_bytes("POST", path, {**MESSAGES_HEADERS, **(headers or {})}, body))
        return client.read_response()


def read_events(stream: bytes) -> Iterator[tuple[str, str]]:
    """Event names and data, by the rules of the event-stream format; without a BOM or comments."""
    text = stream.removeprefix(b"\xef\xbb\xbf").decode()
    name = ""
    data: list[str] = []
    for line in re.split(r"\r\n|\n|\r", text):
        field_name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield name, "\n".join(data)
            name, data = "", []
        elif field_name == "event":
            name = value
        elif field_name == "data":
            data.append(value)
