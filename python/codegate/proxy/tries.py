"""Trying upstreams until one commits: the loop over the plan, and what it does to the accounts."""

from __future__ import annotations

import asyncio
import logging
import time

from codegate import native
from codegate.proxy.attempt import Decision, Effect, Step, decide, reason
from codegate.proxy.count import counting
from codegate.proxy.exchange import Exchange, in_ms
from codegate.proxy.services import Services
from codegate.requestlog.entry import AttemptRecord
from codegate.routing.affinity import Session
from codegate.routing.failover import Failover
from codegate.routing.router import Plan
from codegate.routing.traffic import Seat, Traffic

logger = logging.getLogger("codegate.proxy")


async def try_upstreams(
    services: Services,
    exchange: Exchange,
    request: native.Request,
    head: native.Head,
    suffix: str,
    plan: Plan,
) -> tuple[native.Attempt, Decision]:
    """The attempt that commits, or the last one that failed. The time for all of them together is
    fixed at the start of the exchange; no retry prolongs it.

    What commits keeps its seat, as ``exchange.seat``, until the exchange has ended.
    """
    settings = exchange.snapshot.settings
    if suffix and suffix.startswith("/count_tokens"):
        plan = counting(plan, exchange.wire_format)
    give_up_at = exchange.started + (
        settings.attempts_timeout_s if exchange.is_streaming else settings.total_timeout_s
    )
    traffic = services.traffic
    seat = traffic.take_plainly(plan.upstreams[0]) if plan.is_plain else None
    failover = None
    if seat is None:
        failover = Failover(plan=plan, traffic=traffic)
        if settings.affinity and not plan.is_lone:
            failover.session = _session(exchange, request, plan)
            failover.is_long = failover.session is not None and request.asks_long_cache()
        seat = failover.first()
    try:
        while True:
            started = time.monotonic()
            try:
                attempt = await _sent(
                    services, exchange, seat, request, head, suffix, give_up_at - started
                )
            except BaseException:
                # Cancelled, or a defect of ours: nothing was learned about the account.
                traffic.leave(seat)
                raise
            ms = in_ms(time.monotonic() - started)
            decision = decide(attempt)
            is_good = decision.step is Step.COMMIT
            why = "ok" if is_good else reason(attempt)
            losses = attempt.losses
            exchange.losses = tuple(losses) if losses else ()
            exchange.attempts.append(AttemptRecord(seat.account, why, ms))
            if is_good:
                traffic.answered(seat)
                exchange.seat = seat
                return attempt, decision
            note(traffic, seat, decision, why)
            traffic.leave(seat)
            if decision.step is Step.ANSWER:
                return attempt, decision
            if failover is None:
                failover = Failover(plan=plan, traffic=traffic, tried=[seat.credential])
            following = await _following(exchange, failover, seat, decision, give_up_at)
            if following is None:
                return attempt, decision
            seat = following
    finally:
        if failover is not None:
            failover.end()


def _session(exchange: Exchange, request: native.Request, plan: Plan) -> Session | None:
    """The conversation that the request belongs to, as far as anything tells."""
    name = exchange.session or request.prefix_hash()
    return None if name is None else Session(exchange.tenant, plan.group, name)


async def _following(
    exchange: Exchange,
    failover: Failover,
    seat: Seat,
    decision: Decision,
    give_up_at: float,
) -> Seat | None:
    """The place to try after a failure, waiting where the same one gets a second chance."""
    settings = exchange.snapshot.settings
    may_switch = (
        settings.auto_switch_on_rate_limit
        if decision.is_rate_limit
        else settings.auto_switch_on_error
    )
    if time.monotonic() >= give_up_at:
        return None
    if may_switch:
        other = failover.next_free() or failover.next_guessed()
        if other is not None:
            return other
    if decision.again_s is None:
        return None
    wait_s = failover.backoff_s() if decision.is_backoff else decision.again_s
    if time.monotonic() + wait_s >= give_up_at or not failover.may_again(seat):
        return None
    await asyncio.sleep(wait_s)
    return failover.again(seat)


def _sent(
    services: Services,
    exchange: Exchange,
    seat: Seat,
    request: native.Request,
    head: native.Head,
    suffix: str,
    within_s: float,
) -> native.Pending[native.Attempt]:
    """Begin an attempt."""
    upstream = seat.upstream
    snapshot = exchange.snapshot
    limits, names = snapshot.output_limits, (upstream.model, exchange.model)
    is_translated = upstream.endpoint.format != exchange.wire_format
    exchange.account = seat.account
    exchange.upstream = upstream
    exchange.upstream_model = upstream.model
    return services.client.send(
        seat.target,
        # What a client adds to a path belongs to its own format.
        upstream.endpoint.path if is_translated else upstream.endpoint.path + suffix,
        request,
        head,
        upstream.model,
        limits[names] if names in limits else snapshot.max_output(*names),
        snapshot.deadlines(exchange.is_streaming, upstream.account),
        within_s,
        upstream.abilities,
        snapshot.settings.strict_conversion,
    )


def note(traffic: Traffic, seat: Seat, decision: Decision, why: str) -> None:
    """Tells the account's health what an attempt showed. A stream is judged at its end."""
    match decision.effect:
        case Effect.SUCCESS:
            traffic.answered(seat)
            return
        case Effect.NONE:
            traffic.gave_up(seat)
            return
        case Effect.FAULT:
            traffic.failed(seat, why)
        case Effect.LIMITED:
            traffic.limited(seat, decision.delay_s, why)
        case Effect.OVERLOADED:
            traffic.overloaded(seat, decision.delay_s, why)
        case Effect.EXHAUSTED:
            traffic.exhausted(seat, decision.delay_s, why)
        case Effect.REFUSED:
            traffic.refused(seat, why)
    log_cooling(traffic, seat, why)


def log_cooling(traffic: Traffic, seat: Seat, why: str) -> None:
    """The line that tells an operator why an account is left alone, and for how long."""
    report = traffic.report(seat)
    logger.info(
        "account cooling",
        extra={
            "account": seat.credential,
            "reason": why,
            "state": report.state,
            "cooling_s": report.cooling_s,
            "faults": report.faults,
        },
    )
