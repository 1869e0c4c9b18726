"""Trying upstreams until one commits: the loop over the plan, and what it does to the accounts."""

from __future__ import annotations

import asyncio
import logging
import time

from codegate import native
from codegate.proxy.attempt import Decision, Effect, Step, decide, reason
from codegate.proxy.exchange import Exchange
from codegate.proxy.services import Services
from codegate.requestlog.entry import AttemptRecord
from codegate.routing.failover import Failover
from codegate.routing.router import Upstream

logger = logging.getLogger("codegate.proxy")


async def try_upstreams(
    services: Services,
    exchange: Exchange,
    request: native.Request,
    head: native.Head,
    suffix: str,
) -> tuple[native.Attempt, Decision]:
    """The attempt that commits, or the last one that failed. The time for all of them together is
    fixed at the start of the exchange; no retry prolongs it."""
    settings = exchange.snapshot.settings
    plan = exchange.snapshot.plan(wire_format=exchange.wire_format, model=request.model)
    give_up_at = exchange.started + (
        settings.attempts_timeout_s if request.is_streaming else settings.total_timeout_s
    )
    failover = Failover(plan=plan, health=services.health, budget=services.retries)
    try:
        upstream = failover.first()
        while True:
            attempt = await _attempt(
                services, exchange, upstream, request, head, suffix, give_up_at
            )
            decision = decide(attempt)
            note(services, upstream.account.name, decision, reason(attempt))
            if decision.step is not Step.NEXT:
                return attempt, decision
            following = await _following(
                services, exchange, failover, upstream, decision, give_up_at
            )
            if following is None:
                return attempt, decision
            upstream = following
    finally:
        failover.end()


async def _following(
    services: Services,
    exchange: Exchange,
    failover: Failover,
    upstream: Upstream,
    decision: Decision,
    give_up_at: float,
) -> Upstream | None:
    """The upstream to try after a failure, waiting where the same one gets a second chance."""
    settings = exchange.snapshot.settings
    may_switch = (
        settings.auto_switch_on_rate_limit
        if decision.is_rate_limit
        else settings.auto_switch_on_error
    )
    if time.monotonic() >= give_up_at:
        return None
    if may_switch:
        other = failover.next_free()
        if other is not None:
            return other
    if decision.again_s is None:
        return None
    wait_s = failover.backoff_s() if decision.is_backoff else decision.again_s
    if time.monotonic() + wait_s >= give_up_at or not failover.again(upstream):
        return None
    await asyncio.sleep(wait_s)
    return upstream


async def _attempt(
    services: Services,
    exchange: Exchange,
    upstream: Upstream,
    request: native.Request,
    head: native.Head,
    suffix: str,
    give_up_at: float,
) -> native.Attempt:
    account = upstream.account.name
    exchange.account = account
    exchange.upstream = upstream
    exchange.upstream_model = upstream.model
    started = time.monotonic()
    try:
        attempt = await services.client.send(
            upstream.endpoint.target,
            upstream.endpoint.path + suffix,
            request,
            head,
            upstream.model,
            exchange.snapshot.max_output(upstream.model, asked=request.model),
            exchange.snapshot.deadlines(
                is_streaming=request.is_streaming, account=upstream.account
            ),
            give_up_at - started,
        )
    except BaseException:
        # Cancelled, or a defect of ours: nothing was learned about the account.
        services.health.gave_up(account)
        raise
    exchange.attempts.append(
        AttemptRecord(
            account=account,
            reason=reason(attempt),
            ms=round((time.monotonic() - started) * 1000, 2),
        )
    )
    return attempt


def note(services: Services, account: str, decision: Decision, why: str) -> None:
    """Tells the account's health what an attempt showed. A stream is judged at its end."""
    health = services.health
    match decision.effect:
        case Effect.SUCCESS:
            return
        case Effect.NONE:
            health.gave_up(account)
            return
        case Effect.FAULT:
            health.failed(account, why)
        case Effect.LIMITED:
            health.limited(account, decision.delay_s or 0.0, why)
        case Effect.OVERLOADED:
            health.overloaded(account, decision.delay_s, why)
        case Effect.EXHAUSTED:
            health.exhausted(account, decision.delay_s, why)
        case Effect.REFUSED:
            health.refused(account, why)
    report = health.report(account)
    logger.info(
        "account cooling",
        extra={
            "account": account,
            "reason": why,
            "state": report.state,
            "cooling_s": report.cooling_s,
            "faults": report.faults,
        },
    )
