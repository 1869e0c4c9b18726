"""The options that ``accounts add`` and ``accounts edit`` have in common."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from codegate.accounts.record import AccountChange
from codegate.catalog.price import from_usd
from codegate.cli.credentials import ApiKeyEnv, ApiKeys, ApiKeyStdin, read_keys
from codegate.crypto.secret import Secret

_CLEARS = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOptions:
    """What was said on the command line; ``None`` is nothing. The word ``none`` clears a field."""

    api_key: ApiKeys = None
    api_key_stdin: ApiKeyStdin = False
    api_key_env: ApiKeyEnv = None
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="Address as the service gives it for SDKs.")
    ] = None
    format_: Annotated[
        str | None, typer.Option("--format", help="The wire format of --base-url.")
    ] = None
    endpoint: Annotated[
        list[str] | None,
        typer.Option("--endpoint", help="FORMAT=URL of a further format; may be repeated."),
    ] = None
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="A model it offers; none: any. Repeatable."),
    ] = None
    model_map: Annotated[
        list[str] | None,
        typer.Option("--model-map", help="FROM=TO: ask for TO when FROM is wanted; repeatable."),
    ] = None
    default_model: Annotated[str | None, typer.Option(help="The model for names of no model.")] = (
        None
    )
    reasoning_model: Annotated[str | None, typer.Option(help="The model for reasoning.")] = None
    header: Annotated[
        list[str] | None, typer.Option("--header", help="NAME=VALUE to send; may be repeated.")
    ] = None
    priority: Annotated[
        str | None, typer.Option(metavar="INTEGER", help="The higher goes first.")
    ] = None
    rpm: Annotated[
        str | None, typer.Option(metavar="INTEGER", help="Requests a minute; 0: no limit.")
    ] = None
    monthly_budget: Annotated[str | None, typer.Option("--monthly-budget", help="USD a month.")] = (
        None
    )
    timeout: Annotated[str | None, typer.Option(help="Seconds until the first byte.")] = None

    def keys(self) -> tuple[Secret, ...] | None:
        """Every key that was given, by whatever way; reads standard input where told to."""
        return read_keys(self.api_key, self.api_key_stdin, self.api_key_env)

    def change(
        self, keys: tuple[Secret, ...] | None, *, is_enabled: bool | None = None
    ) -> AccountChange:
        """What the options want an account to be."""
        texts: dict[str, list[str] | str | None] = {
            "models": self.model,
            "model_map": self.model_map,
            "headers": self.header,
            "default_model": self.default_model,
            "reasoning_model": self.reasoning_model,
            "monthly_budget": self.monthly_budget,
            "timeout_s": self.timeout,
        }
        cleared = frozenset(n for n, text in texts.items() if text in (_CLEARS, [_CLEARS]))

        def kept(name: str, text: Any) -> Any:
            return None if name in cleared else text

        headers = _pairs(kept("headers", self.header), "--header NAME=VALUE")
        models = kept("models", self.model)
        budget, timeout = (
            kept("monthly_budget", self.monthly_budget),
            kept("timeout_s", self.timeout),
        )
        return AccountChange(
            api_keys=keys,
            base_url=self.base_url,
            format=self.format_,
            endpoints=_pairs(self.endpoint, "--endpoint FORMAT=URL"),
            headers=None if headers is None else {n: Secret(v) for n, v in headers.items()},
            models=None if models is None else tuple(models),
            model_map=_pairs(kept("model_map", self.model_map), "--model-map FROM=TO"),
            default_model=kept("default_model", self.default_model),
            reasoning_model=kept("reasoning_model", self.reasoning_model),
            priority=_whole(self.priority, "--priority"),
            rpm=_whole(self.rpm, "--rpm"),
            monthly_budget=None if budget is None else from_usd(budget),
            timeout_s=None if timeout is None else _seconds(timeout),
            is_enabled=is_enabled,
            cleared=cleared,
        )


def with_account_options(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` with every field of ``AccountOptions`` as a parameter in place of ``options``."""
    names = [field.name for field in fields(AccountOptions)]

    @functools.wraps(command)
    def expanded(**values: Any) -> None:
        options = AccountOptions(**{name: values.pop(name) for name in names})
        command(options=options, **values)

    own = inspect.signature(command, eval_str=True).parameters.values()
    taken = inspect.signature(AccountOptions, eval_str=True).parameters.values()
    shared = [parameter for parameter in taken if parameter.name in names]
    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in own if p.name != "options"] + shared
    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by typer
    expanded.__annotations__ = {p.name: p.annotation for p in parameters}
    return expanded


def _pairs(texts: list[str] | None, shape: str) -> dict[str, str] | None:
    if texts is None:
        return None
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            # The value may be a secret: only the shape is told.
            raise typer.BadParameter(f"give it as {shape}")
        found[name] = value
    return found


def _whole(text: str | None, flag: str) -> int | None:
    """The number that is meant; cleared, as these fields begin, it is 0."""
    if text is None or text == _CLEARS:
        return None if text is None else 0
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{flag}: {text!r} is not a whole number") from None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"--timeout: {text!r} is not a number of seconds") from None
