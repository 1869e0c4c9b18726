"""What a provider is: addresses, credential headers and fixed headers, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from codegate.errors import ConfigError

_VERSION = re.compile(r"v\d+[a-z0-9]*")

ENDPOINTS: dict[str, str] = {
    "anthropic_messages": "/messages",
    "openai_chat": "/chat/completions",
}
"""The path of each wire format behind the version segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """The header that carries a credential: its name and what stands before the secret."""

    header: str
    prefix: str = ""


BEARER = Auth(header="authorization", prefix="Bearer ")
X_API_KEY = Auth(header="x-api-key")

DEFAULT_AUTH: dict[str, Auth] = {"anthropic_messages": X_API_KEY, "openai_chat": BEARER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A service. ``base_urls`` is by wire format; empty where the operator gives the address.

    ``version`` is the path segment that the service's endpoints stand behind, for addresses that
    do not name one themselves.
    """

    name: str
    label: str
    base_urls: dict[str, str] = field(default_factory=dict)
    auth: dict[str, Auth] = field(default_factory=lambda: dict(DEFAULT_AUTH))
    headers: tuple[tuple[str, str], ...] = ()
    version: str = "v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address split for the transport: where to connect, and the path of each call there."""

    base_url: str
    root: str
    """Path up to and including the version segment, without trailing slash."""

    def path(self, suffix: str) -> str:
        """The path of ``suffix`` (``/messages``) at this address."""
        return self.root + suffix


def endpoint(provider: Provider, base_url: str) -> Endpoint:
    """Splits ``base_url``, given with its version segment or without, both being common.

    Raises ``ConfigError`` for an address that cannot be one.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"{base_url!r} is not an http:// or https:// address")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigError("an upstream address must not hold a query, fragment or credential")
    root = parts.path.rstrip("/")
    for suffix in ENDPOINTS.values():
        # Some documentation gives the whole endpoint instead of the base.
        root = root.removesuffix(suffix)
    if not _VERSION.fullmatch(root.rpartition("/")[2]):
        root = f"{root}/{provider.version}"
    return Endpoint(base_url=f"{parts.scheme}://{parts.netloc}", root=root)
