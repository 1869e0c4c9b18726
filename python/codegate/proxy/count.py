"""How many tokens a prompt has: by an upstream that counts, else by a guess that says so."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from codegate import native
from codegate.downstream.base import Downstream
from codegate.downstream.response import JSON_TYPE, NO_STORE
from codegate.errors import BadRequest
from codegate.proxy.exchange import Exchange
from codegate.routing.router import Plan

_NO_COUNTER = frozenset({404, 405, 501})
"""How services answer that have the format but no counter."""
_OFF_LOOP_BYTES = 64 * 1024


def has_counter(plan: Plan, wire_format: str) -> bool:
    """Whether the first account of the plan speaks the caller's format, and so may count."""
    return plan.upstreams[0].endpoint.format == wire_format


def counting(plan: Plan, wire_format: str) -> Plan:
    """The same plan without the upstreams that have no counter."""
    upstreams = tuple(u for u in plan.upstreams if u.endpoint.format == wire_format)
    return replace(plan, upstreams=upstreams)


def is_unknown(attempt: native.Attempt) -> bool:
    """Whether the upstream does not count at all."""
    return attempt.failure is None and attempt.status in _NO_COUNTER


async def send_estimate(
    exchange: Exchange, request: native.Request, downstream: Downstream
) -> None:
    """Answers with a guess. Raises ``BadRequest`` for a body that makes no sense."""
    try:
        if request.body_bytes > _OFF_LOOP_BYTES:
            tokens = await asyncio.to_thread(request.estimated_tokens)
        else:
            tokens = request.estimated_tokens()
    except native.BodyError as error:
        raise BadRequest(str(error)) from None
    body = b'{"input_tokens":%d}' % tokens
    exchange.bytes_out = len(body)
    headers = [JSON_TYPE, NO_STORE, *exchange.receipt(), (b"x-codegate-estimated", b"input_tokens")]
    exchange.begin(200)
    await downstream.send(200, headers, body)
