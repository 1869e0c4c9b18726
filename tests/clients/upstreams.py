"""The providers behind the proxy: the product's own mock, and one that the project did not write.

Both tell afterwards what reached them, in the same terms.
"""

from __future__ import annotations

import http.client
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.clients.install import CODEGATE, Installed
from tests.clients.processes import ProcessError, Running, free_port

PACE_MS = 60
"""How long an upstream waits between two pieces of a streamed answer."""

PIECES_SENT = 16
"""Into how many pieces an upstream cuts a text that is long enough."""

AIMOCK_FIXTURES = Path(__file__).resolve().parent / "aimock.json"

_CHUNK_CHARACTERS = 6
_READY_TIMEOUT_S = 20.0
_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class UpstreamName(Enum):
    """Which upstream a scenario wants."""

    CODEGATE_MOCK = "codegate mock"
    AIMOCK = "aimock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One API request as the upstream saw it; ``key`` is the credential that it showed."""

    path: str
    key: str | None
    headers: Mapping[str, str]
    body: Any
    is_streaming: bool
    status: int
    fault: str | None = None
    """How the upstream was told to fail on it."""


class Upstream(ABC):
    """A provider on loopback."""

    def __init__(self, url: str, running: Running) -> None:
        self.url = url
        self._running = running

    @abstractmethod
    def arrivals(self) -> list[Arrival]:
        """Every API request so far, oldest first."""

    def _await(self, url: str) -> None:
        try:
            self._running.wait_ready(lambda: answers(url), _READY_TIMEOUT_S)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the process."""
        self._running.stop()


def fetch(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """A GET on loopback, without any proxy of the environment: status and body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target or "/", headers=dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def answers(url: str, status: int = 200) -> bool:
    """Whether a GET is answered with the status."""
    try:
        return fetch(url)[0] == status
    except OSError:
        return False


class CodegateMock(Upstream):
    """The product's own mock provider, which refuses any key but the account's."""

    def __init__(self, *, account_key: str, folder: Path, env: Mapping[str, str]) -> None:
        port = free_port()
        argv = (
            *(CODEGATE, "mock", "--host", "127.0.0.1", "--port", str(port)),
            *("--pace", str(PACE_MS), "--deltas", str(PIECES_SENT), "--require-key", account_key),
        )
        super().__init__(f"http://127.0.0.1:{port}", Running(argv, env=env, folder=folder))
        self._await(f"{self.url}/health")

    def fail(self, faults: Sequence[str]) -> None:
        """What becomes of each of the next requests: a fault, or "" for a good answer."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        try:
            connection.request("PUT", "/_mock/queue", body="\n".join(faults))
            if connection.getresponse().status != HTTPStatus.OK:
                raise ProcessError("the mock does not take these faults")
        finally:
            connection.close()

    def arrivals(self) -> list[Arrival]:
        status, body = fetch(f"{self.url}/_mock/journal?bodies=1")
        if status != HTTPStatus.OK:
            raise ProcessError(f"the mock's journal answered {status}")
        return [_arrival(entry) for entry in json.loads(body) if entry["format"] is not None]


def _arrival(entry: Mapping[str, Any]) -> Arrival:
    headers = dict(entry["headers"])
    bearer = headers.get("authorization", "").removeprefix("Bearer ")
    return Arrival(
        path=entry["target"],
        key=headers.get("x-api-key") or bearer or None,
        headers=headers,
        body=json.loads(entry["body"]) if entry["body"] else None,
        is_streaming=bool(entry["is_streaming"]),
        status=entry["status"],
        fault=entry["fault"],
    )


class Aimock(Upstream):
    """The ``@copilotkit/aimock`` server: answers by fixtures, refuses any key but the account's."""

    def __init__(
        self, installed: Installed, *, account_key: str, folder: Path, env: Mapping[str, str]
    ) -> None:
        port = free_port()
        argv = (
            *installed.argv,
            *("--host", "127.0.0.1", "--port", str(port), "--fixtures", str(AIMOCK_FIXTURES)),
            *(
                "--latency",
                str(PACE_MS),
                "--chunk-size",
                str(_CHUNK_CHARACTERS),
                "--log-level",
                "warn",
            ),
        )
        running = Running(argv, env={**env, "AIMOCK_API_KEYS": account_key}, folder=folder)
        super().__init__(f"http://127.0.0.1:{port}", running)
        self._account_key = account_key
        self._await(f"{self.url}/health")

    def arrivals(self) -> list[Arrival]:
        status, body = fetch(
            f"{self.url}/__aimock/journal", {"authorization": f"Bearer {self._account_key}"}
        )
        if status != HTTPStatus.OK:
            raise ProcessError(f"aimock's journal answered {status}")
        return [
            Arrival(
                path=entry["path"],
                # It shows no credential, but only the account's gets past its door.
                key=None if entry["response"]["status"] in _REFUSALS else self._account_key,
                headers=entry["headers"],
                body=entry["body"],
                is_streaming=bool((entry["body"] or {}).get("stream")),
                status=entry["response"]["status"],
            )
            for entry in json.loads(body)
            if entry["method"] == "POST"
        ]
