"""The plug points: a file that exports the constant is found, anything else is refused."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from codegate.registry import discover


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package with one plug, one module without, and one whose name sorts first."""
    root = tmp_path / "plugs_of_a_test"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "beta.py").write_text("PLUG = 'b'\n")
    (root / "alpha.py").write_text("PLUG = 'a'\n")
    (root / "shared.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("plugs_of_a_test")
    for name in [name for name in sys.modules if name.startswith("plugs_of_a_test")]:
        del sys.modules[name]


def test_plugs_are_found_in_name_order(package: ModuleType) -> None:
    assert list(discover(package, "PLUG", str).items()) == [("alpha", "a"), ("beta", "b")]


def test_a_plug_of_another_kind_is_refused(package: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"plugs_of_a_test\.alpha\.PLUG is not a int"):
        discover(package, "PLUG", int)
