"""An account: one credential at one provider, and the native targets made of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from codegate import native
from codegate.config import UpstreamFlag
from codegate.errors import ConfigError
from codegate.providers.base import ENDPOINTS, Endpoint, Provider, endpoint

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEndpoint:
    """One wire format that an account speaks natively."""

    format: str
    address: Endpoint
    target: native.Target
    path: str
    """Where requests of this format go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as routing sees it. ``models`` empty: it takes any model name."""

    name: str
    provider: str
    priority: int = 0
    created: int = 0
    """Order of creation; the older account goes first among equals."""
    models: tuple[str, ...] = ()
    endpoints: dict[str, AccountEndpoint] = field(default_factory=dict)

    def takes(self, model: str) -> bool:
        """Whether the account may be asked for ``model``."""
        return not self.models or model in self.models


def check_name(name: str) -> str:
    """``name`` if it can be an account's. Raises ``ConfigError``."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot be an account's name: use 1 to 64 of A-Z a-z 0-9 . _ -")
    return name


def build_endpoint(
    provider: Provider, wire_format: str, base_url: str, api_key: str
) -> AccountEndpoint:
    """The native target for one format. Raises ``ConfigError`` for what cannot be used."""
    auth = provider.auth_for(wire_format)
    address = endpoint(provider, base_url)
    try:
        target = native.Target(
            wire_format,
            address.base_url,
            (auth.header, auth.prefix, api_key) if api_key else None,
            list(provider.headers),
        )
    except ValueError as error:
        raise ConfigError(f"{wire_format}: {error}") from None
    return AccountEndpoint(
        format=wire_format,
        address=address,
        target=target,
        path=address.path(ENDPOINTS[wire_format]),
    )


def from_flags(flags: Iterable[UpstreamFlag], provider: Provider) -> tuple[Account, ...]:
    """One account for each ``--upstream``, named after its format, numbered when repeated."""
    accounts: list[Account] = []
    for flag in flags:
        same = sum(1 for a in accounts if flag.format in a.endpoints)
        name = flag.format if same == 0 else f"{flag.format}-{same + 1}"
        made = build_endpoint(provider, flag.format, flag.base_url, flag.api_key)
        accounts.append(
            Account(
                name=name,
                provider=provider.name,
                created=len(accounts),
                endpoints={flag.format: made},
            )
        )
    return tuple(accounts)
