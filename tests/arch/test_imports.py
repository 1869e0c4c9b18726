"""S54: loading the package does nothing but define things."""

from __future__ import annotations

import json
import subprocess
import sys

SPY = """
import sys, json, os
seen = []
def spy(name, args):
    if name in {"socket.connect", "socket.bind", "subprocess.Popen", "os.exec", "os.system",
                "os.fork", "os.remove", "os.rename", "os.mkdir"}:
        seen.append([name, str(args)])
    if name == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        seen.append([name, str(args)])
sys.addaudithook(spy)
import importlib, pkgutil, codegate
names = []
for found in pkgutil.walk_packages(codegate.__path__, "codegate."):
    if not found.name.endswith(("__main__", "migrations.env")):
        importlib.import_module(found.name)
        names.append(found.name)
print(json.dumps({"seen": seen, "modules": len(names)}))
"""

LIGHT = """
import sys
sys.argv = ["codegate", "--version"]
from codegate.cli import main
try:
    main()
except SystemExit:
    pass
heavy = {"sqlalchemy", "alembic", "httpx", "cryptography", "granian", "codegate._native"}
print(sorted(heavy & set(sys.modules)))
"""

SERVING = """
import sys, codegate.cli.serve
heavy = {"alembic", "mako", "httpx", "httpcore", "h2"}
print(sorted(heavy & set(sys.modules)))
"""


def run(program: str) -> str:
    done = subprocess.run(
        # -B: what was never imported before would be compiled into a file.
        [sys.executable, "-B", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip().splitlines()[-1]


def test_s54_importing_every_module_has_no_effect() -> None:
    found = json.loads(run(SPY))
    assert found["seen"] == []
    assert found["modules"] > 80


def test_the_version_is_told_without_loading_what_it_does_not_need() -> None:
    assert run(LIGHT) == "[]"


def test_a_server_loads_neither_migrations_nor_the_control_plane_s_client() -> None:
    assert run(SERVING) == "[]"
