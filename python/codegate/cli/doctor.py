"""``codegate doctor``: a self-check with one remedy for each finding."""

from __future__ import annotations

import http.client
import json
import os
import resource
import shutil
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import typer

from codegate import config
from codegate.accounts import store as account_store
from codegate.accounts.account import from_record
from codegate.cli.command import Command
from codegate.cli.output import print_json, print_table
from codegate.cli.state import AsJson, DataDir
from codegate.config import Config
from codegate.crypto.keys import guardrail_key
from codegate.crypto.vault import open_vault, verify
from codegate.errors import CodegateError, ConfigError
from codegate.settings import store as settings_store
from codegate.settings.settings import Settings, parse
from codegate.storage.database import FILE_NAME, Database
from codegate.storage.prepare import inspect, open_database

_FILES_WANTED = 4096
_SPACE_WANTED = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's result. ``remedy`` is empty where nothing is wrong."""

    check: str
    status: Literal["ok", "warning", "failed"]
    message: str
    remedy: str = ""


def doctor(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Check files, keys, database, accounts and the running proxy. Changes nothing stored."""
    base = config.from_environment()
    findings = list(examine(base, data_dir or base.data_dir))
    has_failed = any(f.status == "failed" for f in findings)
    if as_json:
        print_json({"ok": not has_failed, "items": [asdict(f) for f in findings]})
    else:
        print_table(
            ("check", "status", "message", "remedy"),
            [(f.check, f.status, f.message, f.remedy) for f in findings],
            "",
        )
    if has_failed:
        raise typer.Exit(1)


def examine(base: Config, data_dir: Path) -> Iterator[Finding]:
    """Every finding, in the order in which a reader should mend them."""
    if not data_dir.is_dir():
        yield Finding(
            check="data directory",
            status="warning",
            message=f"{data_dir} does not exist yet",
            remedy="start once: codegate serve",
        )
    else:
        yield from _files(data_dir)
        yield from _state(base, data_dir)
        yield _space(data_dir)
    yield _descriptors()
    yield from _proxy(base)


def _files(data_dir: Path) -> Iterator[Finding]:
    wide = [
        path.name
        for path in sorted(data_dir.iterdir())
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if not os.access(data_dir, os.W_OK | os.X_OK):
        yield Finding(
            check="data directory",
            status="failed",
            message=f"{data_dir} cannot be written",
            remedy="change its owner or mode",
        )
    elif wide:
        yield Finding(
            check="data directory",
            status="warning",
            message=f"other users may read {', '.join(wide)}",
            remedy=f"chmod 600 in {data_dir}",
        )
    else:
        yield Finding(check="data directory", status="ok", message=str(data_dir))


def _state(base: Config, data_dir: Path) -> Iterator[Finding]:
    """Database, keys, accounts and settings; each needs the one before."""
    path = data_dir / FILE_NAME
    try:
        found = inspect(path, is_checked=True)
        database = open_database(data_dir)
    except ConfigError as error:
        yield Finding(
            check="database",
            status="failed",
            message=error.message,
            remedy="restore a copy from the folder backups, or choose another --data-dir",
        )
        return
    try:
        revision = found.revision if found else "new"
        yield Finding(check="database", status="ok", message=f"whole, revision {revision}")
        yield from _keys(base, database)
        yield from _settings(database)
    finally:
        database.close()


def _keys(base: Config, database: Database) -> Iterator[Finding]:
    try:
        vault = open_vault(database, base.account_passphrase)
        guardrail_key(database.path.parent, base.guardrail_passphrase)
    except CodegateError as error:
        yield Finding(
            check="keys",
            status="failed",
            message=error.message,
            remedy="put the right key back; without it stored credentials cannot be read",
        )
        return
    try:
        verify(database, vault)
        yield Finding(check="keys", status="ok", message=f"key {vault.key_id} opens every value")
    except CodegateError as error:
        yield Finding(
            check="keys",
            status="failed",
            message=error.message,
            remedy="enter the credential again: codegate accounts edit NAME --api-key-stdin",
        )
    with database.read() as connection:
        records = account_store.load_all(connection, vault)
    usable = 0
    for record in records:
        if not record.is_enabled:
            continue
        try:
            from_record(record)
            usable += 1
        except ConfigError as error:
            yield Finding(
                check="accounts",
                status="failed",
                message=f"{record.name}: {error.message}",
                remedy=f"codegate accounts edit {record.name} --api-key-stdin",
            )
    if usable:
        yield Finding(check="accounts", status="ok", message=f"{usable} in use")
    else:
        yield Finding(
            check="accounts",
            status="warning",
            message="no account is in use",
            remedy="codegate accounts add NAME --provider P --api-key-stdin",
        )


def _settings(database: Database) -> Iterator[Finding]:
    with database.read() as connection:
        stored = settings_store.load(connection)
    bad = []
    for pair in stored.items():
        try:
            parse(Settings(), [pair])
        except ConfigError as error:
            bad.append(error.message)
    if bad:
        yield Finding(
            check="settings",
            status="warning",
            message="; ".join(bad),
            remedy="codegate settings unset NAME",
        )
    else:
        yield Finding(check="settings", status="ok", message=f"{len(stored)} set")


def _space(data_dir: Path) -> Finding:
    free = shutil.disk_usage(data_dir).free
    text = f"{free // 1024**2} MiB free"
    if free < _SPACE_WANTED:
        return Finding(
            check="disk",
            status="warning",
            message=text,
            remedy="free some space, or lower log_retention_days",
        )
    return Finding(check="disk", status="ok", message=text)


def _descriptors() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _FILES_WANTED:
        return Finding(
            check="descriptors",
            status="warning",
            message=f"the system allows {hard} open files",
            remedy=f"raise the limit to {_FILES_WANTED} or more (ulimit -n)",
        )
    return Finding(check="descriptors", status="ok", message=f"{hard} allowed")


def _proxy(base: Config) -> Iterator[Finding]:
    host = "127.0.0.1" if base.host in {"0.0.0.0", "", "::"} else base.host  # noqa: S104
    connection = http.client.HTTPConnection(host, base.proxy_port, timeout=2)
    try:
        connection.request("GET", "/health")
        health = json.loads(connection.getresponse().read(64 * 1024))
        status = str(health["status"])
        version = str(health["version"])
        interface = str(health["interface"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        yield Finding(
            check="proxy",
            status="warning",
            message=f"nothing of ours answers at {host} port {base.proxy_port}",
            remedy="start it: codegate serve (or set PROXY_PORT to its port)",
        )
        return
    finally:
        connection.close()
    if status != "ok":
        yield Finding(
            check="proxy",
            status="warning",
            message=f"{status}: {health.get('storage', '')}",
            remedy="see its log",
        )
    else:
        yield Finding(check="proxy", status="ok", message=f"version {version} answers")
    if interface == "rsgi":
        yield Finding(
            check="interface",
            status="warning",
            message="RSGI has no back-pressure: what clients do not read stays in memory",
            remedy="serve with --interface asgi unless the clients are your own",
        )


def _register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


COMMAND = Command(register=_register)
