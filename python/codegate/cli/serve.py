"""``codegate serve`` and ``codegate proxy``: run the proxy."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from codegate import config, native, server
from codegate.accounts import store as account_store
from codegate.accounts.account import from_flags
from codegate.cli.command import Command
from codegate.cli.demo import start_demo
from codegate.config import Config, UpstreamFlag
from codegate.crypto.keys import RootKey, guardrail_key
from codegate.crypto.vault import open_vault
from codegate.errors import ConfigError, WrongUsage
from codegate.providers.custom import PROVIDER as CUSTOM
from codegate.proxy.source import Secrets
from codegate.settings import store as settings_store
from codegate.settings.settings import Settings, in_force
from codegate.storage.files import hold, open_data_dir
from codegate.storage.prepare import open_database
from codegate.tenants.keys import local_key

LOCK_FILE = "serve.lock"

Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
ProxyPort = Annotated[int | None, typer.Option(help="Port of the proxy.", min=0, max=65535)]
UiPort = Annotated[int | None, typer.Option(help="Port of the dashboard.", min=0, max=65535)]
DataDir = Annotated[Path | None, typer.Option(help="Where CodeGate keeps its files.")]
Workers = Annotated[int | None, typer.Option(help="Worker processes.", min=1)]
Interface = Annotated[
    str | None, typer.Option(help="How the server hands requests over: asgi or rsgi.")
]
Demo = Annotated[bool, typer.Option("--demo", help="Answer from a built-in mock provider.")]
Upstreams = Annotated[
    list[str] | None,
    typer.Option("--upstream", help="FORMAT=URL of a provider; may be repeated."),
]
UpstreamKeyEnv = Annotated[
    str | None,
    typer.Option("--upstream-key-env", help="Variable that holds the provider's key."),
]
SettingPairs = Annotated[
    list[str] | None, typer.Option("--setting", help="NAME=VALUE of a run-time setting.")
]


def serve(
    host: Host = None,
    proxy_port: ProxyPort = None,
    ui_port: UiPort = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    interface: Interface = None,
    demo: Demo = False,
    upstream: Upstreams = None,
    upstream_key_env: UpstreamKeyEnv = None,
    setting: SettingPairs = None,
) -> None:
    """Run the proxy until it is told to stop."""
    base = config.from_environment()
    if workers is not None:
        config.workers_from("--workers", str(workers))
    merged = replace(
        base,
        host=base.host if host is None else host,
        proxy_port=base.proxy_port if proxy_port is None else proxy_port,
        ui_port=base.ui_port if ui_port is None else ui_port,
        data_dir=base.data_dir if data_dir is None else data_dir,
        interface=(
            base.interface if interface is None else config.interface_from("--interface", interface)
        ),
        demo=demo,
        upstreams=upstream_flags(upstream or [], upstream_key_env),
        settings=tuple(_pair(text, "--setting NAME=VALUE") for text in setting or []),
    )
    run(merged, data_dir)


def run(merged: Config, named_dir: Path | None = None) -> None:
    """Check everything that can be wrong, then serve; ``named_dir`` is that of the flag."""
    open_data_dir(merged.data_dir)
    key = local_key(merged.data_dir, merged.proxy_api_key)
    # Held to the end of the process, and by its workers.
    lock = hold(merged.data_dir / LOCK_FILE)
    if lock is None:
        raise ConfigError(
            f"{merged.data_dir} is in use by a running proxy; stop it, "
            "or choose another folder with --data-dir"
        )
    roots, settings, has_accounts = read_state(merged)
    config.forget_secrets(*config.SECRET_VARIABLES)
    # Built for what it refuses; workers build their own.
    from_flags(merged.upstreams, CUSTOM)
    # Before anything else is started: a taken port is what goes wrong most.
    listener = server.listen(merged.host, merged.proxy_port, settings.write_timeout_s)
    with start_demo(enabled=merged.demo and not merged.upstreams) as demo_flags:
        merged = replace(merged, demo_upstreams=demo_flags)

        def on_ready(url: str) -> None:
            typer.echo(ready_text(url, key, merged, has_accounts=has_accounts, data_dir=named_dir))

        secrets = Secrets(proxy_key=key.encode("ascii"), roots=roots)
        server.serve(merged, settings, listener, secrets, on_ready)


def read_state(merged: Config) -> tuple[tuple[RootKey, ...], Settings, bool]:
    """The keys of the stored credentials, the settings, and whether any account is enabled.

    Every file and key that is needed is made or found wrong here, before a worker starts.
    """
    database = open_database(merged.data_dir, is_checked=True)
    try:
        vault = open_vault(database, merged.account_passphrase)
        guardrail_key(merged.data_dir, merged.guardrail_passphrase)
        with database.read() as connection:
            settings = in_force(settings_store.load(connection), merged.settings)
            records = account_store.load_all(connection, vault)
    finally:
        # SQLite's locks do not survive the fork that makes a worker.
        database.close()
    return vault.roots, settings, any(record.is_enabled for record in records)


def ready_text(
    url: str, key: str, merged: Config, *, has_accounts: bool, data_dir: Path | None = None
) -> str:
    """What a person needs next; the key goes to standard output only, never to a log."""
    lines = [f"CodeGate listens on {url}"]
    if merged.demo_upstreams and not has_accounts:
        lines.append(f"Key: {key}")
        lines.append("Try it:")
        lines.append(curl_line(url, key, merged.demo_upstreams[0].format))
        return "\n".join(lines)
    if not merged.upstreams and not has_accounts:
        lines.append("No account yet: codegate accounts add NAME --provider P --api-key-stdin")
    if merged.demo and has_accounts:
        lines.append("Your accounts are used; the demo provider is not.")
    of = "" if data_dir is None else f" --data-dir {shlex.quote(str(data_dir))}"
    lines.append(f"The key to use is printed by: codegate key{of}")
    return "\n".join(lines)


def curl_line(url: str, key: str, wire_format: str) -> str:
    """A command that streams an answer."""
    if wire_format == "anthropic_messages":
        return (
            f"curl -N {url}/v1/messages -H 'x-api-key: {key}' "
            "-H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' "
            '-d \'{"model":"demo","max_tokens":256,"stream":true,'
            '"messages":[{"role":"user","content":"Hello, CodeGate"}]}\''
        )
    return (
        f"curl -N {url}/v1/chat/completions -H 'Authorization: Bearer {key}' "
        "-H 'content-type: application/json' "
        '-d \'{"model":"demo","stream":true,'
        '"messages":[{"role":"user","content":"Hello, CodeGate"}]}\''
    )


def upstream_flags(pairs: list[str], key_env: str | None) -> tuple[UpstreamFlag, ...]:
    """The ``--upstream`` flags with their credential. Raises ``ConfigError``."""
    api_key = ""
    if key_env is not None:
        value = config.secret_from_environment(os.environ, key_env)
        if not value:
            raise ConfigError(f"--upstream-key-env: the variable {key_env} is not set")
        api_key = value
        config.forget_secrets(key_env)
    flags = []
    for text in pairs:
        wire_format, url = _pair(text, "--upstream FORMAT=URL")
        if wire_format not in native.FORMATS:
            raise WrongUsage(
                f"--upstream: {wire_format!r} is not a format; use {' or '.join(native.FORMATS)}"
            )
        flags.append(UpstreamFlag(format=wire_format, base_url=url, api_key=api_key))
    return tuple(flags)


def _pair(text: str, shape: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise WrongUsage(f"{text!r} does not have the form {shape}")
    return name, value


def _register(app: typer.Typer) -> None:
    app.command("serve")(serve)
    app.command("proxy")(serve)


COMMAND = Command(register=_register)
