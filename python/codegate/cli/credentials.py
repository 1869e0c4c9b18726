"""Where commands take secrets from: a flag, standard input, a variable, or a prompt."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from codegate import config
from codegate.crypto.secret import Secret
from codegate.errors import ConfigError

ApiKeys = Annotated[
    list[str] | None,
    typer.Option("--api-key", help="A key of the provider; may be repeated."),
]
ApiKeyStdin = Annotated[
    bool, typer.Option("--api-key-stdin", help="Read keys from standard input, one a line.")
]
ApiKeyEnv = Annotated[
    list[str] | None,
    typer.Option("--api-key-env", help="A variable that holds a key; may be repeated."),
]


def read_keys(
    given: list[str] | None, from_stdin: bool, variables: list[str] | None
) -> tuple[Secret, ...] | None:
    """Every key that the flags speak of, in order; ``None`` without such a flag."""
    if not given and not from_stdin and not variables:
        return None
    texts = list(given or [])
    if from_stdin:
        lines = [line.strip() for line in sys.stdin.read().splitlines()]
        found = [line for line in lines if line]
        if not found:
            raise ConfigError("--api-key-stdin: standard input holds no key")
        texts += found
    for name in variables or []:
        value = config.secret_from_environment(os.environ, name)
        if not value:
            raise ConfigError(f"--api-key-env: the variable {name} is not set")
        texts.append(value)
    return tuple(Secret(text) for text in dict.fromkeys(texts))


def ask_key(label: str) -> tuple[Secret, ...] | None:
    """A key from a prompt that shows nothing; ``None`` where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return (Secret(typer.prompt(f"Key of {label}", hide_input=True, err=True).strip()),)
