"""The reference pages name everything that the product has, with its default."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from codegate import errors
from codegate.cli import build
from codegate.requestlog.entry import Outcome
from codegate.settings.settings import Settings
from codegate.telemetry.metrics import Metrics
from tests.arch.tree import PACKAGE, ROOT, RUST

PAGES = ROOT / "docs" / "reference"
_CODE = re.compile(r"""code = "(\w+)"|code="(\w+)\"""")
_NAMES = re.compile(r'=> "([a-z_]+)"')


def page(name: str) -> str:
    """A page of the reference."""
    return (PAGES / name).read_text()


def rows(text: str) -> dict[str, list[str]]:
    """The rows of all tables, by the code in their first column."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            for name in re.findall(r"`([^`]+)`", cells[0]):
                found[name] = cells[1:]
    return found


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda field: field.name)
def test_every_setting_stands_with_its_default(setting: typing.Any) -> None:
    shown = rows(page("settings.md"))[setting.name][0]
    if isinstance(setting.default, bool):
        assert shown == ("on" if setting.default else "off")
    else:
        assert float(shown) == setting.default


def test_no_setting_stands_there_that_does_not_exist() -> None:
    assert set(rows(page("settings.md"))) == {field.name for field in fields(Settings)}


def classes(base: type[errors.CodegateError]) -> Iterator[type[errors.CodegateError]]:
    """``base`` and everything below it."""
    yield base
    for kind in base.__subclasses__():
        yield from classes(kind)


def names_in(path: Path, beginning: str) -> set[str]:
    """The stable names that a ``fn name`` of the extension gives for an enumeration."""
    body = path.read_text().split(f"impl {beginning} {{", 1)[1].split("\n}", 1)[0]
    return set(_NAMES.findall(body))


def test_every_error_code_stands_with_its_status() -> None:
    shown = rows(page("errors.md"))
    for kind in classes(errors.CodegateError):
        if kind.__module__ != errors.__name__ or "code" not in vars(kind):
            continue
        cells = shown[kind.code]
        assert cells[0] in {str(kind.status), "none"}, kind.code


def test_every_code_in_the_source_stands_there() -> None:
    shown = rows(page("errors.md"))
    found = set()
    for file in PACKAGE.rglob("*.py"):
        if "mock" not in file.parts:
            found |= {a or b for a, b in _CODE.findall(file.read_text())}
    assert len(found) > 15
    assert sorted(found - set(shown)) == []


def test_every_way_an_upstream_fails_stands_there() -> None:
    shown = set(rows(page("errors.md")))
    failures = names_in(RUST / "transport" / "failure.rs", "FailureKind")
    assert len(failures) > 10
    assert sorted(f"upstream_{name}" for name in failures if f"upstream_{name}" not in shown) == []
    ends = names_in(RUST / "relay.rs", "End") - {"ok"}
    ours = {"client_closed", "write_timeout", "drained"}
    assert ours <= ends
    wanted = {name if name in ours else f"upstream_{name}" for name in ends}
    assert sorted(wanted - shown) == []


def test_every_outcome_stands_there() -> None:
    text = page("errors.md")
    assert [name for name in typing.get_args(Outcome) if f"`{name}`" not in text] == []


def test_every_metric_stands_with_its_labels() -> None:
    shown = rows(page("metrics.md"))
    metrics = Metrics()
    series = metrics.series(account="a", model="m", outcome="ok", wire_format="f")
    series.requests = series.input = series.cost = 1
    series.duration.observe([1000.0])
    series.first_byte.observe([1000.0])
    metrics.count_attempts(account="a", reason="ok", count=1)
    metrics.count_refused("x")
    metrics.count_masked("email", 1)
    names = set()
    for family in metrics.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        names.add(name)
        labels = set(family.samples[0].labels) - {"le"}
        assert {f"`{label}`" for label in labels} == set(shown[name][0].split(", ")), name
    assert len(names) >= 6
    source = (PACKAGE / "proxy" / "app.py").read_text()
    gauges = set(re.findall(r'"(codegate_\w+)"', source))
    assert gauges
    assert set(shown) == names | gauges


def commands(app: typer.Typer, prefix: str) -> Iterator[tuple[str, typing.Any]]:
    """Every command below ``app`` with its parameters' owner."""
    for command in app.registered_commands:
        assert command.name or command.callback
        name = command.name or command.callback.__name__  # type: ignore[union-attr]
        yield f"{prefix} {name}", command
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield f"{prefix} {group.name}", group
        yield from commands(group.typer_instance, f"{prefix} {group.name}")


def test_every_command_stands_there() -> None:
    shown = rows(page("cli.md"))
    found = {name for name, _ in commands(build(), "codegate")}
    assert {"codegate serve", "codegate key rotate"} <= found
    assert sorted(found - set(shown)) == []
    listed = {name for name in shown if name.startswith("codegate ") and "--" not in name}
    assert listed == found


def test_every_flag_of_serve_stands_there() -> None:
    shown = set(rows(page("cli.md")))
    serve = typer.main.get_command(build())
    (command,) = [c for name, c in serve.commands.items() if name == "serve"]  # type: ignore[attr-defined]
    flags = {option for parameter in command.params for option in parameter.opts}
    assert len(flags) >= 9
    assert sorted(flags - shown - {"--help"}) == []


def test_every_variable_stands_there() -> None:
    shown = set(rows(page("cli.md"))) | set(re.findall(r"`([A-Z_]+)`", page("cli.md")))
    source = (PACKAGE / "config.py").read_text()
    read = set(re.findall(r'(?:env|environ)\.get\("([A-Z_]+)"', source))
    read |= set(re.findall(r'secret_from_environment\(env, "([A-Z_]+)"', source))
    assert len(read) >= 9
    assert sorted(read - shown) == []
