"""What a failing account costs the request that meets it: a hang, and a refused connection."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from codegate.mock.options import Options
from codegate.mock.provider import run_in_thread
from tests.support.proxy import Proxy, refusing_port, running
from tests.support.raw import call

HANG_S = 1.0
"""The limit for the first byte in this measurement."""
MOST_OVER_HANG_MS = 50.0
MOST_OVER_REFUSED_MS = 5.0

_FORMAT = "anthropic_messages"
_HANGS = 10
_REFUSALS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Milliseconds beyond what the same request takes when the next account is asked at once."""

    hang_median: float
    hang_most: float
    refused_median: float


def measure(folder: Path) -> Costs:
    """Medians over a few hangs and a few hundred refused connections."""
    with run_in_thread(Options()) as failing, run_in_thread(Options()) as well:
        # Without a cooldown the first account is asked first each time.
        settings = {"first_byte_timeout_s": HANG_S, "cooldown_base_s": 0}
        upstreams = [f"{_FORMAT}={failing.url}", f"{_FORMAT}={well.url}"]
        with running(folder / "hang", upstreams=upstreams, settings=settings) as proxy:
            direct = _median([_ask_ms(proxy, 1) for _ in range(_REFUSALS // 4)])
            failing.fault = "hang"
            hangs = [_ask_ms(proxy, 2) - HANG_S * 1000 - direct for _ in range(_HANGS)]
        alone = [upstreams[1]]
        with (
            refusing_port() as dead,
            running(folder / "alone", upstreams=alone, settings=settings) as without,
            running(
                folder / "beside",
                upstreams=[f"{_FORMAT}=http://127.0.0.1:{dead}", *alone],
                settings=settings,
            ) as proxy,
        ):
            # In turns, so that whatever else the machine does meets both alike.
            pairs = [(_ask_ms(without, 1), _ask_ms(proxy, 2)) for _ in range(_REFUSALS)]
    return Costs(
        hang_median=_median(hangs),
        hang_most=max(hangs),
        refused_median=_median([with_dead - plain for plain, with_dead in pairs]),
    )


def _ask_ms(proxy: Proxy, attempts: int) -> float:
    begun = time.perf_counter()
    answer = call(proxy.port, proxy.key, _FORMAT, "mock-large", stream=True)
    took_ms = (time.perf_counter() - begun) * 1000
    if answer.status != 200 or answer.header("x-codegate-attempts") != str(attempts):
        raise AssertionError(f"{answer.status} after {answer.header('x-codegate-attempts')} tries")
    return took_ms


def _median(values: list[float]) -> float:
    return statistics.median(values)
