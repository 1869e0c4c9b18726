"""``codegate guardrails``: what is masked, and what happens with it."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from codegate.cli.command import Command
from codegate.cli.output import print_json, print_table
from codegate.cli.state import AsJson, DataDir, State, opened
from codegate.errors import ConfigError
from codegate.guardrails import keys, store
from codegate.guardrails.guards import make
from codegate.guardrails.rules import (
    DETECTORS,
    Rule,
    Rules,
    category,
    checked_pattern,
    checked_text,
    detector,
)
from codegate.settings import store as settings_store
from codegate.settings.settings import in_force

app = typer.Typer(help="What is masked on its way to a provider.", no_args_is_help=True)
pattern_app = typer.Typer(help="Patterns and words of your own.", no_args_is_help=True)
allow_app = typer.Typer(help="Values that are never masked.", no_args_is_help=True)
app.add_typer(pattern_app, name="pattern")
app.add_typer(allow_app, name="allow")

TENANT = "default"

Detector = Annotated[str | None, typer.Argument(help="A detector; without one, the master switch.")]
Category = Annotated[str, typer.Argument(help="A detector, or custom for patterns of your own.")]


class Mode(StrEnum):
    """What happens with what a detector finds."""

    MASK = "mask"
    BLOCK = "block"
    OBSERVE = "observe"


class Switch(StrEnum):
    """On or off."""

    ON = "on"
    OFF = "off"


@app.command("list")
def list_(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the detectors with their modes, and whether guardrails are on at all."""
    with opened(data_dir) as state:
        rules, is_on = _rules(state), _is_on(state)
    items = [
        {
            "name": name,
            "is_enabled": name not in rules.off,
            "mode": _mode(rules, name),
            "restore_in_tool_args": name not in rules.not_in_tool_args,
        }
        for name in (*DETECTORS, "custom")
    ]
    if as_json:
        print_json({"is_on": is_on, "items": items})
        return
    typer.echo(f"Guardrails are {'on' if is_on else 'off'}.")
    print_table(
        ("detector", "enabled", "mode", "restored in tool arguments"),
        [
            (
                str(i["name"]),
                "on" if i["is_enabled"] else "off",
                str(i["mode"]),
                "on" if i["restore_in_tool_args"] else "off",
            )
            for i in items
        ],
        "",
    )


@app.command()
def enable(name: Detector = None, data_dir: DataDir = None) -> None:
    """Switch a detector on, and guardrails as a whole."""
    with opened(data_dir) as state, state.database.change() as connection:
        settings_store.put(connection, "guardrails", "on")
        if name is not None:
            store.drop(connection, TENANT, "enabled", detector(name))
    typer.echo("Guardrails are on." if name is None else f"{name} is on; guardrails are on.")


@app.command()
def disable(name: Detector = None, data_dir: DataDir = None) -> None:
    """Switch a detector off, or guardrails as a whole."""
    with opened(data_dir) as state, state.database.change() as connection:
        if name is None:
            settings_store.put(connection, "guardrails", "off")
        else:
            store.put(connection, TENANT, Rule("enabled", detector(name), "off"))
    typer.echo("Guardrails are off." if name is None else f"{name} is off.")


@app.command("mode")
def mode_(
    name: Category,
    mode: Annotated[Mode, typer.Argument(help="What happens with what it finds.")],
    data_dir: DataDir = None,
) -> None:
    """Say what happens with findings: mask them, refuse the request, or only count them."""
    with opened(data_dir) as state, state.database.change() as connection:
        store.put(connection, TENANT, Rule("mode", category(name), mode.value))
    typer.echo(f"{name}: {mode.value}.")


@app.command("tool-args")
def tool_args(
    name: Category,
    switch: Annotated[Switch, typer.Argument(help="Whether values are restored there.")],
    data_dir: DataDir = None,
) -> None:
    """Say whether values come back in the arguments of tools."""
    with opened(data_dir) as state, state.database.change() as connection:
        store.put(connection, TENANT, Rule("tool_args", category(name), switch.value))
    typer.echo(f"{name} in tool arguments: {switch.value}.")


