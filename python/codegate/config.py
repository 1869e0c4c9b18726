"""Process settings: read from flags and environment once, validated, frozen."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from codegate.errors import ConfigError, WrongUsage

LogLevel = Literal["debug", "info", "warning", "error"]
Interface = Literal["asgi", "rsgi"]
INTERFACES: tuple[Interface, ...] = ("asgi", "rsgi")
LOG_LEVELS: tuple[LogLevel, ...] = ("debug", "info", "warning", "error")

DEFAULT_PROXY_PORT = 9212
DEFAULT_UI_PORT = 9211

SECRET_VARIABLES = ("PROXY_API_KEY", "ACCOUNT_KEY", "GUARDRAIL_KEY")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamFlag:
    """One ``--upstream FORMAT=URL`` with the credential that goes there."""

    format: str
    base_url: str
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that is fixed for the life of the process. Times and limits are settings."""

    host: str = "127.0.0.1"
    proxy_port: int = DEFAULT_PROXY_PORT
    ui_port: int = DEFAULT_UI_PORT
    data_dir: Path = Path("data")
    allowed_hosts: tuple[str, ...] = ()
    log_level: LogLevel = "info"
    workers: int = 1
    interface: Interface = "asgi"
    """How the server hands requests over; ``rsgi`` is cheaper and has no back-pressure."""
    proxy_api_key: str | None = field(default=None, repr=False)
    account_passphrase: str | None = field(default=None, repr=False)
    """``ACCOUNT_KEY``: takes the place of the key file for stored credentials."""
    guardrail_passphrase: str | None = field(default=None, repr=False)
    upstreams: tuple[UpstreamFlag, ...] = ()
    demo_upstreams: tuple[UpstreamFlag, ...] = ()
    """The built-in provider; it answers only while there is no other account."""
    settings: tuple[tuple[str, str], ...] = ()
    demo: bool = False
    https_proxy: str | None = field(default=None, repr=False)
    no_proxy: str = ""


def secret_from_environment(environ: Mapping[str, str], name: str) -> str | None:
    """The value of ``NAME`` or, where ``NAME_FILE`` is set, that file's content without newline.

    Raises ``ConfigError`` when both are set or the file cannot be read.
    """
    value, path = environ.get(name), environ.get(f"{name}_FILE")
    if path is None:
        return value or None
    if value is not None:
        raise ConfigError(f"both {name} and {name}_FILE are set; keep one of them")
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n") or None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}_FILE: cannot read {path}: {_reason(error)}") from None


def passphrase_from(environ: Mapping[str, str], name: str) -> str | None:
    """A key given by the environment; ``auto`` and nothing mean the key file."""
    value = secret_from_environment(environ, name)
    return None if value == "auto" else value


def check_database_url(environ: Mapping[str, str]) -> None:
    """Raises ``ConfigError`` for a database that this version cannot use."""
    if environ.get("DATABASE_URL"):
        raise ConfigError(
            "DATABASE_URL: this version keeps its data in SQLite under DATA_DIR; unset it"
        )


def forget_secrets(*names: str) -> None:
    """Take secrets out of this process's environment once they were read.

    The system shows the environment that a process began with to its owner, and forked workers
    share it: the bytes themselves are overwritten.
    """
    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_void_p
    for name in names:
        if name not in os.environ:
            continue
        address = library.getenv(os.fsencode(name))
        if address:
            ctypes.memset(address, ord("*"), len(os.fsencode(os.environ[name])))
        del os.environ[name]


def port_from(name: str, value: str) -> int:
    """A TCP port; 0 lets the system choose. Raises ``ConfigError`` naming ``name``."""
    if value.isascii() and value.isdigit() and int(value) <= 65535:
        return int(value)
    raise ConfigError(f"{name}: {value!r} is not a port (0 to 65535)")


def log_level_from(value: str) -> LogLevel:
    """A log level of ``LOG_LEVELS``, in any case."""
    level = value.lower()
    if level not in LOG_LEVELS:
        raise ConfigError(f"LOG_LEVEL: {value!r} is not one of {', '.join(LOG_LEVELS)}")
    return level


def workers_from(name: str, value: str) -> int:
    """The number of workers. More than one needs shared state, which does not exist yet."""
    if not (value.isascii() and value.isdigit() and int(value) >= 1):
        raise _refused(name)(f"{name}: {value!r} is not a number of workers (1 or more)")
    if int(value) > 1:
        raise _refused(name)(
            f"{name}: {value} workers need shared state for limits and cooldowns, "
            "which this version does not have; use 1"
        )
    return int(value)


def interface_from(name: str, value: str) -> Interface:
    """One of ``INTERFACES``, in any case. Raises ``ConfigError`` naming ``name``."""
    interface = value.lower()
    if interface not in INTERFACES:
        raise _refused(name)(f"{name}: {value!r} is not one of {', '.join(INTERFACES)}")
    return interface


def _refused(name: str) -> type[ConfigError]:
    """A wrong flag is wrong usage; a wrong variable was set by somebody else, perhaps."""
    return WrongUsage if name.startswith("--") else ConfigError


def hosts_from(value: str) -> tuple[str, ...]:
    """Host names of a comma-separated list, lower-cased, without ports."""
    hosts = []
    for entry in value.split(","):
        host = entry.strip().lower()
        if not host:
            continue
        if any(c in host for c in "/@?# ") or "://" in host:
            raise ConfigError(f"ALLOWED_HOSTS: {entry.strip()!r} is not a host name")
        hosts.append(host)
    return tuple(hosts)


def proxy_environment(environ: Mapping[str, str]) -> tuple[str | None, str]:
    """``HTTPS_PROXY`` and ``NO_PROXY``, in either case; lower case wins, as in curl.

    Raises ``ConfigError``, without the value: it may hold a password.
    """
    https = environ.get("https_proxy") or environ.get("HTTPS_PROXY") or None
    if https is not None and not _is_proxy_address(https):
        raise ConfigError("HTTPS_PROXY must have the form http://[user:password@]host:port")
    return https, environ.get("no_proxy", environ.get("NO_PROXY", ""))


def _is_proxy_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def from_environment(environ: Mapping[str, str] | None = None) -> Config:
    """The configuration that the environment alone gives; flags are laid over it by the CLI."""
    env = os.environ if environ is None else environ
    https_proxy, no_proxy = proxy_environment(env)
    check_database_url(env)
    return Config(
        host=env.get("HOST", "127.0.0.1"),
        proxy_port=port_from("PROXY_PORT", env.get("PROXY_PORT", str(DEFAULT_PROXY_PORT))),
        ui_port=port_from("UI_PORT", env.get("UI_PORT", str(DEFAULT_UI_PORT))),
        data_dir=Path(env.get("DATA_DIR", "data")),
        allowed_hosts=hosts_from(env.get("ALLOWED_HOSTS", "")),
        log_level=log_level_from(env.get("LOG_LEVEL", "info")),
        workers=workers_from("WORKERS", env.get("WORKERS", "1")),
        interface=interface_from("INTERFACE", env.get("INTERFACE", "asgi")),
        proxy_api_key=secret_from_environment(env, "PROXY_API_KEY"),
        account_passphrase=passphrase_from(env, "ACCOUNT_KEY"),
        guardrail_passphrase=passphrase_from(env, "GUARDRAIL_KEY"),
        https_proxy=https_proxy,
        no_proxy=no_proxy,
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or "input/output error").lower()
    return "not UTF-8 text"
