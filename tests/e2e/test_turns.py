"""Plain and streamed turns in both formats, as a client sees them."""

from __future__ import annotations

from codegate.mock.provider import ThreadedMock
from tests.support.proxy import UPSTREAM_KEY, Proxy
from tests.support.raw import call, events


def test_a_turn_is_answered_and_receipted(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    answer = call(shared_proxy.port, shared_proxy.key, wire_format, "mock-large", stream=stream)
    assert answer.status == 200
    assert answer.is_complete
    assert answer.header("x-codegate-account") == wire_format
    assert answer.header("x-codegate-attempts") == "1"
    assert (answer.header("x-codegate-request-id") or "").startswith("req_")
    if stream:
        names = [name for name, _ in events(answer.body)]
        assert (names[-1] == "message_stop") if wire_format == "anthropic_messages" else names
    seen = shared_mock.requests[-1]
    sent_key = seen.header("x-api-key") or (seen.header("authorization") or "").removeprefix(
        "Bearer "
    )
    assert sent_key == UPSTREAM_KEY
