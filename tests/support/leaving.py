"""A client that hangs up, and how soon its upstream notices."""

from __future__ import annotations

import time

from codegate.mock.provider import ThreadedMock
from tests.support.proxy import Proxy
from tests.support.raw import RawClient, head, headers_of, model_request, path_of

SETTLE_S = 0.1


def leave(proxy: Proxy, mock: ThreadedMock, wire_format: str, model: str, *, stream: bool) -> float:
    """Call ``model``, close once the mock has the request, and return the seconds until the mock
    saw its own client leave."""
    # The journal is bounded, its count is not.
    seen = mock.journal.count
    body = model_request(wire_format, model, stream=stream)
    with RawClient(proxy.port) as client:
        headers = headers_of(wire_format, proxy.key)
        client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
        mock.wait_until(lambda: mock.journal.count > seen)
        entry = mock.requests[-1]
        assert entry.model == model
        time.sleep(SETTLE_S)  # it is silent, or in the middle of its stream
    left = time.monotonic()
    mock.wait_until(lambda: entry.closed_at is not None)
    assert entry.closed_at is not None
    return entry.closed_at - left
