"""What holds after a fault: nothing is left over, one line in the log, errors in the dialect."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from tests.support.proxy import FORBIDDEN, Proxy, wait_until
from tests.support.raw import Answer

POOLED = 4
GROWTH_KIB = 8 * 1024


def rows(proxy: Proxy, model: str) -> list[dict[str, Any]]:
    """The log lines of finished exchanges that asked for ``model``."""
    return [row for row in proxy.exchanges() if row["model"] == model]


def wait_rows(
    proxy: Proxy, model: str, count: int = 1, timeout_s: float = 5.0
) -> list[dict[str, Any]]:
    """Wait for exactly ``count`` such lines (I4). ``model`` should be this test's own."""
    wait_until(lambda: len(rows(proxy, model)) >= count, timeout_s, f"{count} lines of {model}")
    time.sleep(0.3)  # one more flush interval: a line too many would show by now
    found = rows(proxy, model)
    assert len(found) == count, found
    return found


def check_error(answer: Answer, wire_format: str, status: int, code: str | None = None) -> str:
    """I1: an error in the caller's dialect with its status and headers. Returns its sentence."""
    assert answer.status == status, (answer.status, answer.body[:300])
    assert answer.is_complete
    assert (answer.header("content-type") or "").startswith("application/json")
    assert (answer.header("x-codegate-request-id") or "").startswith("req_")
    if code is not None:
        assert answer.header("x-codegate-error") == code
    value = answer.json()
    error = value["error"]
    if wire_format == "anthropic_messages":
        assert value["type"] == "error"
        assert set(error) >= {"type", "message"}
    else:
        assert set(error) >= {"message", "type", "code", "param"}
    assert "Traceback" not in error["message"]
    assert len(error["message"]) > 10
    return str(error["message"])


@contextlib.contextmanager
def nothing_left(
    proxy: Proxy, *, growth_kib: int = GROWTH_KIB, descriptors: int = POOLED
) -> Iterator[None]:
    """Run a block; within 2 s after it nothing of it is left (I2, I5, I7, I8)."""
    proxy.health()
    files, memory, written = proxy.descriptors(), proxy.rss_anon_kib(), len(proxy.log)
    yield
    proxy.wait_idle()
    wait_until(
        lambda: proxy.descriptors() <= files + descriptors, 2, "descriptors back where they were"
    )
    grown = proxy.rss_anon_kib() - memory
    assert grown < growth_kib, f"memory grew by {grown} KiB"
    fresh = proxy.log[written:]
    for word in (*FORBIDDEN, proxy.upstream_key, proxy.key):
        assert word not in fresh, fresh[-2000:]
