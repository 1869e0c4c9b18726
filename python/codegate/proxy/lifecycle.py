"""The life of an exchange. The only place that knows the order of its stages.

admit, read, parse, mask, plan, then each upstream until one commits, then relay; whatever
happens, one record of how it ended. Values go down, results come back; no stage calls an
earlier one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

from codegate import native
from codegate.downstream.base import ClientGone, Downstream, Header
from codegate.downstream.body import Body
from codegate.errors import (
    BadRequest,
    BrokenBody,
    CodegateError,
    Draining,
    InternalError,
    UpstreamError,
)
from codegate.proxy import admission
from codegate.proxy.attempt import Decision, Step, outcome_error
from codegate.proxy.count import has_counter, is_unknown, send_estimate
from codegate.proxy.exchange import Exchange
from codegate.proxy.masking import mask
from codegate.proxy.planned import fitted
from codegate.proxy.render import error_answer_headers, error_headers, send_error
from codegate.proxy.services import Services
from codegate.proxy.tries import log_cooling, try_upstreams
from codegate.requestlog.entry import Outcome
from codegate.routing.traffic import Seat, Traffic

logger = logging.getLogger("codegate.proxy")

Endpoint = Literal["", "/count_tokens"]

_WATCH_AFTER_S = 0.03
_PARSE_OFF_LOOP_BYTES = 2 * 1024 * 1024
"""Scanning less than this takes well under a millisecond."""

_OUR_SIDE = frozenset({"client_closed", "drained", "write_timeout"})
_TIMEOUT_REASONS = frozenset(
    {"connect_timeout", "first_byte_timeout", "idle_timeout", "total_timeout", "write_timeout"}
)
"""Ends of a stream that are not the upstream's doing."""


async def run_exchange(
    services: Services,
    wire_format: str,
    endpoint: Endpoint,
    downstream: Downstream,
) -> None:
    """Serve one model request from its head to its last byte."""
    exchange = Exchange(services.ids.next(), services.snapshot, wire_format, downstream.path)
    head = downstream.head
    try:
        admission.check_host(head, services.hosts)
        exchange.tenant = admission.admit(
            head, downstream.query, exchange.snapshot, is_draining=services.is_draining
        )
        if exchange.snapshot.settings.proxy_rpm:
            admission.check_rate(exchange.tenant, exchange.snapshot.settings, services.quota)
    except CodegateError as error:
        services.metrics.count_refused(error.code)
        await send_error(exchange, downstream, error)
        return

    task = asyncio.current_task(services.loop)
    assert task is not None  # noqa: S101  # ASGI servers call from a task
    services.exchanges.add(task)
    try:
        await _serve(services, exchange, task, endpoint, downstream)
    finally:
        services.exchanges.discard(task)
        entry = exchange.entry()
        if exchange.seat is not None:
            services.traffic.end(exchange.seat, entry.cost)
        elif entry.account:
            services.traffic.spend.add(entry.account, entry.cost)
        services.log.add(entry)


async def _serve(
    services: Services,
    exchange: Exchange,
    task: asyncio.Task[object],
    endpoint: Endpoint,
    downstream: Downstream,
) -> None:
    """The stages behind admission, and the one place where their failures become answers."""
    head = downstream.head
    try:
        body = Body(services.budget)
        try:
            if head.content_encoding is not None:
                _check_encoding(head.content_encoding)
            limit = exchange.snapshot.settings.max_body_bytes
            parts = await body.read(downstream, task, limit=limit, clock=services.clock)
            exchange.bytes_in = body.size
            try:
                if body.size > _PARSE_OFF_LOOP_BYTES:
                    request = await services.client.parse(exchange.wire_format, parts)
                else:
                    request = native.Request.parse(exchange.wire_format, parts)
            except native.BodyError as error:
                raise BadRequest(str(error)) from error
            body.hand_over()
            exchange.take(request, head)
            services.watchers.later(task, downstream, _WATCH_AFTER_S)
            if exchange.snapshot.guards:
                request = await mask(services, exchange, request)
            attempt = await _answer(services, exchange, request, endpoint, downstream)
            del parts, request
        finally:
            body.release()
        # A stream may last for long, and its request may be large: nothing holds that any more.
        if attempt is not None:
            await _relay(services, exchange, attempt, downstream)
    except ClientGone:
        # Whoever only broke its body off, or closed one direction, can still read why.
        await _fail(exchange, downstream, BrokenBody("the request body broke off before its end"))
        exchange.outcome = "client_closed"
    except asyncio.CancelledError:
        is_gone = services.watchers.has_left(task)
        if not is_gone and not services.is_past_drain:
            exchange.outcome = "drained"
            raise
        task.uncancel()
        await _break_off(exchange, downstream, is_gone=is_gone)
    except CodegateError as error:
        await _fail(exchange, downstream, error)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException:
        # A panic of the extension is no Exception, and must cost this exchange only.
        logger.exception("an exchange failed", extra={"request_id": exchange.request_id})
        await _fail(exchange, downstream, InternalError("the proxy failed; its log says where"))
    finally:
        services.watchers.leave(task)


async def _break_off(exchange: Exchange, downstream: Downstream, *, is_gone: bool) -> None:
    """The client left, or the proxy has to stop."""
    if exchange.is_delivered:
        # It had everything and hung up; the notice came before the relay's own.
        return
    if is_gone:
        exchange.outcome = "client_closed"
        return
    await _fail(exchange, downstream, Draining("the proxy was stopped; send the request again"))
    exchange.outcome = "drained"


