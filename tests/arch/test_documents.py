"""Documents are short, true about files and versions, and speak of the product alone."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import codegate
from codegate import native
from tests.arch.tree import PACKAGE, ROOT, files, name, tracked

_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
_CODE_PATH = re.compile(r"`([\w./-]+/[\w.-]+\.(?:py|rs|pyi|md|toml))`")
_VERSION = re.compile(r"^## \[?(\d+\.\d+\.\d+)\]?", re.MULTILINE)

# Spelt in two halves, for this file is looked at too.
_PLACES = ["/wo" + "rk/", "/tmp/w" + "t", "/opt/wh" + "eels", "../sha" + "red", "/ho" + "me/"]
_REGISTRIES = ["pyp" + "i.org", "pythonhos" + "ted", "crates" + ".io", "npm" + "js"]
FORBIDDEN = re.compile("|".join(re.escape(word) for word in _PLACES + _REGISTRIES), re.IGNORECASE)
# Cargo names its index in its lock file; there is no form without.
EXEMPT = {"Cargo.lock"}

DOCUMENTS = sorted(files(ROOT, ".md"))


def cargo(path: str) -> dict[str, object]:
    """A Cargo.toml."""
    value: dict[str, object] = tomllib.loads((ROOT / path).read_text())
    return value


def test_the_readme_is_short() -> None:
    assert 20 < len((ROOT / "README.md").read_text().splitlines()) < 150


def test_one_version() -> None:
    workspace = cargo("Cargo.toml")["workspace"]
    assert isinstance(workspace, dict)
    version = workspace["package"]["version"]
    versions = _VERSION.findall((ROOT / "CHANGELOG.md").read_text())
    assert versions[0] == version
    assert codegate.__version__ == version


def test_nothing_names_a_machine_or_a_registry() -> None:
    found = []
    for file in tracked():
        if file.name in EXEMPT:
            continue
        text = file.read_bytes().decode("utf-8", "replace")
        found += [f"{name(file)}: {match.group()}" for match in FORBIDDEN.finditer(text)]
    assert found == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_and_named_files_exist(document: Path) -> None:
    text = document.read_text()
    links = [document.parent / target for target in _LINK.findall(text)]
    # Sources are named from the root, the package's and the crate's also from their own.
    roots = (ROOT, PACKAGE, ROOT / "rust", ROOT / "rust" / "src", document.parent)
    missing = [str(link) for link in links if not link.exists()]
    for path in _CODE_PATH.findall(text):
        if "<" not in path and not any((root / path).exists() for root in roots):
            missing.append(path)
    assert missing == []


def test_the_architecture_page_names_every_file_of_a_requests_way() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    way = [
        *files(PACKAGE / "asgi", ".py"),
        *files(PACKAGE / "rsgi", ".py"),
        *files(PACKAGE / "downstream", ".py"),
        *files(PACKAGE / "proxy", ".py"),
        *(f for f in (ROOT / "rust" / "src").glob("*.rs")),
        *files(ROOT / "rust" / "src" / "python", ".rs"),
    ]
    named = [f for f in way if f.name != "__init__.py"]
    assert [name(f) for f in named if f"{f.parent.name}/{f.name}" not in page] == []


def test_every_dependency_has_its_reason() -> None:
    page = next((ROOT / "docs" / "decisions").glob("*-dependencies.md")).read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for extra in project["project"]["optional-dependencies"].values():
        lines += extra
    names = {re.split(r"[\[<>=;! ]", line)[0] for line in lines}
    members = ("benches/counts", "benches/load", "rust/fuzz")
    for path in ("Cargo.toml", *(f"{member}/Cargo.toml" for member in members)):
        manifest = cargo(path)
        for table in ("dependencies", "dev-dependencies"):
            entries = manifest.get(table, {})
            assert isinstance(entries, dict)
            names |= set(entries) - {"codegate"}
    assert len(names) > 40
    assert sorted(n for n in names if f"`{n}`" not in page) == []


def test_decisions_are_numbered_without_gaps() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert numbers == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text()
        assert len(text.splitlines()) <= 80, name(page)
        for heading in ("## Context", "## Choice", "## Consequence"):
            assert heading in text, f"{name(page)} lacks {heading}"


def test_the_stub_names_what_the_extension_has() -> None:
    """Signatures are the type checker's stub test; here nothing may be missing or left over."""
    tree = ast.parse((PACKAGE / "_native.pyi").read_text())
    stub: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            stub[node.name] = {m.name for m in node.body if isinstance(m, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef):
            stub[node.name] = set()
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            stub[node.target.id] = set()
    module = {
        n: getattr(native, n) for n in dir(native) if not n.startswith("_") and n != "annotations"
    }
    assert set(module) == set(stub)
    for class_name, methods in stub.items():
        value = module[class_name]
        if not isinstance(value, type) or issubclass(value, Exception):
            continue
        public = {m for m in vars(value) if not m.startswith("_")}
        assert public == {m for m in methods if not m.startswith("_")}, class_name
