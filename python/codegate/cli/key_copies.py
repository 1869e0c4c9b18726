"""``codegate keys export`` and ``import``: the key files under a passphrase."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from codegate import config
from codegate.cli.state import DataDir
from codegate.crypto.keys import ACCOUNT_FILE, GUARDRAIL_FILE, parse_key
from codegate.crypto.sealed import seal, unseal
from codegate.crypto.vault import NEXT_FILE
from codegate.errors import ConfigError, DecryptError
from codegate.guardrails.keys import OLD_FILE
from codegate.storage.files import create_private, open_data_dir, read_private
from codegate.tenants.keys import KEY_FILE, parse_local_key


def _check_old(text: str) -> None:
    for line in text.splitlines():
        parse_key(line.partition(" ")[0])


_CHECKS: dict[str, Callable[[str], object]] = {
    ACCOUNT_FILE: parse_key,
    GUARDRAIL_FILE: parse_key,
    OLD_FILE: _check_old,
    KEY_FILE: parse_local_key,
}
_SHORTEST = 12
_MOST_BYTES = 64 * 1024

File = Annotated[Path, typer.Argument(help="The sealed copy.")]
PassphraseEnv = Annotated[
    str | None,
    typer.Option("--passphrase-env", help="A variable with the passphrase; else it is asked."),
]


def export_keys(file: File, passphrase_env: PassphraseEnv = None, data_dir: DataDir = None) -> None:
    """Write all keys of the data directory to a file that only a passphrase opens.

    With it and a copy made by `codegate backup` another machine can take over.
    """
    folder = data_dir or config.from_environment().data_dir
    if (folder / NEXT_FILE).exists():
        raise ConfigError("a rotation was interrupted: run codegate keys rotate account first")
    found = {name: text for name in _CHECKS if (text := _existing(folder / name)) is not None}
    if not found:
        raise ConfigError(f"{folder} holds no key")
    if not file.parent.is_dir():
        raise ConfigError(f"{file.parent} is not a folder")
    passphrase = _passphrase(passphrase_env, is_new=True)
    if not create_private(file, seal(found, passphrase) + "\n"):
        raise ConfigError(f"{file} exists; choose another name")
    typer.echo(f"Sealed {', '.join(found)} in {file}.")


def import_keys(file: File, passphrase_env: PassphraseEnv = None, data_dir: DataDir = None) -> None:
    """Put the keys of such a file where there are none; one that is there is never replaced."""
    folder = data_dir or config.from_environment().data_dir
    try:
        with file.open("rb") as stream:
            text = stream.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise ConfigError(f"{file}: {(error.strerror or 'cannot be read').lower()}") from None
    try:
        keys = unseal(text, _passphrase(passphrase_env, is_new=False))
    except DecryptError as error:
        raise ConfigError(f"{file}: {error.message}") from None
    open_data_dir(folder)
    fresh = []
    for name, key in keys.items():
        if name not in _CHECKS:
            raise ConfigError(f"{file} holds {name}, which this version does not know")
        try:
            _CHECKS[name](key)
        except ValueError:
            raise ConfigError(f"{file} holds a {name} that is no key") from None
        there = _existing(folder / name)
        if there is None:
            fresh.append(name)
        elif there != key:
            raise ConfigError(f"{folder / name} is another key, and was left; use an empty folder")
    for name in fresh:
        create_private(folder / name, keys[name])
    typer.echo(f"Put {', '.join(fresh)} in {folder}." if fresh else "Every key is there already.")


def _existing(path: Path) -> str | None:
    try:
        return read_private(path)
    except FileNotFoundError:
        return None


def _passphrase(variable: str | None, *, is_new: bool) -> str:
    if variable is not None:
        text = config.secret_from_environment(os.environ, variable)
        if text is None:
            raise ConfigError(f"--passphrase-env: the variable {variable} is not set")
    elif sys.stdin.isatty() and sys.stderr.isatty():
        text = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=is_new, err=True)
    else:
        raise ConfigError("a passphrase is needed: give --passphrase-env")
    if is_new and len(text) < _SHORTEST:
        raise ConfigError(f"a passphrase of {_SHORTEST} characters or more is needed")
    return str(text)
