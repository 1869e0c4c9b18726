"""``codegate mock``: the mock provider alone."""

from __future__ import annotations

import typer

from codegate.cli.command import Command
from codegate.mock.serve import read_options, serve


def mock(ctx: typer.Context) -> None:
    """Run the mock provider: every format, deterministic, with scripted faults."""
    raise typer.Exit(serve(read_options(ctx.args, program="codegate mock")))


def _register(app: typer.Typer) -> None:
    app.command(
        "mock",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        add_help_option=False,
    )(mock)


COMMAND = Command(register=_register)
