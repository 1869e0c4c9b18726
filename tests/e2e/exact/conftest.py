"""One proxy in front of one raw upstream, for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.corpus import FORMATS
from tests.support.proxy import Proxy
from tests.support.replay import Replay, replaying


@pytest.fixture(scope="session")
def replay() -> Iterator[Replay]:
    """The raw upstream of ``exact_proxy``."""
    with replaying() as server:
        yield server


@pytest.fixture(scope="session")
def exact_proxy(replay: Replay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy with settings as installed, both formats leading to ``replay``."""
    proxy = Proxy(
        tmp_path_factory.mktemp("exact") / "data",
        upstreams=[f"{name}={replay.url}" for name in FORMATS],
    )
    yield proxy
    proxy.stop()
    proxy.check_log()
