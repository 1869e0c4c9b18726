"""N6, G11, G32: what was masked once is masked the same for ever, in every process."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.cli import Cli
from tests.support.proxy import Proxy
from tests.support.raw import headers_of, path_of, request

SECRET = 'Tr0ub4dor&3-\\"q'
MAIL = "ada.lovelace@indigo-quarry.org"
FORMATS = ("anthropic_messages", "openai_chat")
Starts = Callable[[], Proxy]


@pytest.fixture
def start(shared_mock: ThreadedMock, tmp_path: Path) -> Iterator[Starts]:
    """Starts a proxy on one data directory, after the one before has gone."""
    running: list[Proxy] = []

    def again() -> Proxy:
        stop()
        proxy = Proxy(
            tmp_path / "data",
            upstreams=[f"{name}={shared_mock.url}" for name in FORMATS],
            settings={"guardrails": "on"},
        )
        running.append(proxy)
        return proxy

    def stop() -> None:
        for proxy in running:
            proxy.stop()
        running.clear()

    yield again
    stop()


class Session:
    """An agent's conversation that only grows, as its client writes it."""

    def __init__(self, wire_format: str) -> None:
        self.wire_format = wire_format
        self.turns = 0
        self.messages: list[dict[str, Any]] = []

    def body(self) -> bytes:
        """The next request. What changes stands at its end, as in the SDKs."""
        self._grow()
        system = f"Work in /srv/app for {MAIL}."
        tool: dict[str, Any] = {"name": "edit", "description": f"Ask {MAIL} before you edit."}
        schema = {"type": "object", "properties": {"path": {"type": "string"}}}
        if self.wire_format == "anthropic_messages":
            head: dict[str, Any] = {
                "model": "mock-large",
                "max_tokens": 64,
                "system": [{"type": "text", "text": system}],
                "tools": [{**tool, "input_schema": schema}],
            }
            messages = self.messages
        else:
            head = {
                "model": "mock-large",
                "max_tokens": 64,
                "tools": [{"type": "function", "function": {**tool, "parameters": schema}}],
            }
            messages = [{"role": "system", "content": system}, *self.messages]
        return json.dumps({**head, "messages": messages}).encode()

    def _grow(self) -> None:
        n = self.turns
        self.turns += 1
        if n == 0:
            self.messages = [{"role": "user", "content": f"the password: {SECRET} of turn {n}"}]
            return
        given = {"path": f"file-{n}.env", "content": f"KEEP={SECRET}\nTO=user{n}@indigo.org"}
        result = f"wrote {SECRET}, mailed user{n}@indigo.org\n" + "plain text " * 40
        if self.wire_format == "anthropic_messages":
            call = {"type": "tool_use", "id": f"toolu_{n}", "name": "edit", "input": given}
            thought = {"type": "thinking", "thinking": f"{MAIL}?", "signature": f"c2lnbmVk{n}"}
            done = {"type": "tool_result", "tool_use_id": f"toolu_{n}", "content": result}
            self.messages += [
                {"role": "assistant", "content": [thought, call]},
                {"role": "user", "content": [done]},
            ]
        else:
            function = {"name": "edit", "arguments": json.dumps(given)}
            call = {"id": f"call_{n}", "type": "function", "function": function}
            self.messages += [
                {"role": "assistant", "content": f"as {SECRET} says", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": f"call_{n}", "content": result},
            ]


def send(proxy: Proxy, mock: ThreadedMock, session: Session, account: str) -> tuple[bytes, bytes]:
    """What the client wrote and what the upstream received."""
    body = session.body()
    headers = [*headers_of(session.wire_format, proxy.key), ("x-codegate-account", account)]
    answer = request(proxy.port, "POST", path_of(session.wire_format), headers, body)
    assert answer.status == 200, answer.body
    sent = mock.requests[-1].body
    assert sent is not None
    return body, sent


def holds(own: tuple[bytes, bytes], upstream: tuple[bytes, bytes]) -> None:
    """The upstream's two bodies begin alike as far as the client's two do."""
    before, after = own
    common = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
    assert common is not None
    rest = before[common:]
    assert len(rest) < 8
    assert upstream[0].endswith(rest)
    assert upstream[1].startswith(upstream[0].removesuffix(rest))


def nothing_leaks(sent: bytes) -> None:
    """No value stands in what went up, outside what is signed."""
    text = sent.decode().replace(f'"thinking": "{MAIL}?"', "")
    assert "Tr0ub4dor" not in text
    assert MAIL not in text
    assert "@indigo.org" not in text


def test_n6_three_turns_over_two_restarts(
    start: Starts, shared_mock: ThreadedMock, wire_format: str
) -> None:
    session = Session(wire_format)
    pairs = [send(start(), shared_mock, session, wire_format) for _ in range(3)]
    for before, after in itertools.pairwise(pairs):
        holds((before[0], after[0]), (before[1], after[1]))
    for _, sent in pairs:
        nothing_leaks(sent)


@pytest.mark.parametrize("account", FORMATS)
def test_g32_twenty_turns_over_a_restart(
    start: Starts, shared_mock: ThreadedMock, wire_format: str, account: str
) -> None:
    session = Session(wire_format)
    proxy = start()
    before: tuple[bytes, bytes] | None = None
    for turn in range(20):
        if turn == 11:
            proxy = start()
        pair = send(proxy, shared_mock, session, account)
        if account == wire_format:
            nothing_leaks(pair[1])
        if before is not None and account == wire_format:
            holds((before[0], pair[0]), (before[1], pair[1]))
        elif before is not None:
            # A translated body ends with members of its own behind the messages.
            assert messages_of(pair[1])[: len(messages_of(before[1]))] == messages_of(before[1])
        before = pair


def messages_of(body: bytes) -> list[str]:
    """Each message as its bytes."""
    return [json.dumps(message) for message in json.loads(body)["messages"]]


def test_g11_two_processes_at_once_write_the_same_bytes(
    shared_mock: ThreadedMock, tmp_path: Path, wire_format: str
) -> None:
    first = tmp_path / "one"
    Cli(first).run("guardrails", "enable")
    Cli(first).run("keys", "rotate", "guardrail")
    shutil.copytree(first, tmp_path / "two")
    options: dict[str, Any] = {
        "upstreams": [f"{wire_format}={shared_mock.url}"],
        "settings": {"guardrails": "on"},
    }
    proxies = [Proxy(tmp_path / name, **options) for name in ("one", "two")]
    count = len(shared_mock.requests)
    try:
        threads = [threading.Thread(target=_turns, args=(p, wire_format)) for p in proxies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    finally:
        for proxy in proxies:
            proxy.stop()
    bodies = [entry.body or b"" for entry in list(shared_mock.requests)[count:]]
    assert len(bodies) == 16
    assert len(set(bodies)) == 8
    for body in bodies:
        nothing_leaks(body)


def _turns(proxy: Proxy, wire_format: str) -> None:
    session = Session(wire_format)
    for _ in range(8):
        headers = headers_of(wire_format, proxy.key)
        request(proxy.port, "POST", path_of(wire_format), headers, session.body())
