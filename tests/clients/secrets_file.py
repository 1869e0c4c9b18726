"""A file with secrets that a client's tools read and write back, and what may be seen of it."""

from __future__ import annotations

import json

from tests.clients.claims import came_through
from tests.clients.prompts import THEN, call, say, script
from tests.clients.scenario import require, require_equal
from tests.clients.stage import Stage

SETTINGS = ("guardrails=on",)
VALUES = ("ada.lovelace@example.org", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", 'Tr0ub4dor"&\\3')
CONTENT = (
    f"OWNER={VALUES[0]}\nGITHUB_TOKEN={VALUES[1]}\n"
    f"{json.dumps({'password': VALUES[2], 'retries': 3})}\nend"
)
DONE = "The copy is written."


def prompt(shell: str, arguments: dict[str, str], write: str, path: str, target: str) -> str:
    """Read the file with the shell's tool, then write what the upstream was told it holds."""
    return script(
        call(shell, {"command": "cat secrets.env", **arguments}),
        THEN,
        call(write, {path: target, "content": "{{last_result}}"}),
        THEN,
        say(DONE),
    )


def check(stage: Stage, copy: bytes, path: str) -> None:
    """The copy is the file byte for byte, and the upstream saw tokens only."""
    require_equal(copy.decode().rstrip("\n"), CONTENT, "the copy")
    arrivals = came_through(stage, path=path, at_least=3)
    seen = json.dumps([arrival.body for arrival in arrivals], ensure_ascii=False)
    escaped = json.dumps(VALUES[2])[1:-1]
    for value in (*VALUES[:2], "Tr0ub4dor", escaped):
        require(value not in seen, "a value reached the upstream")
    for word in ("XQZEMAIL", "XQZAPIKEY", "XQZPASSWD"):
        require(word in seen, f"no {word} token reached the upstream")
    for value in VALUES:
        require(value not in stage.proxy_said, "a value stands in the proxy's log")
