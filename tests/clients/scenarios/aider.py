"""Aider on an upstream that speaks Chat Completions; it sends no tools but reads edit blocks."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.clients.claims import came_in_pieces, came_through
from tests.clients.install import Client
from tests.clients.processes import Finished
from tests.clients.prompts import say, script
from tests.clients.scenario import Scenario, require, require_equal
from tests.clients.stage import Stage

_PATH = "/v1/chat/completions"
_MODEL = "openai/some-model"
_BEFORE = 'def greet(name: str) -> str:\n    return f"hello {name}"\n'
_AFTER = 'def greet(name: str) -> str:\n    """Grüße, 你好."""\n    return f"good morning {name}"\n'
_OPTIONS = (
    *("--model", _MODEL, "--edit-format", "diff", "--map-tokens", "0", "--no-pretty"),
    *("--no-git", "--no-gitignore", "--yes-always", "--no-auto-lint", "--no-detect-urls"),
    *("--no-analytics", "--no-check-update", "--no-show-release-notes"),
    *("--no-show-model-warnings", "--no-suggest-shell-commands", "--disable-playwright"),
)


def _run(stage: Stage, prompt: str, *files: str) -> Finished:
    # It fetches a list of prices from the internet unless this file is there and not empty.
    prices = stage.home / ".aider" / "caches" / "model_prices_and_context_window.json"
    prices.parent.mkdir(parents=True)
    figures = {"max_input_tokens": 200_000, "max_output_tokens": 8192, "mode": "chat"}
    prices.write_text(json.dumps({_MODEL: {**figures, "litellm_provider": "openai"}}))
    env = {
        "OPENAI_API_BASE": f"{stage.through.url}/v1",
        "OPENAI_API_KEY": stage.through.key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    return stage.run(Client.AIDER, (*_OPTIONS, "--message", prompt, *files), env=env)


def _edits_file(stage: Stage) -> None:
    file = stage.project / "greet.py"
    file.write_text(_BEFORE, encoding="utf-8")
    block = (
        "I change the greeting.\n\ngreet.py\n```python\n<<<<<<< SEARCH\n"
        f"{_BEFORE}=======\n{_AFTER}>>>>>>> REPLACE\n```\n"
    )
    done = _run(stage, script(say(block)), file.name)
    require_equal(done.code, 0, f"exit code ({done.errors[-200:]})")
    require("Applied edit to greet.py" in done.output, f"it said {done.output[-400:]}")
    require_equal(file.read_bytes(), _AFTER.encode(), "the edited file")
    arrivals = came_through(stage, path=_PATH, at_least=1)
    require_equal([arrival.status for arrival in arrivals], [200], "statuses upstream")


def _streams(stage: Stage) -> None:
    text = " ".join(f"word{number}" for number in range(200))
    done = _run(stage, script(say(text)))
    require_equal(done.code, 0, f"exit code ({done.errors[-200:]})")
    shown = " ".join(done.output.split())
    require(text in shown, f"the answer is not in its output: {shown[-400:]}")
    came_in_pieces([piece.at_s for piece in done.pieces if b"word" in piece.data])
    (arrival,) = came_through(stage, path=_PATH, at_least=1)
    require(arrival.is_streaming, "the upstream was not asked for a stream")


SCENARIOS: Sequence[Scenario] = (
    Scenario(client=Client.AIDER, title="an edit block changes a file", play=_edits_file),
    Scenario(client=Client.AIDER, title="a plain turn arrives in pieces", play=_streams),
    Scenario(
        client=Client.AIDER,
        title="an edit block from a Messages upstream changes a file",
        play=_edits_file,
        formats=("anthropic_messages",),
    ),
    Scenario(
        client=Client.AIDER,
        title="a plain turn arrives in pieces from a Messages upstream",
        play=_streams,
        formats=("anthropic_messages",),
    ),
)
