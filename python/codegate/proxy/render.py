"""Our own errors in the caller's dialect, with the headers that make its retries sensible."""

from __future__ import annotations

import math

from codegate import native
from codegate.downstream.base import Downstream, Header
from codegate.downstream.response import JSON_TYPE, NO_STORE
from codegate.errors import BrokenBody, CodegateError, MethodNotAllowed, TooLarge
from codegate.proxy.attempt import Decision, Effect
from codegate.proxy.exchange import Exchange

_LONGEST_WAIT_S = 60.0
"""Clients obey longer waits by sleeping; they are told not to try again by themselves instead."""

_NEVER_MENDED_BY_RETRY = frozenset({401, 403, 421})


def error_headers(exchange: Exchange | None, error: CodegateError) -> list[Header]:
    """Headers of an error answer: stable code, receipt, and what a retry should do."""
    headers: list[Header] = [
        JSON_TYPE,
        NO_STORE,
        (b"x-codegate-error", error.code.encode("ascii")),
    ]
    if exchange is not None:
        headers += exchange.receipt()
    if error.retry_after_s is not None:
        seconds = max(1, math.ceil(error.retry_after_s))
        headers.append((b"retry-after", b"%d" % seconds))
    is_hopeless = not error.is_retryable and (
        error.status >= 500 or error.status in _NEVER_MENDED_BY_RETRY
    )
    if is_hopeless or (error.retry_after_s or 0) > _LONGEST_WAIT_S:
        headers.append((b"x-should-retry", b"false"))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", error.allow.encode("ascii")))
    if isinstance(error, TooLarge | BrokenBody) or error.status == 408:
        # The rest of the body is not read, so the connection cannot be used again.
        headers.append((b"connection", b"close"))
    return headers


def error_answer_headers(sent: list[Header], decision: Decision) -> list[Header]:
    """The headers of an upstream's own error for the client: it waits as long as the upstream
    wants, but no client sleeps for hours, or tries what only a person can mend."""
    names = {name for name, _ in sent}
    headers = list(sent)
    delay_s = decision.delay_s
    if delay_s is not None and not names & {b"retry-after", b"retry-after-ms"}:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(delay_s))))
    if decision.effect is Effect.EXHAUSTED or (delay_s or 0) > _LONGEST_WAIT_S:
        headers = [header for header in headers if header[0] != b"x-should-retry"]
        headers.append((b"x-should-retry", b"false"))
    return headers


async def send_error(
    exchange: Exchange,
    downstream: Downstream,
    error: CodegateError,
    headers: list[Header] | None = None,
) -> None:
    """Answer with ``error`` in the dialect of the exchange."""
    exchange.status = error.status
    exchange.is_answered = True
    body = native.error_body(
        exchange.wire_format, error.status, error.code, error.message, exchange.request_id
    )
    exchange.bytes_out = len(body)
    await downstream.send(error.status, headers or error_headers(exchange, error), body)


async def send_plain_error(
    downstream: Downstream, wire_format: str, request_id: str, error: CodegateError
) -> None:
    """Answer where no exchange exists: unknown paths, models, methods."""
    body = native.error_body(wire_format, error.status, error.code, error.message, request_id)
    headers = error_headers(None, error)
    headers.append((b"x-codegate-request-id", request_id.encode("ascii")))
    await downstream.send(error.status, headers, body)
