"""Which account fails when: windows drawn from a seed, overlapping, never for the last account."""

from __future__ import annotations

import random
from dataclasses import dataclass

FAULTS = {
    "a1": "status-429-after-3",
    "a2": "status-529",
    "a3": "hang",
    "a4": "reset-after-3",
}
"""How each of the four fails, in the words of the mock provider."""

ACCOUNTS = (*FAULTS, "a5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """``account`` fails from ``begin_s`` to ``end_s`` of the run."""

    account: str
    begin_s: float
    end_s: float


def windows(seconds: float, seed: int) -> list[Window]:
    """At least one for each of the four, in order of their beginnings.

    Each account fails for two fifths of its time. All windows are over an eighth before the end,
    so that the last healing is seen too.
    """
    rng = random.Random(seed)
    found: list[Window] = []
    last = seconds * 7 / 8
    for account in FAULTS:
        at = rng.uniform(0.02, 0.1) * seconds
        while at < last:
            length = rng.uniform(0.08, 0.16) * seconds
            end = min(at + length, last)
            found.append(Window(account=account, begin_s=at, end_s=end))
            at = end + length * rng.uniform(1.0, 2.0)
    return sorted(found, key=lambda window: window.begin_s)


def failing_at_once(found: list[Window]) -> int:
    """The most accounts that fail at the same time."""
    return max(sum(w.begin_s <= one.begin_s < w.end_s for w in found) for one in found)
