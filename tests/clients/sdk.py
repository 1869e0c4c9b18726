"""Runs the program of an SDK, straight at the upstream and through the proxy, and compares."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.clients.install import Client
from tests.clients.scenario import require, require_equal
from tests.clients.stage import Endpoint, Stage

Task = Mapping[str, Any]
Environment = Callable[[Endpoint], dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a program printed: what the SDK gave, and the paths of the requests that it sent."""

    answer: Any
    requests: tuple[str, ...]
    arrivals_s: tuple[float, ...]
    headers: Mapping[str, str]
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SDK:
    """A client library: which one, and how it learns of an endpoint."""

    client: Client
    environment: Environment

    def use(self, stage: Stage, endpoint: Endpoint, task: Task) -> Facts:
        """Runs one task against one endpoint."""
        done = stage.run_program(self.client, task, env=self.environment(endpoint))
        require_equal(done.code, 0, f"exit code ({done.errors[-500:]})")
        said = json.loads(done.output)
        return Facts(
            answer=said["answer"],
            requests=tuple(said["requests"]),
            arrivals_s=tuple(said.get("arrivals", ())),
            headers={name.lower(): value for name, value in said.get("headers", {}).items()},
            elapsed_s=said.get("elapsed_s", 0.0),
        )

    def use_both(self, stage: Stage, task: Task) -> Facts:
        """What came through the proxy, after the claim that it equals the upstream's own answer."""
        straight = self.use(stage, stage.straight, task)
        through = self.use(stage, stage.through, task)
        place = first_difference(through.answer, straight.answer)
        require(place is None, f"through the proxy it differs at {place}")
        require_equal(through.requests, straight.requests, "requests that the SDK sent")
        return through


def first_difference(found: Any, wanted: Any, place: str = "answer") -> str | None:
    """The first member in which two JSON values differ, with both values."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in sorted({*found, *wanted}):
            inner = f"{place}.{name}"
            if (name in found) != (name in wanted):
                return f"{inner}, which is {'extra' if name in found else 'missing'}"
            difference = first_difference(found[name], wanted[name], inner)
            if difference is not None:
                return difference
        return None
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for index, (left, right) in enumerate(zip(found, wanted, strict=True)):
            difference = first_difference(left, right, f"{place}[{index}]")
            if difference is not None:
                return difference
        return None
    if type(found) is type(wanted) and found == wanted:
        return None
    return f"{place}: {found!r} instead of {wanted!r}"
