"""What a provider is: addresses, credential headers, key shapes and quirks, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from codegate.errors import WrongUsage

Echo = Literal["never", "calls", "always"]

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
class Quirks:
    """Where a service departs from the format that it speaks, as data."""

    takes_stream_options: bool = True
    """Whether it accepts ``stream_options`` in Chat Completions."""
    output_limit: str = "max_tokens"
    """The name of the output limit in Chat Completions. The newer one also says that the service
    takes what came with it: an end user, a cache key, a tier of service."""
    takes_text_parts: bool = True
    """Whether text may come as a list of parts; else it is joined."""
    takes_late_system: bool = True
    """Whether system messages may stand behind the first turn."""
    takes_effort: bool = True
    """Whether ``reasoning_effort`` is known."""
    efforts: tuple[str, ...] = ()
    """The levels that it takes, lowest first; others become the next higher one. Empty: all."""
    has_thinking_switch: bool = False
    """Whether ``thinking: {"type": "enabled"}``, or ``"disabled"``, turns reasoning on and off."""
    echo: Echo = "never"
    """Which turns of the assistant must come back with their ``reasoning_content``: none, those
    that called tools, or all."""
    has_think_tags: bool = False
    """Whether reasoning comes in ``<think>`` tags at the beginning of the text."""
    takes_images: bool | None = None
    """``None``: it depends on the model, or nobody knows."""
    refused: tuple[str, ...] = ()
    """Members of Chat Completions that make it refuse a request, or one value of a member:
    ``tool_choice:auto``, ``content:null``, ``response_format:json_schema``,
    ``schema:additionalProperties``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A service. ``base_urls`` is by wire format; empty where the operator gives the address.

    ``version`` is the path that the service's endpoints stand behind, for addresses that do not
    name one themselves. The first format is the one that ``--base-url`` speaks of.
    """

    name: str
    label: str
    base_urls: dict[str, str] = field(default_factory=dict)
    auth: dict[str, Auth] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    version: str = "v1"
    models_path: str = "/models"
    """The model list, behind the version like every endpoint."""
    key_prefixes: tuple[str, ...] = ()
    """What keys of this service and of no other begin with."""
    key_variables: tuple[str, ...] = ()
    """Environment variables in which tools keep a key of this service."""
    needs_key: bool = True
    is_storable: bool = True
    """Whether an operator may have an account there."""
    quirks: Quirks = field(default_factory=lambda: Quirks())

    @property
    def main_format(self) -> str:
        """The format of an address given without one."""
        return next(iter(self.base_urls), "openai_chat")

    def auth_for(self, wire_format: str) -> Auth:
        """How the credential travels in ``wire_format``."""
        return self.auth.get(wire_format, DEFAULT_AUTH[wire_format])


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

    Raises ``WrongUsage`` for an address that cannot be one.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise WrongUsage(f"{base_url!r} is not an http:// or https:// address")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise WrongUsage("an upstream address must not hold a query, fragment or credential")
    root = parts.path.rstrip("/")
    for suffix in (*ENDPOINTS.values(), "/responses"):
        # Some documentation gives the whole endpoint instead of the base.
        root = root.removesuffix(suffix)
    return Endpoint(
        base_url=f"{parts.scheme}://{parts.netloc}", root=_versioned(root, provider.version)
    )


def _versioned(root: str, version: str) -> str:
    """``root`` with the version that endpoints stand behind, where it has none yet."""
    segments = root.split("/")
    # ``/v1`` and ``/api/v4`` end in a version; ``/v1beta/openai`` has a dialect behind it.
    if _VERSION.fullmatch(segments[-1]) and "/" not in version:
        return root
    if len(segments) > 1 and segments[-1] == "openai" and _VERSION.fullmatch(segments[-2]):
        return root
    head, _, tail = version.partition("/")
    if tail and segments[-1] == head:
        return f"{root}/{tail}"
    return f"{root}/{version}"
