"""A long turn on two accounts while every second answer of the upstream is preceded by a fault."""

from __future__ import annotations

import json
import random
import time
from typing import Any

from tests.clients.scenario import require_equal
from tests.clients.stage import Stage
from tests.clients.upstreams import CodegateMock

TURNS = 20
_SEED = 9212
_LOG_S = 5.0
"""Within this time the proxy's log holds what has ended."""
_FAULTS = (
    "status-429-after-1",
    "status-429-after-ms-300",
    "status-429",
    "status-529",
    "status-500",
    "status-503-after-1",
    "reset-before-status",
    "refuse-after-accept",
    "error-first-event",
    "error-200",
    "html-200",
    "html-502",
    "empty-200",
)


def fail_every_second(stage: Stage, answers: int) -> int:
    """Queue a fault before every second of ``answers``; how many faults."""
    if not isinstance(stage.upstream, CodegateMock):
        raise TypeError("only the product's own mock takes faults")
    rng = random.Random(_SEED)
    faults = [rng.choice(_FAULTS) for _ in range(answers // 2)]
    stage.upstream.fail([line for fault in faults for line in ("", fault, "")])
    return len(faults)


def client_noticed_nothing(stage: Stage, *, path: str, answers: int, faults: int) -> None:
    """The proxy served each request of the client with 200, once; the upstream saw the faults."""
    asked = _exchanges(stage, path)
    deadline_s = time.monotonic() + _LOG_S
    while len(asked) < answers and time.monotonic() < deadline_s:
        time.sleep(0.1)
        asked = _exchanges(stage, path)
    require_equal([line["status"] for line in asked], [200] * answers, "what the client got")
    require_equal({line["outcome"] for line in asked}, {"ok"}, "outcomes")
    attempts = [attempt for line in asked for attempt in line["attempts"]]
    used = {attempt["account"] for attempt in attempts}
    require_equal(len(used), 2, f"accounts used ({used})")
    arrivals = [a for a in stage.arrivals() if a.path.partition("?")[0] == path]
    require_equal(sum(a.fault is not None for a in arrivals), faults, "faults at the upstream")
    bodies = {json.dumps(arrival.body, sort_keys=True) for arrival in arrivals}
    require_equal(len(bodies), answers, "different requests at the upstream")


def _exchanges(stage: Stage, path: str) -> list[dict[str, Any]]:
    said = [json.loads(line) for line in stage.proxy_said.splitlines() if line.startswith("{")]
    exchanges = [line for line in said if line["message"] == "exchange"]
    return [line for line in exchanges if line["path"].partition("?")[0] == path]
