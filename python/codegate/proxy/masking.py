"""Masking a request before its first attempt, on the loop or beside it."""

from __future__ import annotations

import logging

from codegate import native
from codegate.errors import GuardrailBlocked, GuardrailUnavailable
from codegate.proxy.exchange import Exchange
from codegate.proxy.services import Services

logger = logging.getLogger("codegate.proxy")

_OFF_LOOP_BYTES = 128 * 1024
"""Less than this is looked through in well under a millisecond."""


async def mask(services: Services, exchange: Exchange, request: native.Request) -> native.Request:
    """The request as every attempt sends it. Raises ``GuardrailBlocked``, or
    ``GuardrailUnavailable`` where it could not be looked through and must not leave for that."""
    snapshot = exchange.snapshot
    guard = snapshot.guards.get(exchange.tenant)
    if guard is None:
        return request
    try:
        if request.body_bytes > _OFF_LOOP_BYTES:
            masked = await services.client.mask(guard, request)
        else:
            masked = guard.mask(request)
    except native.GuardrailError as error:
        if snapshot.settings.guardrail_fail_open:
            logger.warning(
                "a request went up unmasked",
                extra={"request_id": exchange.request_id, "reason": str(error)},
            )
            return request
        raise GuardrailUnavailable(
            f"guardrails: {error}; nothing of this request was sent to a provider"
        ) from None
    exchange.masked = tuple(masked.counts)
    if masked.blocked is not None:
        raise GuardrailBlocked(
            f"this request holds data of the kind {masked.blocked!r}, which must not leave; "
            "remove it and send the request again"
        )
    return masked.request
