"""The command line: one file for each command, errors as one line that says what to do."""

from __future__ import annotations

import os
import sys

import typer
from typer import Typer

from codegate import __version__, cli
from codegate.cli.command import Command
from codegate.errors import CodegateError
from codegate.registry import discover
from codegate.telemetry.logging import where


def _version(value: bool) -> None:
    if value:
        typer.echo(f"codegate {__version__}")
        raise typer.Exit


def build() -> Typer:
    """The application with every command of this package."""
    app = Typer(
        name="codegate",
        help="One self-hosted proxy between every coding agent and every LLM provider.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def options(
        version: bool = typer.Option(
            False, "--version", callback=_version, is_eager=True, help="Print the version."
        ),
    ) -> None:
        """One self-hosted proxy between every coding agent and every LLM provider."""

    for command in discover(cli, "COMMAND", Command).values():
        command.register(app)
    return app


def main() -> None:
    """Run the command line. Exit 0 done, 1 failed, 2 wrong usage."""
    try:
        build()()
    except CodegateError as error:
        sys.stderr.write(f"codegate: {error.message}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:
        sys.stderr.write(f"codegate: a defect: {where(error)}; please report it\n")
        raise SystemExit(1) from None
