"""OpenCode on an upstream that speaks Chat Completions, through its OpenAI-compatible provider."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from tests.clients import secrets_file
from tests.clients.claims import came_in_pieces, came_through, tool_results
from tests.clients.failing import TURNS, client_noticed_nothing, fail_every_second
from tests.clients.install import Client
from tests.clients.processes import free_port
from tests.clients.prompts import THEN, call, say, script
from tests.clients.scenario import Scenario, require, require_equal
from tests.clients.stage import Stage
from tests.clients.texts import FILE_AFTER, FILE_BEFORE, LINE_AFTER, LINE_BEFORE, SENTENCES

_PATH = "/v1/chat/completions"
_MODEL = "some-model"
_KEY_VARIABLE = "CODEGATE_KEY"
_READY_TIMEOUT_S = 30.0
_ENVIRONMENT = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
}


def _configure(stage: Stage) -> dict[str, str]:
    """Writes ``opencode.json`` as ``docs/clients/opencode.md`` shows it; the environment to use."""
    config = {
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": False,
        "share": "disabled",
        "model": f"codegate/{_MODEL}",
        "small_model": f"codegate/{_MODEL}",
        "provider": {
            "codegate": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "CodeGate",
                "options": {
                    "baseURL": f"{stage.through.url}/v1",
                    "apiKey": f"{{env:{_KEY_VARIABLE}}}",
                },
                "models": {_MODEL: {"limit": {"context": 200_000, "output": 8192}}},
            }
        },
    }
    (stage.project / "opencode.json").write_text(json.dumps(config))
    # It would otherwise ask the npm registry for its plugin package at its first start.
    plugins = stage.home / ".config" / "opencode"
    (plugins / "node_modules").mkdir(parents=True)
    lock = {"packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}}
    (plugins / "package-lock.json").write_text(json.dumps(lock))
    return {**_ENVIRONMENT, _KEY_VARIABLE: stage.through.key}


class _Events(threading.Thread):
    """Reads the event stream of an OpenCode server and keeps its text deltas."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._connection.request("GET", "/event")
        self._response = self._connection.getresponse()
        self._deltas: list[tuple[float, str, str]] = []

    def run(self) -> None:
        try:
            for line in self._response:
                if not line.startswith(b"data: "):
                    continue
                event = json.loads(line[6:])
                if event["type"] == "message.part.delta":
                    part = event["properties"]
                    self._deltas.append((time.monotonic(), part["messageID"], part["delta"]))
        except (OSError, http.client.HTTPException, ValueError):
            return

    def deltas_of(self, message: str) -> list[tuple[float, str]]:
        """The deltas of one message, each with the time at which it came."""
        return [(at_s, text) for at_s, owner, text in self._deltas if owner == message]


def _post(url: str, path: str, body: object) -> Any:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=90)
    try:
        headers = {"content-type": "application/json"}
        connection.request("POST", path, body=json.dumps(body), headers=headers)
        response = connection.getresponse()
        data = response.read()
        require_equal(response.status, 200, f"OpenCode's own answer to {path}")
        return json.loads(data)
    finally:
        connection.close()


def _ask(url: str, session: str, prompt: str) -> Any:
    asked = {"parts": [{"type": "text", "text": prompt}]}
    return _post(url, f"/session/{session}/message", asked)


def _streams(stage: Stage) -> None:
    env = _configure(stage)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ("serve", "--hostname", "127.0.0.1", "--port", str(port))
    with stage.start(Client.OPENCODE, arguments, env=env) as running:
        running.wait_ready(lambda: f"listening on {url}" in running.said, _READY_TIMEOUT_S)
        events = _Events(url)
        events.start()
        session = _post(url, "/session", {"title": "A title of its own"})["id"]
        # In the first turn of a fresh server it is too busy with itself to pass deltas on.
        _ask(url, session, script(say("Ready.")))
        answer = _ask(url, session, script(say(SENTENCES)))
        deadline_s = time.monotonic() + 5
        while "".join(text for _, text in events.deltas_of(answer["info"]["id"])) != SENTENCES:
            require(time.monotonic() < deadline_s, "its deltas are not the answer")
            time.sleep(0.05)
    texts = [part["text"] for part in answer["parts"] if part["type"] == "text"]
    require_equal("".join(texts).strip(), SENTENCES.strip(), "the answer")
    came_in_pieces([at_s for at_s, _ in events.deltas_of(answer["info"]["id"])])
    arrivals = came_through(stage, path=_PATH, at_least=2)
    require(all(arrival.is_streaming for arrival in arrivals), "no stream was asked for")
    tokens = answer["info"]["tokens"]
    require(tokens["input"] > 0 and tokens["output"] > 0, f"tokens were not counted: {tokens}")


