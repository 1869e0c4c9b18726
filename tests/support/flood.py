"""An upstream that streams without end as fast as it is read, one thread a connection."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import zlib
from collections.abc import Iterator, Mapping

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
_PIECE = 64 * 1024


def _event(name: str, data: Mapping[str, object]) -> bytes:
    text = f"data: {json.dumps(data)}\n\n"
    return (f"event: {name}\n{text}" if name else text).encode()


def _begin(wire_format: str) -> bytes:
    if wire_format == "anthropic_messages":
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "msg_flood", "type": "message", "role": "assistant", "content": []}
        start = {"type": "message_start", "message": {**message, "model": "flood", "usage": usage}}
        block = {"type": "text", "text": ""}
        opened = {"type": "content_block_start", "index": 0, "content_block": block}
        return _event("message_start", start) + _event("content_block_start", opened)
    return _delta(wire_format, "")


def _delta(wire_format: str, text: str) -> bytes:
    if wire_format == "anthropic_messages":
        delta = {"type": "text_delta", "text": text}
        data = {"type": "content_block_delta", "index": 0, "delta": delta}
        return _event("content_block_delta", data)
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "flood"}
    return _event("", {**chunk, "choices": [choice]})


class Flood:
    """``sent`` is bytes handed to the kernel for all connections, ``ended`` those that closed.

    With ``event_bytes`` each event is that large, else about 200 bytes. A packed one is
    compressed, whatever was asked for.
    """

    def __init__(self, wire_format: str, event_bytes: int = 0, *, is_packed: bool = False) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.sent = 0
        self.begun = 0
        self.ended = 0
        self._lock = threading.Lock()
        begin = _begin(wire_format)
        if event_bytes:
            event = _delta(wire_format, "x" * event_bytes)
        else:
            event = _delta(wire_format, "All work and no play. ") * (_PIECE // 200)
        encoding = b""
        if is_packed:
            # What follows a full flush refers to nothing before it, so it may be sent again.
            packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
            begin = packer.compress(begin) + packer.flush(zlib.Z_FULL_FLUSH)
            event = packer.compress(event) + packer.flush(zlib.Z_FULL_FLUSH)
            encoding = b"content-encoding: gzip\r\n"
        self._begin = _HEAD + encoding + b"\r\n" + _chunk(begin)
        self._chunk = _chunk(event)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60)
            seen = b""
            while b'"messages"' not in seen:
                part = connection.recv(65536)
                if not part:
                    return
                seen += part
            with self._lock:
                self.begun += 1
            connection.sendall(self._begin)
            while True:
                for start in range(0, len(self._chunk), _PIECE):
                    piece = self._chunk[start : start + _PIECE]
                    connection.sendall(piece)
                    with self._lock:
                        self.sent += len(piece)
        with self._lock:
            self.ended += bool(seen)

    def close(self) -> None:
        """Stop listening; connections end when their readers leave."""
        self.listener.close()


def _chunk(payload: bytes) -> bytes:
    return b"%x\r\n" % len(payload) + payload + b"\r\n"


@contextlib.contextmanager
def flooding(wire_format: str, event_bytes: int = 0, *, is_packed: bool = False) -> Iterator[Flood]:
    """A flood for the length of a block."""
    flood = Flood(wire_format, event_bytes, is_packed=is_packed)
    try:
        yield flood
    finally:
        flood.close()
