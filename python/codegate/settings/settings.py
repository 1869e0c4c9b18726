"""The settings, their defaults, and how their text form is read."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from codegate.errors import ConfigError, WrongUsage

logger = logging.getLogger("codegate.settings")

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Times end in ``_s`` (seconds), sizes in ``_bytes``."""

    connect_timeout_s: float = 5.0
    """Resolving, connecting and the TLS handshake of one attempt."""
    first_byte_timeout_s: float = 120.0
    """From sending a streamed request to its first event."""
    plain_first_byte_timeout_s: float = 600.0
    """From sending a plain request to the head of its answer."""
    idle_timeout_s: float = 120.0
    """Silence between two pieces of an answer."""
    total_timeout_s: float = 900.0
    """A whole plain answer."""
    stream_timeout_s: float = 0.0
    """A whole streamed answer; 0 is no limit."""
    attempts_timeout_s: float = 300.0
    """All attempts of a streamed request until its first event."""
    body_timeout_s: float = 30.0
    """Receiving a request body."""
    write_timeout_s: float = 120.0
    """A client that does not read what was sent to it."""
    cooldown_base_s: float = 15.0
    """The first cooldown of an account whose upstream did not say how long to stay away."""
    cooldown_max_s: float = 300.0
    """The longest such cooldown; it doubles with each failure in a row."""
    auto_switch_on_error: bool = True
    """Whether another account is tried when one fails."""
    auto_switch_on_rate_limit: bool = True
    """Whether another account is tried when one is at its limit."""
    affinity: bool = True
    """Whether a conversation stays at the account that has its prompt cache."""
    keep_alive_interval_s: float = 15.0
    """Silence in a stream after which the client gets a keep-alive."""
    drain_timeout_s: float = 30.0
    """How long running exchanges may go on once the process was told to stop."""
    drain_delay_s: float = 0.0
    """How long ``/readyz`` says 503 before the listener closes."""
    proxy_rpm: int = 0
    """Requests that one key may make in any 60 seconds; 0 is no limit."""
    max_body_bytes: int = 32 * MIB
    """One request body."""
    max_answer_bytes: int = 64 * MIB
    """One plain answer, or one event of a stream."""
    max_bodies_bytes: int = 512 * MIB
    """All request bodies in memory together; beyond it new ones get 503."""
    strict_conversion: bool = False
    """Whether a request is refused where translating it would lose some of its meaning."""
    metrics_public: bool = False
    """Whether ``/metrics`` answers callers that are not on loopback."""
    request_logging: bool = True
    """Whether each exchange leaves one row in the database, which ``codegate logs`` shows."""
    access_log: bool = False
    """Whether exchanges that ended well leave a line on standard error too, as others do; without
    ``request_logging`` none does."""
    log_retention_days: int = 30
    """How long rows of the request log are kept; 0 is for ever."""
    guardrails: bool = False
    """Whether secrets and personal data are masked on their way up and restored on the way down."""
    guardrail_portable: bool = False
    """Whether tokens of short values carry them, encrypted, and open without their request."""
    guardrail_timeout_s: float = 5.0
    """Looking through one request; beyond it the request is refused. 0 is no limit."""
    guardrail_fail_open: bool = False
    """Whether a request that could not be looked through goes up unmasked."""


def parse(settings: Settings, pairs: Iterable[tuple[str, str]]) -> Settings:
    """``settings`` with text values laid over. Raises ``ConfigError`` naming what is wrong."""
    known = {f.name: f.type for f in fields(Settings)}
    changes: dict[str, float | int | bool] = {}
    for name, text in pairs:
        if name not in known:
            raise WrongUsage(f"no setting is called {name!r}; known: {', '.join(sorted(known))}")
        changes[name] = _read(name, text, str(known[name]))
    return replace(settings, **changes)  # type: ignore[arg-type]  # kinds were checked by _read


def in_force(stored: Mapping[str, str], flags: Iterable[tuple[str, str]]) -> Settings:
    """The defaults, what is stored over them, and ``--setting`` over both.

    A stored name or value that this version does not know is left out with a warning: a database
    may come from a version that had it. Raises ``ConfigError`` for a flag.
    """
    settings = Settings()
    for pair in stored.items():
        try:
            settings = parse(settings, [pair])
        except ConfigError as error:
            logger.warning("a stored setting is not used", extra={"reason": error.message})
    return parse(settings, flags)


def as_text(value: float | int | bool) -> str:
    """A value as ``parse`` reads it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) and value == int(value) else str(value)


def _read(name: str, text: str, kind: str) -> float | int | bool:
    if kind == "bool":
        if text.lower() in {"on", "true", "1", "yes"}:
            return True
        if text.lower() in {"off", "false", "0", "no"}:
            return False
        raise WrongUsage(f"{name}: {text!r} is neither on nor off")
    try:
        value = int(text) if kind == "int" else float(text)
    except ValueError:
        raise WrongUsage(f"{name}: {text!r} is not a number") from None
    # NaN fails this comparison too.
    if not 0 <= value < 2**53:
        raise WrongUsage(f"{name}: {text!r} must be a number from 0 on")
    return value
