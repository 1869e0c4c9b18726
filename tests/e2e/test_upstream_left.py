"""A client that leaves frees its upstream, whatever the upstream is doing."""

from __future__ import annotations

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.aftermath import aftermath, check_good
from tests.support.leaving import leave
from tests.support.proxy import Proxy
from tests.support.raw import call

REPEATS = 200


@pytest.mark.parametrize("fault", ["hang", "hang-after-headers", "stall-after-2", "busy"])
def test_leaving_a_stream(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, fault: str
) -> None:
    with aftermath(shared_proxy, "client_closed"):
        left = leave(shared_proxy, shared_mock, wire_format, f"fault:{fault}#left", stream=True)
    assert left < 1


@pytest.mark.parametrize("fault", ["hang", "hang-after-headers", "drip-5"])
def test_leaving_a_plain_turn(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, fault: str
) -> None:
    with aftermath(shared_proxy, "client_closed"):
        left = leave(shared_proxy, shared_mock, wire_format, f"fault:{fault}#left", stream=False)
    assert left < 1


def test_hanging_up_after_the_whole_stream_is_no_leaving(
    shared_proxy: Proxy, wire_format: str
) -> None:
    with aftermath(shared_proxy, "ok", exchanges=REPEATS):
        for _ in range(REPEATS):
            answer = call(
                shared_proxy.port, shared_proxy.key, wire_format, "mock-large", stream=True
            )
            check_good(answer, wire_format, stream=True)