def _changes_files(stage: Stage) -> None:
    env = _configure(stage)
    notes, fresh = stage.project / "notes.txt", stage.project / "folder" / "fresh.txt"
    notes.write_text(FILE_BEFORE, encoding="utf-8")
    edit = {"filePath": str(notes), "oldString": LINE_BEFORE, "newString": LINE_AFTER}
    prompt = script(
        say("I read the file first."),
        call("read", {"filePath": str(notes)}),
        THEN,
        call("edit", edit),
        call("write", {"filePath": str(fresh), "content": FILE_AFTER}),
        THEN,
        say("Both files are changed."),
    )
    # With a title given it does not ask the model for one.
    arguments = ("run", "--format", "json", "--title", "files")
    done = stage.run(Client.OPENCODE, arguments, env=env, stdin=prompt)
    require_equal(done.code, 0, f"exit code ({done.errors[-200:]})")
    reports = [json.loads(line) for _, line in done.lines() if line.startswith("{")]
    texts = [each["part"]["text"] for each in reports if each["type"] == "text"]
    require_equal(texts[-1:], ["Both files are changed."], "the last text")
    tools = [each["part"] for each in reports if each["type"] == "tool_use"]
    states = [(part["tool"], part["state"]["status"]) for part in tools]
    wanted = [(tool, "completed") for tool in ("edit", "read", "write")]
    require_equal(sorted(states), wanted, "tools that ran")
    require_equal(notes.read_bytes(), FILE_AFTER.encode(), "the edited file")
    require_equal(fresh.read_bytes(), FILE_AFTER.encode(), "the written file")
    arrivals = came_through(stage, path=_PATH, at_least=3)
    require_equal(tool_results(arrivals[-1].body), 3, "tool results in the last request")


def _keeps_secrets(stage: Stage) -> None:
    env = _configure(stage)
    source, copy = stage.project / "secrets.env", stage.project / "copy.env"
    source.write_text(secrets_file.CONTENT, encoding="utf-8")
    asked = secrets_file.prompt("bash", {"description": "Read"}, "write", "filePath", str(copy))
    arguments = ("run", "--format", "json", "--title", "secrets")
    done = stage.run(Client.OPENCODE, arguments, env=env, stdin=asked)
    require_equal(done.code, 0, f"exit code ({done.errors[-200:]})")
    secrets_file.check(stage, copy.read_bytes(), _PATH)


def _names_session(stage: Stage) -> None:
    """Without a title it asks for one and for the turn at the same time."""
    env = _configure(stage)
    arguments = ("run", "--format", "json")
    done = stage.run(Client.OPENCODE, arguments, env=env, stdin=script(say(SENTENCES)))
    require_equal(done.code, 0, f"exit code ({done.errors[-200:]})")
    reports = [json.loads(line) for _, line in done.lines() if line.startswith("{")]
    texts = [each["part"]["text"] for each in reports if each["type"] == "text"]
    require_equal("".join(texts).strip(), SENTENCES.strip(), "the answer")
    arrivals = came_through(stage, path=_PATH, at_least=2)
    require_equal([arrival.status for arrival in arrivals], [200, 200], "statuses upstream")


def _survives_faults(stage: Stage) -> None:
    env = _configure(stage)
    counter = stage.project / "counter.txt"
    counter.write_text("count 1\n", encoding="utf-8")
    steps = [call("read", {"filePath": str(counter)})]
    for number in range(1, TURNS - 1):
        edit = {"oldString": f"count {number}\n", "newString": f"count {number + 1}\n"}
        steps += [THEN, call("edit", {"filePath": str(counter), **edit})]
    faults = fail_every_second(stage, TURNS)
    arguments = ("run", "--format", "json", "--title", "counting")
    prompt = script(*steps, THEN, say("Counted."))
    done = stage.run(Client.OPENCODE, arguments, env=env, stdin=prompt, timeout_s=150.0)
    require_equal(done.code, 0, f"exit code ({done.errors[-200:]})")
    require_equal(counter.read_text(encoding="utf-8"), f"count {TURNS - 1}\n", "the counter")
    client_noticed_nothing(stage, path=_PATH, answers=TURNS, faults=faults)


def _scenario(title: str, play: Callable[[Stage], None], accounts: int = 1) -> Scenario:
    formats = ("openai_chat",)
    return Scenario(
        client=Client.OPENCODE, title=title, play=play, formats=formats, accounts=accounts
    )


def _crossed(title: str, play: Callable[[Stage], None]) -> Scenario:
    return Scenario(client=Client.OPENCODE, title=title, play=play, formats=("anthropic_messages",))


SCENARIOS: Sequence[Scenario] = (
    Scenario(
        client=Client.OPENCODE,
        title="writes back what the upstream never saw",
        play=_keeps_secrets,
        settings=secrets_file.SETTINGS,
    ),
    _scenario("a plain turn arrives in pieces", _streams),
    _scenario("tool calls read, edit and write files", _changes_files),
    _scenario("a title and a turn at the same time", _names_session),
    _crossed("a plain turn arrives in pieces from a Messages upstream", _streams),
    _crossed("tool calls change files on a Messages upstream", _changes_files),
    _scenario("twenty turns on two failing accounts", _survives_faults, accounts=2),
)
