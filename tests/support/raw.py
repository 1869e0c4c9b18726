"""A client of plain sockets: bytes in, bytes out, with time stamps."""

from __future__ import annotations

import json
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"


@dataclass(kw_only=True)
class Answer:
    """A parsed HTTP/1.1 answer. ``chunks`` are (seconds since the request, bytes) as received."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    is_complete: bool = True

    def header(self, name: str) -> str | None:
        """The last value of a header."""
        values = [value for key, value in self.headers if key == name]
        return values[-1] if values else None

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class RawClient:
    """One connection."""

    def __init__(self, port: int, timeout_s: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.started = time.monotonic()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self.started = time.monotonic()
        self.socket.sendall(data)

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def read_some(self) -> bytes:
        """Whatever comes next; empty at the end."""
        return self.socket.recv(65536)

    def _fill(self) -> bool:
        data = self.read_some()
        self.buffer += data
        return bool(data)

    def read_until(self, mark: bytes) -> bytes:
        """Everything up to and with ``mark``."""
        while mark not in self.buffer:
            if not self._fill():
                raise ConnectionError(f"closed before {mark!r}: {self.buffer[:200]!r}")
        head, _, self.buffer = self.buffer.partition(mark)
        return head + mark

    def read_head(self) -> Answer:
        """Status line and headers."""
        head = self.read_until(b"\r\n\r\n").decode("latin-1")
        lines = head.split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = [
            (name.lower(), value.strip())
            for name, _, value in (line.partition(":") for line in lines[1:] if line)
        ]
        return Answer(status=status, headers=headers, body=b"")

    def read_answer(self) -> Answer:
        """A whole answer; ``is_complete`` is false when the connection ended inside it."""
        answer = self.read_head()
        while answer.status == 100:
            answer = self.read_head()
        length = answer.header("content-length")
        try:
            if answer.header("transfer-encoding") == "chunked":
                self._read_chunked(answer)
            elif length is not None:
                while len(self.buffer) < int(length):
                    if not self._fill():
                        raise ConnectionError("closed inside the body")
                answer.body, self.buffer = self.buffer[: int(length)], self.buffer[int(length) :]
            elif answer.status not in {204, 304}:
                while self._fill():
                    pass
                answer.body, self.buffer = self.buffer, b""
        except ConnectionError:
            answer.is_complete = False
            answer.body = answer.body or self.buffer
        return answer

    def read_chunk(self) -> bytes:
        """One HTTP chunk of a chunked answer; empty at its end."""
        size = int(self.read_until(b"\r\n").split(b";")[0], 16)
        while len(self.buffer) < size + 2:
            if not self._fill():
                raise ConnectionError("closed inside a chunk")
        data, self.buffer = self.buffer[:size], self.buffer[size + 2 :]
        return data

    def _read_chunked(self, answer: Answer) -> None:
        while True:
            data = self.read_chunk()
            if not data:
                return
            answer.chunks.append((time.monotonic() - self.started, data))
            answer.body += data


def head(
    method: str,
    path: str,
    headers: list[tuple[str, str]] | None = None,
    *,
    host: str = "127.0.0.1",
    length: int | None = None,
) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers or []]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def request(
    port: int,
    method: str,
    path: str,
    headers: list[tuple[str, str]] | None = None,
    body: bytes | None = None,
    *,
    timeout_s: float = 10.0,
) -> Answer:
    """One request on a fresh connection, answered whole."""
    with RawClient(port, timeout_s) as client:
        length = None if body is None else len(body)
        client.send(head(method, path, headers, length=length) + (body or b""))
        return client.read_answer()


def model_request(
    wire_format: str, model: str, *, stream: bool, text: str = "hello", **members: object
) -> bytes:
    """A small valid body of the format."""
    body: dict[str, object] = {"model": model, "stream": stream, **members}
    body["messages"] = [{"role": "user", "content": text}]
    if wire_format == "anthropic_messages":
        body.setdefault("max_tokens", 64)
    return json.dumps(body).encode()


def path_of(wire_format: str) -> str:
    """The endpoint of a format."""
    return MESSAGES if wire_format == "anthropic_messages" else CHAT


def headers_of(wire_format: str, key: str) -> list[tuple[str, str]]:
    """What an SDK of the format sends."""
    common = [("content-type", "application/json")]
    if wire_format == "anthropic_messages":
        return [*common, ("x-api-key", key), ("anthropic-version", "2023-06-01")]
    return [*common, ("authorization", f"Bearer {key}")]


def call(
    port: int,
    key: str,
    wire_format: str,
    model: str,
    *,
    stream: bool,
    timeout_s: float = 10.0,
    text: str = "hello",
    headers: list[tuple[str, str]] | None = None,
) -> Answer:
    """One model call on a fresh connection, answered whole."""
    body = model_request(wire_format, model, stream=stream, text=text)
    sent = headers_of(wire_format, key) + (headers or [])
    return request(port, "POST", path_of(wire_format), sent, body, timeout_s=timeout_s)


def check_error(answer: Answer, wire_format: str, status: int | None = None) -> dict[str, Any]:
    """I1: an error in the caller's dialect. Returns the inner error object."""
    if status is not None:
        assert answer.status == status, (answer.status, answer.body[:500])
    assert answer.status >= 400
    assert (answer.header("content-type") or "").startswith("application/json")
    value = answer.json()
    if wire_format == "anthropic_messages":
        assert value["type"] == "error"
        assert isinstance(value["error"]["type"], str)
    else:
        assert set(value["error"]) >= {"message", "type", "code", "param"}
    assert value["error"]["message"]
    error: dict[str, Any] = value["error"]
    return error


def events(body: bytes) -> list[tuple[str, str]]:
    """(event name, data) of each frame of an LF stream."""
    found = []
    for frame in body.decode("utf-8", "replace").replace("\r\n", "\n").split("\n\n"):
        name, data = "", []
        for line in frame.split("\n"):
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
        if name or data:
            found.append((name, "\n".join(data)))
    return found


def is_error_event(event: tuple[str, str], wire_format: str) -> bool:
    """Whether an event is an error in the dialect."""
    name, data = event
    try:
        value = json.loads(data)
    except ValueError:
        return False
    if not isinstance(value, dict) or not isinstance(value.get("error"), dict):
        return False
    return wire_format != "anthropic_messages" or (name == "error" and value["type"] == "error")
