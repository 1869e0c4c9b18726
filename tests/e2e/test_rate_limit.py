"""The limit of the proxy key, under parallel requests."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from codegate.mock.provider import ThreadedMock
from tests.support.proxy import Proxy
from tests.support.raw import call, check_error


def test_s42_the_limit_holds_at_200_parallel_requests(
    mock: ThreadedMock, start_proxy: Callable[..., Proxy], wire_format: str
) -> None:
    proxy = start_proxy(upstreams=[f"{wire_format}={mock.url}"], settings={"proxy_rpm": 50})
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(
                lambda _: call(proxy.port, proxy.key, wire_format, "m", stream=False), range(200)
            )
        )
    assert sum(answer.status == 200 for answer in answers) == 50
    assert len(mock.requests) == 50
    refused = next(answer for answer in answers if answer.status != 200)
    check_error(refused, wire_format, 429)
    assert 1 <= int(refused.header("retry-after") or 0) <= 60
    assert refused.header("x-codegate-error") == "rate_limited"
