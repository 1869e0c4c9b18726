"""Exchanges of every kind, in a fixed random order: whole ones, broken ones, left ones.

Each has a number that the upstream finds in a header and the proxy in the body, so that what both
wrote down about it can be put side by side.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.support.raw import RawClient, head, headers_of, path_of

Kind = Literal[
    "whole",
    "count",
    "refused",
    "second",
    "reset",
    "error-event",
    "left-stream",
    "left-early",
    "no-usage",
    "bad-body",
    "bad-key",
]
SHARES: dict[Kind, int] = {
    "whole": 72,
    "count": 3,
    "refused": 4,
    "second": 3,
    "reset": 3,
    "error-event": 2,
    "left-stream": 5,
    "left-early": 1,
    "no-usage": 3,
    "bad-body": 2,
    "bad-key": 2,
}
MODELS = (
    *("mock-large", "mock-small", "mock-odd", "mock-plain", "mock-unpriced"),
    *("claude-sonnet-4-5", "claude-haiku-5-5", "gpt-4o-mini", "team", "quick"),
)
LEAVE_EARLY_S = 0.5


@dataclass(kw_only=True)
class Case:
    """One exchange to make, and what the client saw of it once it was made."""

    number: int
    kind: Kind
    wire_format: str
    stream: bool
    model: str
    usage: dict[str, int] = field(default_factory=dict)
    status: int = 0
    request_id: str = ""

    @property
    def name(self) -> str:
        """What ties the records of both sides together."""
        return f"case-{self.number}"

    @property
    def session(self) -> str:
        """The conversation as the proxy's records name it: a hash, by the local tenant."""
        if self.kind in {"count", "bad-body"}:
            return ""
        return hashlib.blake2b(f"default\0{self.name}".encode(), digest_size=8).hexdigest()

    def body(self) -> bytes:
        """The request."""
        text = f"hello {self.number}"
        if self.usage:
            text += f"\nmock:usage {json.dumps(self.usage)}"
        body: dict[str, object] = {
            "model": self.model,
            "messages": [{"role": "user", "content": text}],
        }
        if self.kind != "count":
            body["stream"] = "yes" if self.kind == "bad-body" else self.stream
        if self.wire_format == "openai_chat":
            body["prompt_cache_key"] = self.name
        elif self.kind != "count":
            body["metadata"] = {"user_id": f"user_1_session_{self.name}"}
            body["max_tokens"] = 64
        return json.dumps(body).encode()

    def outcome(self) -> str:
        """How the exchange ended, going by what the client saw."""
        if self.kind in {"left-stream", "left-early"}:
            return "client_closed"
        if self.kind == "bad-body":
            return "rejected"
        if self.kind in {"reset", "error-event"} or self.status != 200:
            return "upstream_error"
        return "ok"


def mixed(count: int, seed: int) -> list[Case]:
    """``count`` cases; the same seed gives the same ones."""
    dice = random.Random(seed)
    kinds = dice.choices(list(SHARES), list(SHARES.values()), k=count)
    return [_case(number, kind, dice) for number, kind in enumerate(kinds, 1000)]


def _case(number: int, kind: Kind, dice: random.Random) -> Case:
    faults: dict[Kind, str] = {
        "refused": f"fault:status-{dice.choice((400, 404, 413, 422))}",
        "second": f"fault:fail-1-then-ok:503#case-{number}",
        "reset": f"fault:reset-after-{dice.randint(1, 4)}",
        "error-event": f"fault:error-after-{dice.randint(1, 4)}",
        "left-stream": f"fault:stall-after-{dice.randint(1, 4)}",
        "left-early": "fault:hang",
        "no-usage": "fault:usage-missing",
    }
    is_stream_only = kind in {"reset", "error-event", "left-stream"}
    return Case(
        number=number,
        kind=kind,
        wire_format="anthropic_messages"
        if kind == "count" or dice.random() < 0.5
        else "openai_chat",
        stream=is_stream_only or (kind != "count" and dice.random() < 0.5),
        model=faults.get(kind) or dice.choice(MODELS),
        usage=_usage(dice),
    )


def _usage(dice: random.Random) -> dict[str, int]:
    usage = {"input": dice.randint(1, 10 ** dice.randint(1, 6)), "output": dice.randint(1, 64_000)}
    if dice.random() < 0.6:
        usage["cache_read"] = dice.randint(0, 180_000)
    if dice.random() < 0.4:
        usage["cache_write"] = dice.randint(0, 50_000)
    return usage


def run(cases: Sequence[Case], port: int, key: str, *, clients: int = 8) -> None:
    """Make all of them, several at a time."""
    waiting = iter(cases)
    lock = threading.Lock()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            while not failed:
                with lock:
                    case = next(waiting, None)
                if case is None:
                    return
                _make(case, port, key)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def _make(case: Case, port: int, key: str) -> None:
    body = case.body()
    path = path_of(case.wire_format) + ("/count_tokens" if case.kind == "count" else "")
    headers = headers_of(case.wire_format, "cgk_wrong" if case.kind == "bad-key" else key)
    headers.append(("idempotency-key", case.name))
    with RawClient(port, 30.0) as client:
        client.send(head("POST", path, headers, length=len(body)) + body)
        if case.kind == "left-early":
            time.sleep(LEAVE_EARLY_S)
            return
        answer = client.read_head() if case.kind == "left-stream" else client.read_answer()
        case.status = answer.status
        case.request_id = answer.header("x-codegate-request-id") or ""
        if case.kind == "left-stream":
            _read_events(client, int(case.model.rpartition("-")[2]))


def _read_events(client: RawClient, count: int) -> None:
    """Read until the last event that comes has come."""
    with contextlib.suppress(TimeoutError):
        while client.buffer.count(b"\n\n") < count:
            client.buffer += client.read_some()
