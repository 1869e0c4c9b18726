"""Claude Code, in its non-interactive mode, on upstreams of its own format and of the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.clients import secrets_file
from tests.clients.claims import came_in_pieces, came_through, tool_results
from tests.clients.failing import TURNS, client_noticed_nothing, fail_every_second
from tests.clients.install import Client
from tests.clients.processes import Finished
from tests.clients.prompts import THEN, call, say, script, think
from tests.clients.scenario import Scenario, require, require_equal
from tests.clients.stage import Stage
from tests.clients.texts import FILE_AFTER, FILE_BEFORE, LINE_AFTER, LINE_BEFORE, SENTENCES

_PATH = "/v1/messages"
_STREAMED = ("--output-format", "stream-json", "--include-partial-messages", "--verbose")


def run_claude(
    stage: Stage,
    prompt: str,
    *options: str,
    key: str | None = None,
    key_variable: str = "ANTHROPIC_API_KEY",
    timeout_s: float = 90.0,
) -> Finished:
    """``claude -p`` in the project folder, with its base URL at the proxy.

    ``ANTHROPIC_API_KEY`` is sent as ``x-api-key``, ``ANTHROPIC_AUTH_TOKEN`` as a bearer token.
    """
    env = {
        "ANTHROPIC_BASE_URL": stage.through.url,
        key_variable: key or stage.through.key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
    }
    arguments = ("-p", prompt, *(options or _STREAMED))
    return stage.run(Client.CLAUDE_CODE, arguments, env=env, timeout_s=timeout_s)


def deltas(done: Finished, member: str = "text") -> list[tuple[float, str]]:
    """The text (or thinking, or partial JSON) deltas that it reported, with their times."""
    found: list[tuple[float, str]] = []
    for at_s, message in _messages(done):
        event = message.get("event", {})
        if event.get("type") == "content_block_delta" and member in event["delta"]:
            found.append((at_s, event["delta"][member]))
    return found


def result(done: Finished) -> dict[str, Any]:
    """Its closing summary."""
    results = [message for _, message in _messages(done) if message.get("type") == "result"]
    require(bool(results), f"no result; it said {done.output[-300:]} {done.errors[-300:]}")
    return results[-1]


def _messages(done: Finished) -> list[tuple[float, dict[str, Any]]]:
    return [(at_s, json.loads(line)) for at_s, line in done.lines() if line.startswith("{")]


def _streams(stage: Stage) -> None:
    done = run_claude(stage, script(say(SENTENCES)))
    end = result(done)
    require_equal(end["is_error"], False, "is_error")
    require_equal(end["result"], SENTENCES, "the answer")
    pieces = deltas(done)
    require_equal("".join(text for _, text in pieces), SENTENCES, "the deltas")
    came_in_pieces([at_s for at_s, _ in pieces])
    require(end["usage"]["output_tokens"] > 0, "no output tokens were counted")
    require(_input_tokens(end) > 0, "no input tokens were counted")
    (arrival,) = came_through(stage, path=_PATH, at_least=1)
    require(arrival.is_streaming, "the upstream was not asked for a stream")
    require_equal(done.code, 0, "exit code")


def _input_tokens(end: dict[str, Any]) -> int:
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(int(end["usage"].get(name) or 0) for name in names)


def _changes_files(stage: Stage) -> None:
    notes, fresh = stage.project / "notes.txt", stage.project / "folder" / "fresh.txt"
    notes.write_text(FILE_BEFORE, encoding="utf-8")
    edit = {"file_path": str(notes), "old_string": LINE_BEFORE, "new_string": LINE_AFTER}
    prompt = script(
        think("The file has to be read before it may be changed."),
        say("I read the file first."),
        call("Read", {"file_path": str(notes)}),
        THEN,
        think("Now both changes, at the same time."),
        call("Edit", edit),
        call("Write", {"file_path": str(fresh), "content": FILE_AFTER}),
        THEN,
        say("Both files are changed."),
    )
    options = (*_STREAMED, "--permission-mode", "acceptEdits")
    done = run_claude(stage, prompt, *options, key_variable="ANTHROPIC_AUTH_TOKEN")
    end = result(done)
    require_equal(end["is_error"], False, "is_error")
    require_equal(end["result"], "Both files are changed.", "the answer")
    require_equal(end["permission_denials"], [], "denied tools")
    require_equal(notes.read_bytes(), FILE_AFTER.encode(), "the edited file")
    require_equal(fresh.read_bytes(), FILE_AFTER.encode(), "the written file")
    arrivals = came_through(stage, path=_PATH, at_least=3)
    require_equal([arrival.status for arrival in arrivals], [200] * 3, "statuses upstream")
    require_equal(tool_results(arrivals[-1].body), 3, "tool results in the last request")


def _keeps_secrets(stage: Stage) -> None:
    source, copy = stage.project / "secrets.env", stage.project / "copy.env"
    source.write_text(secrets_file.CONTENT, encoding="utf-8")
    asked = secrets_file.prompt("Bash", {"description": "Read"}, "Write", "file_path", str(copy))
    done = run_claude(stage, asked, *_STREAMED, "--allowedTools", "Bash,Write")
    end = result(done)
    require_equal(end["result"], secrets_file.DONE, "the answer")
    secrets_file.check(stage, copy.read_bytes(), _PATH)


def _stops_at_wrong_key(stage: Stage) -> None:
    wrong = "cgk_not_a_key_of_this_proxy"
    done = run_claude(stage, script(say("never")), key=wrong, timeout_s=60.0)
    end = result(done)
    require_equal(end["is_error"], True, "is_error")
    require_equal(end["api_error_status"], 401, "status")
    require(done.code != 0, "it ended as if all were well")
    require(done.duration_s < 20, f"it kept trying for {done.duration_s:.0f} s")
    require_equal(len(stage.arrivals()), 0, "requests at the upstream")


def _waits_for_busy_upstream(stage: Stage) -> None:
    options = (*_STREAMED, "--model", "fault:fail-2-then-ok:529")
    done = run_claude(stage, script(say(SENTENCES)), *options)
    end = result(done)
    require_equal(end["is_error"], False, "is_error")
    require_equal(end["result"], SENTENCES, "the answer")
    came_through(stage, path=_PATH, at_least=2)


def _survives_faults(stage: Stage) -> None:
    counter = stage.project / "counter.txt"
    counter.write_text("count 1\n", encoding="utf-8")
    steps = [call("Read", {"file_path": str(counter)})]
    for number in range(1, TURNS - 1):
        edit = {"old_string": f"count {number}\n", "new_string": f"count {number + 1}\n"}
        steps += [THEN, call("Edit", {"file_path": str(counter), **edit})]
    faults = fail_every_second(stage, TURNS)
    options = (*_STREAMED, "--permission-mode", "acceptEdits")
    done = run_claude(stage, script(*steps, THEN, say("Counted.")), *options, timeout_s=150.0)
    end = result(done)
    require_equal(end["is_error"], False, "is_error")
    require_equal(end["result"], "Counted.", "the answer")
    require_equal(counter.read_text(encoding="utf-8"), f"count {TURNS - 1}\n", "the counter")
    client_noticed_nothing(stage, path=_PATH, answers=TURNS, faults=faults)


def _scenario(title: str, play: Any, accounts: int = 1) -> Scenario:
    formats = ("anthropic_messages",)
    return Scenario(
        client=Client.CLAUDE_CODE, title=title, play=play, formats=formats, accounts=accounts
    )


def _crossed(title: str, play: Any) -> Scenario:
    return Scenario(client=Client.CLAUDE_CODE, title=title, play=play, formats=("openai_chat",))


SCENARIOS: Sequence[Scenario] = (
    Scenario(
        client=Client.CLAUDE_CODE,
        title="writes back what the upstream never saw",
        play=_keeps_secrets,
        settings=secrets_file.SETTINGS,
    ),
    _scenario("a plain turn arrives in pieces", _streams),
    _scenario("tool calls read, edit and write files", _changes_files),
    _scenario("a wrong key stops it at once", _stops_at_wrong_key),
    _scenario("an overloaded upstream is tried again", _waits_for_busy_upstream),
    _crossed("a plain turn arrives in pieces from a Chat upstream", _streams),
    _crossed("tool calls change files on a Chat upstream", _changes_files),
    _crossed("an overloaded Chat upstream is tried again", _waits_for_busy_upstream),
    _scenario("twenty turns on two failing accounts", _survives_faults, accounts=2),
)
