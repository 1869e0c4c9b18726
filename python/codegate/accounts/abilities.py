"""What a model can do at one account, as far as a trial showed it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """``None`` is unknown: the trial told nothing, or there was none."""

    has_vision: bool | None = None
    has_tools: bool | None = None
    checked_ms: int = 0
    """When it was tried, in milliseconds since 1970."""
