"""Watching clients: what has ended is let go of at once."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any, cast

from codegate.downstream.base import Downstream
from codegate.downstream.watch import Watchers


class Stays:
    """A client that does not leave."""

    async def left(self) -> None:
        await asyncio.Event().wait()


async def watched() -> weakref.ref[Any]:
    """A client that was watched until its exchange ended."""
    task = asyncio.current_task()
    assert task is not None
    watchers = Watchers(asyncio.get_running_loop())
    client = Stays()
    watchers.later(task, cast("Downstream", client), 0)
    await asyncio.sleep(0.05)
    assert not watchers.has_left(task)
    watchers.leave(task)
    await asyncio.sleep(0.01)
    watchers.close()
    return weakref.ref(client)


def test_a_watched_client_is_let_go_of_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(watched())() is None
    finally:
        gc.enable()
