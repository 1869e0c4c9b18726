"""A text that must not be printed."""

from __future__ import annotations


class Secret:
    """Shows as ``***`` wherever it is printed; ``reveal`` is the only way to its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """``text`` is what to guard."""
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends or encrypts it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))
