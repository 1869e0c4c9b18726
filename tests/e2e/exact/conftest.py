"""One proxy in front of one raw upstream, for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.corpus import FORMATS
from tests.support.proxy import Proxy
from tests.support.replay import Replay, replaying

ACCOUNTS = 64


@pytest.fixture(scope="session")
def replay() -> Iterator[Replay]:
    """The raw upstream of ``exact_proxy``."""
    with replaying() as server:
        yield server


@pytest.fixture(scope="session")
def exact_proxy(replay: Replay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy whose upstreams all lead to ``replay``.

    Each failure that a test plays takes an account out of use for a while, and must not be made up
    for by another one: there are many accounts, and none is tried in place of another.
    """
    proxy = Proxy(
        tmp_path_factory.mktemp("exact") / "data",
        upstreams=[f"{name}={replay.url}" for name in FORMATS] * ACCOUNTS,
        settings={
            "auto_switch_on_error": "off",
            "auto_switch_on_rate_limit": "off",
            "cooldown_base_s": 0,
        },
    )
    yield proxy
    proxy.stop()
    proxy.check_log()
