"""Installs the peers into `target/peers` from pinned and hashed lists; nothing is installed again
while its list stays the same."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benches.process import BenchError

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = ROOT / "target" / "peers"
_HERE = Path(__file__).resolve().parent
REQUIREMENTS = ROOT / "requirements" / "peers-litellm.txt"
#: The crate carries a lock file with the hashes of everything that it is built from.
CRABLLM_VERSION = "0.0.25"
_TIMEOUT_S = 1_800


def crabllm() -> Path:
    """The program; built once, which takes some minutes."""
    folder = _FOLDER / "crabllm"
    cargo = _find("cargo", "install a Rust toolchain")
    build = [cargo, "install", "--locked", "--quiet", "--root", str(folder)]
    build += ["--target-dir", str(folder / "build"), f"crabllm@{CRABLLM_VERSION}"]

    def install() -> None:
        _run(build, folder)
        shutil.rmtree(folder / "build")

    _once(folder, CRABLLM_VERSION, "crabllm", install)
    return folder / "bin" / "crabllm"


def portkey() -> list[str]:
    """The command that starts it."""
    folder = _FOLDER / "portkey"
    node, npm = _find("node", "install Node.js 20 or newer"), _find("npm", "install npm")
    lists = [_HERE / "package.json", _HERE / "package-lock.json"]

    def install() -> None:
        for path in lists:
            shutil.copy(path, folder)
        _run([npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], folder)

    _once(folder, node + "".join(path.read_text() for path in lists), "Portkey", install)
    return [node, str(folder / "node_modules/@portkey-ai/gateway/build/start-server.js")]


def litellm() -> Path:
    """The program, in an environment of its own."""
    folder = _FOLDER / "litellm"
    base = Path(sys.executable).resolve()

    def install() -> None:
        _run([str(base), "-m", "venv", str(folder)], folder)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        _run([*pip, "--require-hashes", "-r", str(REQUIREMENTS)], folder)

    _once(folder, str(base) + REQUIREMENTS.read_text(), "LiteLLM", install)
    return folder / "bin" / "litellm"


def _once(folder: Path, made_of: str, name: str, install: Callable[[], None]) -> None:
    """Runs `install` in an empty folder, unless it was done for the same before."""
    stamp = hashlib.sha256(made_of.encode()).hexdigest()
    mark = folder / "installed"
    if mark.is_file() and mark.read_text() == stamp:
        return
    print(f"installing {name} …", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    install()
    mark.write_text(stamp)


def _find(program: str, advice: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise BenchError(f"{program} is missing: {advice}")
    return found


def _run(command: Sequence[str], folder: Path) -> None:
    what = " ".join(Path(word).name for word in command[:3])
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{what} took over {_TIMEOUT_S} s") from error
    if done.returncode != 0:
        raise BenchError(f"{what} failed: {' / '.join(done.stderr.strip().splitlines()[-4:])}")
