"""The command line: one file for each command, errors as one line that says what to do."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import sys
from typing import NoReturn

import typer
from typer import Typer

# Usage errors have no public name.
from typer._click.exceptions import NoArgsIsHelpError, UsageError

from codegate import __version__, cli
from codegate.cli.command import Command
from codegate.errors import CodegateError, WrongUsage
from codegate.registry import discover
from codegate.telemetry.logging import where

_MODULES = {"proxy": "serve"}
_SERVERS = {"serve", "mock"}
_GC_THRESHOLD = 50_000
"""A command makes little garbage and soon ends; looking for it takes a fifth of its time."""
_NOT_COMMANDS = {
    *(
        "account_options",
        "command",
        "condition",
        "credentials",
        "key_copies",
        "output",
        "overrides",
        "since",
        "state",
    ),
}


def _version(value: bool) -> None:
    if value:
        typer.echo(f"codegate {__version__}")
        raise typer.Exit


def build(only: str | None = None) -> Typer:
    """The application with every command of this package, or with that of one module."""
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

    if only is None:
        for command in discover(cli, "COMMAND", Command).values():
            command.register(app)
    elif only:
        importlib.import_module(f"codegate.cli.{only}").COMMAND.register(app)
    return app


def module_of(arguments: list[str]) -> str | None:
    """The module that is enough for ``arguments``; empty for none, ``None`` for all.

    Each command's imports cost time and memory, which a server keeps for its whole life.
    """
    if arguments == ["--version"]:
        return ""
    name = _MODULES.get(arguments[0], arguments[0]) if arguments else ""
    if not name.isidentifier() or name in _NOT_COMMANDS:
        return None
    return name if importlib.util.find_spec(f"codegate.cli.{name}") else None


def main() -> None:
    """Run the command line. Exit 0 done, 1 failed, 2 wrong usage; an error is one line."""
    module = module_of(sys.argv[1:])
    if module not in _SERVERS:
        gc.set_threshold(_GC_THRESHOLD)
    try:
        code = build(module)(standalone_mode=False)
    except CodegateError as error:
        _fail(error.message, 2 if isinstance(error, WrongUsage) else 1)
    except NoArgsIsHelpError as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except UsageError as error:
        _fail(f"{error.format_message()} See --help.", error.exit_code)
    except typer.Abort:
        _fail("aborted", 1)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:
        sys.stderr.write(f"codegate: a defect: {where(error)}; please report it\n")
        raise SystemExit(1) from None
    raise SystemExit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write(f"codegate: {' '.join(message.split())}\n")
    raise SystemExit(code) from None
