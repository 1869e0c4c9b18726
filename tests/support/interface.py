"""The interface that the proxies of a run are started with, and what cannot hold over RSGI."""

from __future__ import annotations

import os

_VARIABLE = "CODEGATE_TEST_INTERFACE"

NEEDS_BACK_PRESSURE = frozenset(
    {
        "test_f55_clients_that_never_read_cost_little_memory",
        "test_f55_a_client_that_never_reads_is_cut_off",
    }
)
"""An RSGI transport says nothing of what the client took."""


def choose(interface: str) -> None:
    """Start every proxy from here on with ``interface``."""
    os.environ[_VARIABLE] = interface


def chosen() -> str:
    """``asgi`` unless the run says otherwise."""
    return os.environ.get(_VARIABLE, "asgi")
