"""Asks an account's service for its model list: does the key open it, and what is offered.

Control plane only. It goes to the stored address and nowhere else: redirects are not followed.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from codegate.accounts.record import AccountRecord
from codegate.providers.base import endpoint
from codegate.providers.known import provider_named

_TIMEOUT_S = 15.0
_MAX_BYTES = 8 * 1024 * 1024

_BY_STATUS = {
    401: ("invalid_api_key", "the service refused the key"),
    402: ("insufficient_balance", "the service says that the balance is used up"),
    403: ("forbidden", "the service refused: key without rights, or a blocked region"),
    404: ("endpoint_not_found", "nothing is served at this address; check --base-url"),
    429: ("rate_limited", "the service limits this key at the moment"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The result for one format and one key. ``code`` is ``ok`` or what is wrong."""

    format: str
    url: str
    key: int
    """Which key, counted from 1; 0 without keys."""
    code: str
    message: str
    status: int | None
    ms: int
    models: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        """Whether the account can be used this way."""
        return self.code == "ok"


def probe(record: AccountRecord, *, is_first_only: bool = False) -> tuple[Probe, ...]:
    """One request for each format and key, or until the first that succeeds."""
    results: list[Probe] = []
    with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False) as client:
        for wire_format in record.endpoints:
            for number in range(1, len(record.keys) + 1) if record.keys else (0,):
                results.append(_probe_one(client, record, wire_format, number))
                if is_first_only and results[-1].is_ok:
                    return tuple(results)
    return tuple(results)


def _probe_one(client: httpx.Client, record: AccountRecord, wire_format: str, number: int) -> Probe:
    provider = provider_named(record.provider)
    address = endpoint(provider, record.endpoints[wire_format])
    url = address.base_url + address.path(provider.models_path)
    headers = {**dict(provider.headers), "accept": "application/json"}
    if wire_format == "anthropic_messages":
        headers["anthropic-version"] = "2023-06-01"
    if number:
        auth = provider.auth_for(wire_format)
        headers[auth.header] = auth.prefix + record.keys[number - 1].reveal()
    headers |= {name.lower(): value.reveal() for name, value in record.headers.items()}
    started = time.monotonic()
    status: int | None = None
    models: tuple[str, ...] = ()
    try:
        with client.stream("GET", url, headers=headers) as answer:
            status = answer.status_code
            code, message, models = _judge(answer)
    except httpx.HTTPError as error:
        code, message = _failure(error)
    return Probe(
        format=wire_format,
        url=url,
        key=number,
        code=code,
        message=message,
        status=status,
        ms=round((time.monotonic() - started) * 1000),
        models=models,
    )


def _judge(answer: httpx.Response) -> tuple[str, str, tuple[str, ...]]:
    status = answer.status_code
    if status in _BY_STATUS:
        return (*_BY_STATUS[status], ())
    if 300 <= status < 400:
        return "redirected", "the service redirects elsewhere; check --base-url", ()
    if status != 200:
        return "upstream_error", f"the service answered with status {status}", ()
    body = bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > _MAX_BYTES:
            return "upstream_error", "the model list is too long", ()
    names = _names(bytes(body))
    if names is None:
        return "upstream_error", "what the service answered is no model list", ()
    return "ok", f"{len(names)} models", names


def _names(body: bytes) -> tuple[str, ...] | None:
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    items = value.get("data") if isinstance(value, dict) else None
    if not isinstance(items, list):
        return None
    names = [item.get("id") for item in items if isinstance(item, dict)]
    return tuple(name for name in names if isinstance(name, str) and name)


def _failure(error: httpx.HTTPError) -> tuple[str, str]:
    """What went wrong below HTTP. The library's own text may quote the address: it stays out."""
    if isinstance(error, httpx.TimeoutException):
        return "network_timeout", f"no answer within {_TIMEOUT_S:.0f} s"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls_error", "the TLS handshake failed; check the address and certificates"
        if isinstance(cause, socket.gaierror):
            return "dns_failed", "the host name is not known; check --base-url"
        if isinstance(cause, ConnectionRefusedError):
            return "connection_refused", "nothing listens at this address; check --base-url"
        cause = cause.__cause__ or cause.__context__
    return "connection_failed", "the connection failed"
