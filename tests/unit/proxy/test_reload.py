"""Taking over changes: what goes wrong with one must not keep the next from taking effect."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from codegate.proxy.reload import Reloader
from codegate.storage.prepare import open_database


def test_a_defect_in_one_look_does_not_end_the_looking(tmp_path: Path) -> None:
    delivered: list[Any] = []
    calls = 0

    def load() -> str:
        nonlocal calls
        calls += 1
        if calls in (2, 3):
            raise ValueError("a defect")
        return f"snapshot {calls}"

    database = open_database(tmp_path)
    source: Any = SimpleNamespace(database=database, load=load, has_new_key=lambda: False)
    reloader = Reloader(source, delivered.append, interval_s=0.01)
    reloader.start()
    assert delivered == ["snapshot 1"]
    with database.change():
        pass
    end = time.monotonic() + 5
    while len(delivered) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    reloader.close()
    assert delivered == ["snapshot 1", "snapshot 4"]
