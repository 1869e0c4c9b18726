"""Imports point down, every package has its place, and a breach is noticed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codegate.providers.known import known_providers
from tests.arch.tree import PACKAGE, ROOT, RUST, files, name, without_tests

FORMATS = sorted(folder.parent for folder in (RUST / "formats").glob("*/mod.rs"))


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the package below ``root`` against the contracts in pyproject.toml."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run(
        [
            *(str(Path(sys.executable).parent / "lint-imports"), "--no-cache"),
            *("--config", str(ROOT / "pyproject.toml")),
        ],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package's sources that may be spoilt."""
    ignore = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(PACKAGE, tmp_path / "codegate", ignore=ignore)
    return tmp_path


def test_the_package_keeps_its_contracts(copy: Path) -> None:
    result = lint_imports(copy)
    assert result.returncode == 0, result.stdout
    assert " 0 broken" in result.stdout


def _unplaced(package: Path) -> None:
    (package / "newcomer").mkdir()
    (package / "newcomer" / "__init__.py").write_text('"""A package without a place."""\n')


def _upward(package: Path) -> None:
    with (package / "errors.py").open("a") as file:
        file.write("\nfrom codegate.proxy import app  # noqa\n")


def _sideways(package: Path) -> None:
    with (package / "proxy" / "hosts.py").open("a") as file:
        file.write("\nfrom codegate.mock import options  # noqa\n")


def _for_types_only(package: Path) -> None:
    with (package / "config.py").open("a") as file:
        file.write("\nfrom typing import TYPE_CHECKING\n")
        file.write("if TYPE_CHECKING:\n    from codegate import server\n")


@pytest.mark.parametrize("spoil", [_unplaced, _upward, _sideways, _for_types_only])
def test_a_breach_is_noticed(copy: Path, spoil: Callable[[Path], None]) -> None:
    spoil(copy / "codegate")
    result = lint_imports(copy)
    assert result.returncode != 0, result.stdout


def test_one_module_imports_the_extension() -> None:
    naming = re.compile(r"(?:from|import) codegate\._native|from codegate import .*\b_native\b")
    importers = [name(f) for f in files(PACKAGE, ".py") if naming.search(f.read_text())]
    assert importers == ["python/codegate/native.py"]


def test_pyo3_stays_in_its_folder() -> None:
    naming = re.compile(r"\bpyo3::|use pyo3|extern crate pyo3")
    users = [f for f in files(ROOT, ".rs") if naming.search(f.read_text())]
    assert users
    assert [name(f) for f in users if not f.is_relative_to(RUST / "python")] == []


@pytest.mark.parametrize("folder", FORMATS, ids=lambda folder: folder.name)
def test_a_format_is_one_folder_with_one_constant(folder: Path) -> None:
    sources = {f: f.read_text() for f in folder.glob("*.rs")}
    declared = re.compile(r"^pub\(super\) const FORMAT: &dyn WireFormat = ", re.MULTILINE)
    found = [f.name for f, text in sources.items() for _ in declared.finditer(text)]
    assert found == ["mod.rs"]
    (shown,) = re.findall(
        r"fn name\(&self\) -> &'static str \{\s*\"(\w+)\"", sources[folder / "mod.rs"]
    )
    assert shown == folder.name
    listed = (RUST / "formats" / "mod.rs").read_text()
    assert f"mod {folder.name};" in listed
    assert f"{folder.name}::FORMAT" in listed


def _type_name(folder: Path) -> str:
    """The format's variant of ``Format``, and the type that implements it."""
    return "".join(word.title() for word in folder.name.split("_"))


@pytest.mark.parametrize("folder", FORMATS, ids=lambda folder: folder.name)
def test_a_format_names_no_other(folder: Path) -> None:
    others = [f for f in FORMATS if f != folder]
    assert others
    sources = list(files(folder, ".rs"))
    assert len(sources) > len(list(folder.glob("*.rs"))), "folders inside count, too"
    for other in others:
        vendor = other.name.partition("_")[0]
        naming = re.compile(rf"\b(?:{other.name}|{_type_name(other)})\b|{vendor}", re.IGNORECASE)
        for source in sources:
            found = naming.search(without_tests(source))
            assert not found, f"{name(source)} names {other.name}"


def _neutral() -> list[Path]:
    return [f for part in ("canonical", "translate") for f in files(RUST / part, ".rs")]


def test_what_formats_share_names_none_of_them_and_no_vendor() -> None:
    vendors = {*known_providers(), "claude", "gpt", "moonshot", "chatgpt"} - {"custom", "demo"}
    assert len(vendors) > 8
    names = [*(f.name for f in FORMATS), *map(_type_name, FORMATS), "chat completions"]
    naming = re.compile(
        "|".join(rf"(?<![a-z]){word}" for word in (*names, *vendors)), re.IGNORECASE
    )
    sources = _neutral()
    assert len(sources) > 12
    for source in sources:
        found = naming.search(without_tests(source))
        assert not found, f"{name(source)} names {found.group() if found else None}"


KNOW_CARRIERS = {"rust/src/guardrails/carriers.rs", "rust/src/guardrails/frames.rs"}
"""Guardrails know where text stands in each format."""


def test_formats_are_told_apart_in_their_own_folders() -> None:
    naming = re.compile("|".join(rf"\b{_type_name(f)}\b" for f in FORMATS))
    telling = {
        name(source)
        for source in files(RUST, ".rs")
        if not source.is_relative_to(RUST / "formats") and naming.search(without_tests(source))
    }
    assert telling == KNOW_CARRIERS
