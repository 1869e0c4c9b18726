"""What a command's module exports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from typer import Typer


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Adds one command, or one group of them, to the application."""

    register: Callable[[Typer], None]
