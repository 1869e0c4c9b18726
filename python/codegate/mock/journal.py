"""The record of what the mock received and answered, in memory and optionally as JSON lines."""

import base64
import hashlib
import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson

from codegate.mock.steps import Header

Json = dict[str, object]

_ALL_BODIES = 128 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request and what became of it.

    `received_at` is wall-clock seconds; `at`, `ended_at` and `closed_at` are `time.monotonic()`
    seconds, which other processes of the same machine share. A `body` over the limit is None,
    and so are old ones when all of them take too much memory.
    `outcome` is open, answered, client_closed, broken_off, malformed, incomplete or stopped.
    """

    number: int
    connection: int
    protocol: str
    method: str
    target: str
    headers: tuple[Header, ...]
    body: bytes | None
    body_bytes: int
    body_sha256: str
    received_at: float = field(default_factory=time.time)
    at: float = field(default_factory=time.monotonic)
    format: str | None = None
    model: str | None = None
    is_streaming: bool | None = None
    fault: str | None = None
    status: int | None = None
    usage: dict[str, int] | None = None
    events: int = 0
    answer_bytes: int = 0
    outcome: str = "open"
    ended_at: float | None = None
    closed_at: float | None = None

    def header(self, name: str) -> str | None:
        """The first value of the request header `name` (lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> object:
        """The request body, parsed. Raises ValueError when it is not JSON or was not kept."""
        if self.body is None:
            raise ValueError("the body was over the journal's limit")
        return orjson.loads(self.body)

    @property
    def client_closed_early(self) -> bool:
        """Whether the client left before its answer was complete."""
        return self.outcome == "client_closed"

    def as_json(self, *, with_body: bool) -> Json:
        """Plain members for a JSON document; the body as text, or base64 if it is not UTF-8."""
        document: Json = {
            name: getattr(self, name) for name in self.__slots__ if name not in ("body", "headers")
        }
        document["headers"] = [list(pair) for pair in self.headers]
        document["client_closed_early"] = self.client_closed_early
        if with_body and self.body is not None:
            try:
                document["body"] = self.body.decode()
            except UnicodeDecodeError:
                document["body_base64"] = base64.b64encode(self.body).decode()
        return document


class Journal:
    """The latest `size` entries, oldest first; finished ones also go to `file` if one is given.

    Bodies are kept up to `body_limit` bytes each and `total_limit` together.
    """

    def __init__(
        self,
        *,
        size: int,
        body_limit: int,
        total_limit: int = _ALL_BODIES,
        file: Path | None = None,
    ) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)
        self._body_limit = body_limit
        self._total_limit = total_limit
        self._with_bodies: deque[Entry] = deque()
        self._body_bytes = 0
        self._count = 0
        self._file: IO[bytes] | None = None
        if file is not None:
            # The lines hold request headers, keys included: for the owner only.
            descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._file = os.fdopen(descriptor, "ab", buffering=0)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Entry:
        return self._entries[index]

    @property
    def count(self) -> int:
        """Requests seen since the start, dropped and cleared ones included."""
        return self._count

    def open_entry(
        self,
        *,
        connection: int,
        protocol: str,
        method: str,
        target: str,
        headers: tuple[Header, ...],
        body: bytes,
    ) -> Entry:
        """Add an entry for a request that has just arrived."""
        self._count += 1
        entry = Entry(
            number=self._count,
            connection=connection,
            protocol=protocol,
            method=method,
            target=target,
            headers=headers,
            body=body if len(body) <= self._body_limit else None,
            body_bytes=len(body),
            body_sha256=hashlib.sha256(body).hexdigest(),
        )
        self._entries.append(entry)
        self._keep_body(entry)
        return entry

    def _keep_body(self, entry: Entry) -> None:
        """Let go of the oldest bodies once all together are too large."""
        if not entry.body:
            return
        self._with_bodies.append(entry)
        self._body_bytes += len(entry.body)
        while self._body_bytes > self._total_limit or len(self._with_bodies) > len(self._entries):
            oldest = self._with_bodies.popleft()
            self._body_bytes -= oldest.body_bytes
            if oldest is not entry:
                oldest.body = None

    def finish(self, entry: Entry, outcome: str) -> None:
        """State the outcome of `entry` and write its line."""
        entry.outcome = outcome
        entry.ended_at = time.monotonic()
        if self._file is not None:
            self._file.write(orjson.dumps(entry.as_json(with_body=False)) + b"\n")

    def clear(self) -> None:
        """Forget the entries in memory."""
        self._entries.clear()
        self._with_bodies.clear()
        self._body_bytes = 0

    def close(self) -> None:
        """Close the file; entries stay readable."""
        if self._file is not None:
            self._file.close()
            self._file = None
