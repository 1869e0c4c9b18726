"""Files and functions stay small enough to read at once."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.arch.tree import ROOT, files, name, rust_functions, without_tests

PYTHON_FILE = 600
RUST_FILE = 800
FUNCTION = 80
PYTHON_FOLDERS = [ROOT / "python", ROOT / "benches", ROOT / "tests" / "support"]
RUST_FOLDERS = [ROOT / "rust" / "src", ROOT / "rust" / "fuzz", ROOT / "benches"]


def test_python_files() -> None:
    found = [f for folder in PYTHON_FOLDERS for f in files(folder, ".py")]
    assert len(found) > 50
    lengths = {name(f): len(f.read_text().splitlines()) for f in found}
    assert {f: n for f, n in lengths.items() if n > PYTHON_FILE} == {}


def test_rust_files_without_their_tests() -> None:
    found = [f for folder in RUST_FOLDERS for f in files(folder, ".rs")]
    assert len(found) > 40
    lengths = {name(f): len(without_tests(f).splitlines()) for f in found}
    assert {f: n for f, n in lengths.items() if n > RUST_FILE} == {}


def test_python_functions() -> None:
    long = {}
    for folder in PYTHON_FOLDERS:
        for file in files(folder, ".py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or 0) - node.lineno + 1
                    if lines > FUNCTION:
                        long[f"{name(file)}:{node.name}"] = lines
    assert long == {}


def test_rust_functions() -> None:
    counted, long = 0, {}
    for folder in RUST_FOLDERS:
        for file in files(folder, ".rs"):
            for function, lines in rust_functions(without_tests(file)):
                counted += 1
                if lines > FUNCTION:
                    long[f"{name(file)}:{function}"] = lines
    assert counted > 300
    assert long == {}


def test_complexity() -> None:
    """Twelve branches at most, as pyproject.toml says."""
    result = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "C90", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_modules_say_what_they_are() -> None:
    """One sentence at least at the top of each module and each Rust file."""
    silent = [
        name(f)
        for f in files(ROOT / "python", ".py")
        if ast.get_docstring(ast.parse(f.read_text())) is None
    ]
    silent += [name(f) for f in files(ROOT / "rust", ".rs") if not f.read_text().startswith("//!")]
    assert silent == []
