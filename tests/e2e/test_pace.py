"""What the worker's threads ask of the system while much goes through them, and when it ends."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.support.provider import provider_process
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import RawClient, head, headers_of, model_request, path_of

STREAMS = 24


def policies(proxy: Proxy) -> set[int]:
    """The scheduling policies of the worker's threads."""
    found = set()
    for thread in os.listdir(f"/proc/{proxy.worker()}/task"):
        try:
            found.add(os.sched_getscheduler(int(thread)))
        except ProcessLookupError:
            continue
    return found


def can_change() -> bool:
    """Whether this system lets a process change its own policy, as most do."""
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not can_change(), reason="scheduling policies are not to be changed here")
def test_threads_wait_for_each_other_under_load_alone(
    start_proxy: Callable[..., Proxy],
) -> None:
    with provider_process("--pace", "10", "--deltas", "2000") as url:
        proxy = start_proxy(upstreams=[f"openai_chat={url}"])
        assert policies(proxy) == {os.SCHED_OTHER}
        body = model_request("openai_chat", "gpt-5-mini", stream=True)
        request = head(
            "POST",
            path_of("openai_chat"),
            headers_of("openai_chat", proxy.key),
            length=len(body),
        )
        clients = [RawClient(proxy.port) for _ in range(STREAMS)]
        for client in clients:
            client.send(request + body)
        wait_until(lambda: policies(proxy) == {os.SCHED_BATCH}, 15, "all threads to wait")
        for client in clients:
            client.close()
        wait_until(lambda: policies(proxy) == {os.SCHED_OTHER}, 10, "none to wait any more")