@app.command("test")
def try_(
    text: Annotated[str, typer.Argument(help="A text; - reads standard input.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what a provider would see of a text with guardrails on, and whether they are."""
    if text == "-":
        text = sys.stdin.read()
    with opened(data_dir) as state:
        rules, is_on = _rules(state), _is_on(state)
        roots = keys.load(state.data_dir, state.config.guardrail_passphrase)
    masked, found = make(TENANT, rules, roots).mask_text(text)
    if as_json:
        items = [
            {"category": name, "mode": _mode(rules, name), "start": start, "end": end}
            for name, start, end in found
        ]
        print_json({"is_on": is_on, "masked": masked, "items": items})
        return
    print_table(
        ("category", "mode", "start", "end"),
        [(name, _mode(rules, name), str(start), str(end)) for name, start, end in found],
        "nothing was found",
    )
    refused = sorted({name for name, *_ in found if _mode(rules, name) == Mode.BLOCK})
    if refused:
        typer.echo(f"A request with it is refused: {', '.join(refused)}.")
    else:
        typer.echo(masked)
    if not is_on:
        typer.echo("Guardrails are off: requests go out as they are.", err=True)


@pattern_app.command("add")
def pattern_add(
    name: Annotated[str, typer.Argument(help="A name for it; for a word, the word itself.")],
    pattern: Annotated[str | None, typer.Argument(help="A regular expression.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Mask what a regular expression matches, or a word, in any case, where none is given."""
    if pattern is None:
        rule = Rule("word", checked_text(name), "")
    else:
        rule = Rule("pattern", checked_text(name), checked_pattern(pattern))
    with opened(data_dir) as state, state.database.change() as connection:
        store.put(connection, TENANT, rule)
    typer.echo(f"Added {name}.")


@pattern_app.command("list")
def pattern_list(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List patterns and words."""
    with opened(data_dir) as state:
        rules = _rules(state)
    items = [{"name": n, "pattern": p} for n, p in rules.patterns.items()]
    items += [{"name": word, "pattern": ""} for word in rules.words]
    if as_json:
        print_json({"items": items})
    else:
        rows = [(i["name"], i["pattern"] or "(a word)") for i in items]
        print_table(("name", "pattern"), rows, "no patterns; codegate guardrails pattern add")


@pattern_app.command("remove")
def pattern_remove(
    name: Annotated[str, typer.Argument(help="Its name, or the word.")], data_dir: DataDir = None
) -> None:
    """Remove a pattern or a word."""
    with opened(data_dir) as state, state.database.change() as connection:
        is_gone = [store.drop(connection, TENANT, kind, name) for kind in ("pattern", "word")]
        if not any(is_gone):
            raise ConfigError(f"no pattern is called {name!r}")
    typer.echo(f"Removed {name}.")


@allow_app.command("add")
def allow_add(
    text: Annotated[str, typer.Argument(help="The value; a * at one end stands for anything.")],
    data_dir: DataDir = None,
) -> None:
    """Never mask a value."""
    with opened(data_dir) as state, state.database.change() as connection:
        store.put(connection, TENANT, Rule("allow", checked_text(text), ""))
    typer.echo("Added.")


@allow_app.command("list")
def allow_list(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the values that are never masked."""
    with opened(data_dir) as state:
        allowed = _rules(state).allowed
    if as_json:
        print_json({"items": list(allowed)})
    else:
        print_table(("value",), [(text,) for text in allowed], "nothing is allowed")


@allow_app.command("remove")
def allow_remove(
    text: Annotated[str, typer.Argument(help="The value as it was added.")],
    data_dir: DataDir = None,
) -> None:
    """Mask a value again."""
    with opened(data_dir) as state, state.database.change() as connection:
        if not store.drop(connection, TENANT, "allow", text):
            raise ConfigError("this value is not among those allowed")
    typer.echo("Removed.")


def _rules(state: State) -> Rules:
    with state.database.read() as connection:
        return store.load(connection, TENANT)


def _is_on(state: State) -> bool:
    with state.database.read() as connection:
        return in_force(settings_store.load(connection), ()).guardrails


COMMAND = Command(register=lambda parent: parent.add_typer(app, name="guardrails"))


def _mode(rules: Rules, name: str) -> str:
    """What happens with findings of a category."""
    return rules.modes.get(name, Mode.MASK.value)
