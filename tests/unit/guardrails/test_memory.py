"""What guardrails keep of requests that they have seen is bounded."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest

from codegate import native
from codegate.crypto.keys import root_key
from codegate.guardrails.guards import make
from codegate.guardrails.rules import Rules

#: More elements than both generations of the memory hold.
_FULL = 140_000


def anonymous_kib() -> int:
    """Memory of this process that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def look(guard: native.Guard, first: int, count: int) -> None:
    """Masks so many requests, each with one message that nobody has sent before."""
    for number in range(first, first + count):
        text = f"request {number}: mail ada{number}@indigo.org"
        body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
        request = native.Request.parse("anthropic_messages", [json.dumps(body).encode()])
        assert guard.mask(request).counts == [("email", 1)]


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_g42_a_hundred_thousand_requests_leave_no_more_than_those_before() -> None:
    guard = make("default", Rules(), (root_key(bytes(32), "test"),))
    look(guard, 0, _FULL)
    gc.collect()
    before = anonymous_kib()
    look(guard, _FULL, 100_000)
    gc.collect()
    assert anonymous_kib() < before + 2 * 1024
