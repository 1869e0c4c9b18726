"""An account as it is stored, and the rules for making and changing one."""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass, field, replace

from codegate.accounts.abilities import Abilities
from codegate.crypto.secret import Secret
from codegate.errors import ConfigError, WrongUsage
from codegate.providers.base import ENDPOINTS, Provider, endpoint
from codegate.providers.known import provider_named

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_RESERVED_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "content-type"}
)
_MAX_SECRET = 16 * 1024
_MAX_RPM = 1_000_000_000

CLEARABLE = frozenset(
    {
        *("models", "model_map", "default_model", "reasoning_model", "headers"),
        *("monthly_budget", "timeout_s"),
    }
)
"""Fields that may be taken away again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """One stored account. Money in 1e-12 USD, times in milliseconds since 1970."""

    id: str
    name: str
    provider: str
    endpoints: dict[str, str]
    """Address by wire format; no other host ever gets the keys."""
    keys: tuple[Secret, ...] = ()
    headers: dict[str, Secret] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    """What it offers; empty: any name."""
    model_map: dict[str, str] = field(default_factory=dict)
    default_model: str | None = None
    reasoning_model: str | None = None
    priority: int = 0
    rpm: int = 0
    """Requests a minute; 0 is no limit."""
    monthly_budget: int | None = None
    timeout_s: float | None = None
    is_enabled: bool = True
    created_ms: int = 0
    updated_ms: int = 0
    abilities: dict[str, Abilities] = field(default_factory=dict)
    """What trials showed, by model as the service calls it."""
    problem: str | None = None
    """Why a stored account cannot be used, e.g. a credential that does not decrypt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """What somebody wants an account to be; ``None`` leaves a field as it is."""

    api_keys: tuple[Secret, ...] | None = None
    base_url: str | None = None
    format: str | None = None
    endpoints: dict[str, str] | None = None
    headers: dict[str, Secret] | None = None
    models: tuple[str, ...] | None = None
    model_map: dict[str, str] | None = None
    default_model: str | None = None
    reasoning_model: str | None = None
    priority: int | None = None
    rpm: int | None = None
    monthly_budget: int | None = None
    timeout_s: float | None = None
    is_enabled: bool | None = None
    cleared: frozenset[str] = frozenset()
    """Names out of ``CLEARABLE`` to take away."""


def check_name(name: str) -> str:
    """``name`` if it can be an account's. Raises ``ConfigError``."""
    if not NAME.fullmatch(name):
        raise WrongUsage(f"{name!r} cannot be an account's name: use 1 to 64 of A-Z a-z 0-9 . _ -")
    return name


def make(name: str, provider: Provider, change: AccountChange) -> AccountRecord:
    """A new account. Raises ``ConfigError`` for what cannot work."""
    now = now_ms()
    blank = AccountRecord(
        id=uuid.uuid4().hex,
        name=check_name(name),
        provider=provider.name,
        endpoints=_addresses(provider, change) or dict(provider.base_urls),
        created_ms=now,
        updated_ms=now,
    )
    if not blank.endpoints:
        raise WrongUsage(f"{provider.label} has no address of its own: give --base-url")
    record = _applied(blank, change)
    if provider.needs_key and not record.keys:
        raise WrongUsage(f"an account at {provider.label} needs a key: give --api-key-stdin")
    return record


def edited(record: AccountRecord, change: AccountChange) -> AccountRecord:
    """``record`` with ``change`` applied. Raises ``ConfigError``.

    Stored credentials were given for the stored addresses: whoever changes an address has to give
    the keys again, and headers that are not given again are dropped.
    """
    addresses = _addresses(provider_named(record.provider), change)
    moved = bool(addresses) and addresses != record.endpoints
    if moved:
        if record.keys and change.api_keys is None:
            raise ConfigError("a new address needs the key again: give --api-key-stdin with it")
        record = replace(record, endpoints=addresses, keys=(), headers={}, abilities={})
    return replace(_applied(record, change), updated_ms=now_ms(), problem=None)


def _addresses(provider: Provider, change: AccountChange) -> dict[str, str]:
    """What the change says about addresses; empty where it says nothing.

    An address of the operator's own stands alone: the provider's other endpoints would send the
    key to hosts that he did not name.
    """
    found: dict[str, str] = {}
    if change.base_url is not None:
        found[change.format or provider.main_format] = change.base_url
    elif change.format is not None:
        if change.format not in provider.base_urls:
            raise WrongUsage(f"{provider.label} has no address for {change.format}: --base-url")
        found[change.format] = provider.base_urls[change.format]
    found.update(change.endpoints or {})
    for wire_format, url in found.items():
        if wire_format not in ENDPOINTS:
            raise WrongUsage(f"{wire_format!r} is not a format; use {' or '.join(ENDPOINTS)}")
        endpoint(provider, url)
    return found


def _applied(record: AccountRecord, change: AccountChange) -> AccountRecord:
    for name in change.cleared:
        record = replace(record, **{name: _EMPTY[name]})  # type: ignore[arg-type]  # by name
    given = {
        "keys": change.api_keys,
        "headers": change.headers,
        "models": change.models,
        "model_map": change.model_map,
        "default_model": change.default_model,
        "reasoning_model": change.reasoning_model,
        "priority": change.priority,
        "rpm": change.rpm,
        "monthly_budget": change.monthly_budget,
        "timeout_s": change.timeout_s,
        "is_enabled": change.is_enabled,
    }
    record = replace(record, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]  # by name
    _check(record)
    return record


_EMPTY: dict[str, object] = {
    "models": (),
    "model_map": {},
    "default_model": None,
    "reasoning_model": None,
    "headers": {},
    "monthly_budget": None,
    "timeout_s": None,
}


def _check(record: AccountRecord) -> None:
    for key in record.keys:
        text = key.reveal()
        if not text or len(text) > _MAX_SECRET or not text.isascii() or not text.isprintable():
            raise WrongUsage("an API key must be printable ASCII without line breaks")
        if text != text.strip():
            raise WrongUsage("an API key must not begin or end with a blank")
    for name, value in record.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _RESERVED_HEADERS:
            raise WrongUsage(f"--header: {name!r} cannot be set")
        if not value.reveal().isascii() or not value.reveal().isprintable():
            raise WrongUsage(f"--header: the value of {name} must be printable ASCII")
    if not 0 <= record.rpm <= _MAX_RPM:
        raise WrongUsage(f"--rpm must be between 0 (no limit) and {_MAX_RPM}")
    if record.timeout_s is not None and not 0 < record.timeout_s <= 3600:
        raise WrongUsage("--timeout must be over 0 and at most 3600 seconds")
    if abs(record.priority) > 1_000_000:
        raise WrongUsage("--priority must be between -1000000 and 1000000")


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000
