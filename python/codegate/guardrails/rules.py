"""The wishes of one tenant, and their defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from codegate import native
from codegate.errors import WrongUsage

DETECTORS: tuple[str, ...] = tuple(sorted(set(native.GUARDRAIL_CATEGORIES) - {"custom"}))
"""What is looked for unless it is switched off."""

MODES = ("mask", "block", "observe")
MAX_RULES = 1000
"""Patterns, words and allowed values that one tenant may have of each."""
MAX_TEXT = 500


class Rule(NamedTuple):
    """One stored wish: a kind, what it is about, and its value where it has one."""

    kind: str
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is set differs from the defaults: every detector on, masking, restored in tools too."""

    off: frozenset[str] = frozenset()
    modes: Mapping[str, str] = field(default_factory=dict)
    not_in_tool_args: frozenset[str] = frozenset()
    patterns: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()

    def mode(self, category: str) -> str:
        """What happens with findings of ``category``: one of ``MODES``, or ``off``."""
        return "off" if category in self.off else self.modes.get(category, "mask")


def from_rows(rows: Iterable[Rule]) -> Rules:
    """The rules that are stored; those that this version does not know are left out."""
    off: set[str] = set()
    kept: set[str] = set()
    modes: dict[str, str] = {}
    patterns: dict[str, str] = {}
    words: list[str] = []
    allowed: list[str] = []
    for kind, name, value in rows:
        match kind:
            case "enabled" if value == "off":
                off.add(name)
            case "mode" if value in MODES:
                modes[name] = value
            case "tool_args" if value == "off":
                kept.add(name)
            case "pattern":
                patterns[name] = value
            case "word":
                words.append(name)
            case "allow":
                allowed.append(name)
            case _:
                pass
    return Rules(
        off=frozenset(off),
        modes=modes,
        not_in_tool_args=frozenset(kept),
        patterns=patterns,
        words=tuple(words),
        allowed=tuple(allowed),
    )


def category(name: str) -> str:
    """``name`` if it is a category. Raises ``WrongUsage`` naming those there are."""
    if name not in native.GUARDRAIL_CATEGORIES:
        known = ", ".join(sorted(native.GUARDRAIL_CATEGORIES))
        raise WrongUsage(f"no detector is called {name!r}; known: {known}")
    return name


def detector(name: str) -> str:
    """``name`` if a detector is called so. Raises ``WrongUsage`` naming those there are."""
    if name not in DETECTORS:
        raise WrongUsage(f"no detector is called {name!r}; known: {', '.join(DETECTORS)}")
    return name


def checked_pattern(pattern: str) -> str:
    """``pattern`` if it can be used. Raises ``WrongUsage`` with the reason."""
    checked_text(pattern)
    try:
        native.check_pattern(pattern)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise WrongUsage(f"the pattern cannot be used: {reason}") from None
    return pattern


def checked_text(text: str) -> str:
    """``text`` if it may be stored. Raises ``WrongUsage`` for nothing, or for too much."""
    if not text.strip("* \t\n") or len(text) > MAX_TEXT or "\0" in text:
        raise WrongUsage(f"give a text of 1 to {MAX_TEXT} characters that are not all blanks or *")
    return text
