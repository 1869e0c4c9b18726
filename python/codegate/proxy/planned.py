"""The plan of one request where its route holds accounts that lack what it may need."""

from __future__ import annotations

import asyncio

from codegate import native
from codegate.proxy.exchange import Exchange
from codegate.routing.needs import IMAGES, TOOLS
from codegate.routing.router import Plan

_OFF_LOOP_BYTES = 256 * 1024
"""Looking for images in less than this takes well under a millisecond."""


async def fitted(exchange: Exchange, request: native.Request, pin: str | None, plan: Plan) -> Plan:
    """``plan`` without those that lack what the request needs. The body is looked at for what
    some of them are known to lack, and for nothing else."""
    needs = ""
    if IMAGES in plan.lacking:
        if request.body_bytes > _OFF_LOOP_BYTES:
            has_images = await asyncio.to_thread(request.has_images)
        else:
            has_images = request.has_images()
        needs = IMAGES if has_images else ""
    if TOOLS in plan.lacking and request.has_tools():
        needs += TOOLS
    if not needs:
        return plan
    return exchange.snapshot.plan(
        wire_format=exchange.wire_format, model=request.model, pin=pin, needs=needs
    )
