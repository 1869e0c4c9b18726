"""Plug points: collects one constant from each module of a package."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def discover(package: ModuleType, constant: str, kind: type[T]) -> dict[str, T]:
    """The ``constant`` of every module of ``package`` that has one, by module name, in name order.

    Raises ``TypeError`` when a module's constant is not a ``kind``.
    """
    found: dict[str, T] = {}
    for module_name in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        module = importlib.import_module(f"{package.__name__}.{module_name}")
        value = getattr(module, constant, None)
        if value is None:
            continue
        if not isinstance(value, kind):
            raise TypeError(f"{module.__name__}.{constant} is not a {kind.__name__}")
        found[module_name] = value
    return found
