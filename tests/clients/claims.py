"""What every scenario claims of the requests that reached the upstream and of the answer's pace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.clients.scenario import require, require_equal
from tests.clients.stage import Stage
from tests.clients.upstreams import PACE_MS, PIECES_SENT, Arrival

_PIECES = 6
_PATHS = {"anthropic_messages": "/v1/messages", "openai_chat": "/v1/chat/completions"}
_SHARE_OF_PACE = 0.3


def came_through(stage: Stage, *, path: str, at_least: int) -> list[Arrival]:
    """The requests that reached the upstream.

    Each was for ``path``, or the path of the one format that the accounts speak, and showed the
    account's key; the caller's key came with none.
    """
    if len(stage.formats) == 1 and path in _PATHS.values():
        path = _PATHS[stage.formats[0]]
    arrivals = stage.arrivals()
    require(
        len(arrivals) >= at_least,
        f"{len(arrivals)} requests reached the upstream instead of {at_least}",
    )
    for arrival in arrivals:
        require_equal(arrival.path.partition("?")[0], path, "path at the upstream")
        require(arrival.key == stage.account_key, "a request came without the account's key")
        if stage.through.key != stage.account_key:
            shown = json.dumps([dict(arrival.headers), arrival.body])
            require(stage.through.key not in shown, "the caller's key reached the upstream")
    return arrivals


def tool_results(body: Any) -> int:
    """How many results of tools a request carries, in either format."""
    count = 0
    for message in body["messages"]:
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        count += sum(block["type"] == "tool_result" for block in blocks)
        count += message["role"] == "tool"
    return count


def came_in_pieces(arrived_s: Sequence[float]) -> None:
    """The pieces of an answer came while the upstream was still sending the rest of it.

    A busy machine joins pieces, so a part of the upstream's own time is enough.
    """
    require(len(arrived_s) >= _PIECES, f"{len(arrived_s)} pieces instead of {_PIECES} or more")
    spread_s = arrived_s[-1] - arrived_s[0]
    wanted_s = (PIECES_SENT - 1) * PACE_MS / 1000 * _SHARE_OF_PACE
    require(spread_s >= wanted_s, f"all pieces came within {spread_s * 1000:.0f} ms")
