"""The providers of this package, and which one a key belongs to."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from codegate import providers
from codegate.errors import WrongUsage
from codegate.providers.base import Provider
from codegate.registry import discover

_DEEPSEEK_SHAPE = re.compile(r"sk-[a-f0-9]{32}")
"""Also old keys of others look like this, so it is a guess and never decides."""


@functools.cache
def known_providers() -> dict[str, Provider]:
    """Every provider by name."""
    return discover(providers, "PROVIDER", Provider)


def storable_providers() -> dict[str, Provider]:
    """Those at which an account may be added."""
    return {n: p for n, p in known_providers().items() if p.is_storable}


def provider_named(name: str) -> Provider:
    """The provider called ``name``. Raises ``WrongUsage`` with those that there are."""
    found = known_providers().get(name)
    if found is None:
        raise WrongUsage(
            f"no provider is called {name!r}; known: {', '.join(sorted(known_providers()))}"
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """Whose key it is; ``others`` when its shape fits more than one service."""

    provider: Provider
    others: tuple[Provider, ...] = ()


def recognise(api_key: str) -> Recognised | None:
    """The provider whose keys begin like ``api_key``, the longest beginning winning."""
    best: tuple[int, Provider] | None = None
    for provider in known_providers().values():
        for prefix in provider.key_prefixes:
            if api_key.startswith(prefix) and (best is None or len(prefix) > best[0]):
                best = (len(prefix), provider)
    if best is None:
        return None
    if _DEEPSEEK_SHAPE.fullmatch(api_key):
        return Recognised(provider=best[1], others=(provider_named("deepseek"),))
    return Recognised(provider=best[1])