def _check_encoding(encoding: bytes) -> None:
    if encoding != b"identity":
        raise BadRequest("compressed request bodies are not supported; send the body uncompressed")


async def _answer(
    services: Services,
    exchange: Exchange,
    request: native.Request,
    endpoint: Endpoint,
    downstream: Downstream,
) -> native.Attempt | None:
    """Answer, or return the attempt whose stream is to be relayed."""
    head, query = downstream.head, downstream.query
    is_beta = bool(query) and b"beta=true" in query.split(b"&")
    suffix = endpoint + "?beta=true" if is_beta else endpoint
    pin = head.account
    plan = exchange.snapshot.plan(wire_format=exchange.wire_format, model=exchange.model, pin=pin)
    if plan.lacking:
        # Most plans are not: they are spared the call.
        plan = await fitted(exchange, request, pin, plan)
    if endpoint and not has_counter(plan, exchange.wire_format):
        await send_estimate(exchange, request, downstream)
        return None
    attempt, decision = await try_upstreams(services, exchange, request, head, suffix, plan)
    if decision.step is Step.COMMIT:
        if attempt.is_stream:
            return attempt
        headers = [*attempt.headers, *exchange.receipt()]
        body = _note_plain(services.traffic, exchange, attempt)
        await downstream.send(exchange.status, headers, body)
    elif endpoint and is_unknown(attempt):
        await send_estimate(exchange, request, downstream)
    else:
        await _answer_failure(exchange, attempt, decision, downstream)
    return None


def _note_plain(traffic: Traffic, exchange: Exchange, attempt: native.Attempt) -> bytes:
    """Notes a plain answer; its body."""
    seat = exchange.seat
    assert seat is not None  # noqa: S101  # what commits has one
    exchange.begin(attempt.status)
    body = attempt.body
    exchange.bytes_out = len(body)
    exchange.usage = attempt.usage
    traffic.succeeded(seat)
    return body


async def _relay(
    services: Services,
    exchange: Exchange,
    attempt: native.Attempt,
    downstream: Downstream,
) -> None:
    headers: list[Header] = [*attempt.headers, *exchange.receipt()]
    seat = exchange.seat
    assert seat is not None  # noqa: S101  # what commits has one
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # as in run_exchange
    services.streams[task] = attempt
    try:
        exchange.begin(attempt.status)
        whole = attempt.whole()
        if whole is None:
            reason = (await downstream.relay(attempt.status, headers, attempt)).reason
        else:
            body, reason = whole
            await downstream.send(attempt.status, headers, body)
    finally:
        services.streams.pop(task, None)
        # A client that left ends the relay early: what was read until then still counts.
        progress = attempt.progress()
        exchange.bytes_out = progress.bytes_out
        exchange.usage = progress.usage
        exchange.malformed_events = progress.malformed_events
        if progress.delivered is not None:
            exchange.is_delivered = True
            _note_end(services.traffic, exchange, seat, progress.delivered)
    if not exchange.is_delivered:
        _note_end(services.traffic, exchange, seat, reason)


def _note_end(traffic: Traffic, exchange: Exchange, seat: Seat, reason_name: str) -> None:
    _judge_stream(traffic, seat, reason_name)
    exchange.outcome = _stream_outcome(reason_name)
    if reason_name in _OUR_SIDE:
        exchange.error_code = reason_name
    elif reason_name != "ok":
        exchange.error_code = f"upstream_{reason_name}"


def _judge_stream(traffic: Traffic, seat: Seat, reason_name: str) -> None:
    """Success is its end marker, never its beginning."""
    if reason_name == "ok":
        traffic.succeeded(seat)
    elif reason_name in _OUR_SIDE:
        traffic.gave_up(seat)
    else:
        traffic.failed(seat, reason_name)
        log_cooling(traffic, seat, reason_name)


def _stream_outcome(reason_name: str) -> Outcome:
    if reason_name == "ok":
        return "ok"
    if reason_name == "client_closed":
        return "client_closed"
    if reason_name == "drained":
        return "drained"
    return "timeout" if reason_name in _TIMEOUT_REASONS else "upstream_error"


async def _answer_failure(
    exchange: Exchange, attempt: native.Attempt, decision: Decision, downstream: Downstream
) -> None:
    """Passes the upstream's own error on where it is one in the caller's dialect."""
    error = outcome_error(attempt, exchange.wire_format)
    if error is not None:
        try:
            raise error
        finally:
            # It holds this frame: together they would keep the exchange until they are collected.
            del error
    exchange.outcome = "upstream_error"
    exchange.error_code = attempt.error_code or attempt.error_type or f"status_{attempt.status}"
    headers = [
        *error_answer_headers(attempt.headers, decision),
        *exchange.receipt(),
        (b"x-codegate-error", b"upstream_error"),
    ]
    body = attempt.body
    exchange.bytes_out = len(body)
    exchange.begin(attempt.answer_status)
    await downstream.send(attempt.answer_status, headers, body)


async def _fail(exchange: Exchange, downstream: Downstream, error: CodegateError) -> None:
    """Answers in the caller's dialect, or only records when the answer has begun."""
    if isinstance(error, UpstreamError):
        exchange.outcome = "timeout" if error.status == 504 else "upstream_error"
    else:
        exchange.outcome = "rejected"
    exchange.error_code = error.code
    if exchange.is_answered:
        # Nothing honest can follow a committed answer but its end, which the server makes.
        return
    await send_error(exchange, downstream, error, error_headers(exchange, error))
