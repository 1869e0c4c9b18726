"""What holds for each official SDK alike, told once; a dialect says how its bodies look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.clients.claims import came_through
from tests.clients.prompts import say, script
from tests.clients.scenario import Scenario, require, require_equal
from tests.clients.sdk import SDK
from tests.clients.stage import Endpoint, Stage
from tests.clients.texts import SENTENCES

_TOGETHER = 12
_CUT = "fault:reset-after-6"
_ODD = "fault:unknown-fields+unknown-event+comments+split-random-7"


_FORMATS = {"/v1/messages": "anthropic_messages", "/v1/chat/completions": "openai_chat"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one SDK's bodies look.

    ``required`` and ``streamed`` are members of each request and of each streamed one; ``text``
    reads the text of an answer, ``error_type`` the type of an error's body.
    """

    sdk: SDK
    path: str
    model: str
    images: Sequence[Mapping[str, Any]]
    text: Callable[[Any], str]
    error_type: Callable[[Any], str]
    unauthorized: str
    required: Mapping[str, Any] = field(default_factory=dict)
    streamed: Mapping[str, Any] = field(default_factory=dict)

    def request(self, prompt: object, **more: Any) -> dict[str, Any]:
        """A request with one message."""
        messages = [{"role": "user", "content": prompt}]
        return {"model": self.model, "messages": messages, **self.required, **more}


def sends_images(dialect: Dialect, stage: Stage) -> None:
    """What the client wrote is what the upstream reads."""
    content = [*dialect.images, {"type": "text", "text": script(say("Two pictures."))}]
    dialect.sdk.use_both(stage, {"task": "create", "request": dialect.request(content)})
    for arrival in came_through(stage, path=dialect.path, at_least=2):
        sent = arrival.body["messages"][0]["content"][: len(dialect.images)]
        require_equal(sent, list(dialect.images), "images upstream")


def refuses_wrong_key(dialect: Dialect, stage: Stage) -> None:
    """Once, in a type of error that the SDK knows, with nothing asked upstream."""
    wrong = Endpoint(url=stage.through.url, key="cgk_not_a_key_of_this_proxy")
    request = dialect.request(script(say("never")))
    facts = dialect.sdk.use(stage, wrong, {"task": "error", "request": request})
    require("AuthenticationError" in facts.answer["classes"], f"raised {facts.answer}")
    require_equal(dialect.error_type(facts.answer["body"]), dialect.unauthorized, "error type")
    require_equal(len(facts.requests), 1, "tries")
    require_equal(facts.headers.get("x-should-retry"), "false", "x-should-retry")
    require_equal(len(stage.arrivals()), 0, "requests at the upstream")


def refuses_bad_request(dialect: Dialect, stage: Stage) -> None:
    """The upstream's own words reach the client."""
    request = dialect.request(script(say("never")), messages=[])
    facts = dialect.sdk.use_both(stage, {"task": "error", "request": request})
    require("BadRequestError" in facts.answer["classes"], f"raised {facts.answer}")
    require_equal(len(facts.requests), 1, "tries")
    came_through(stage, path=dialect.path, at_least=2)


def notices_cut(dialect: Dialect, stage: Stage) -> None:
    """A stream that breaks off must not look complete."""
    request = dialect.request(script(say(SENTENCES)), model=_CUT)
    facts = dialect.sdk.use(stage, stage.through, {"task": "broken", "request": request})
    text = "".join(facts.answer["texts"])
    require(bool(facts.answer["raised"]), f"no error was raised after {text!r}")
    require(0 < len(text) < len(SENTENCES), f"it had {len(text)} characters of the answer")
    require(SENTENCES.startswith(text), f"it had {text!r}")
    came_through(stage, path=dialect.path, at_least=1)


def takes_odd_streams(dialect: Dialect, stage: Stage) -> None:
    """Members and events that nobody has heard of reach the client."""
    request = dialect.request(script(say(SENTENCES)), **dialect.streamed, model=_ODD)
    facts = dialect.sdk.use_both(stage, {"task": "events", "request": request})
    require(len(facts.answer) > 8, f"only {len(facts.answer)} events came")
    came_through(stage, path=dialect.path, at_least=2)


def waits_as_told(dialect: Dialect, stage: Stage) -> None:
    """The SDK's own retries behave as they do at the provider."""
    request = dialect.request(script(say("never")), model="fault:status-429-after-1")
    task = {"task": "error", "request": request}
    straight = dialect.sdk.use(stage, stage.straight, task)
    through = dialect.sdk.use(stage, stage.through, task)
    require("RateLimitError" in through.answer["classes"], f"raised {through.answer}")
    require_equal(through.answer["classes"], straight.answer["classes"], "what was raised")
    require_equal(len(through.requests), len(straight.requests), "tries")
    require("retry-after" in through.headers, "it was not told when to come back")
    require(through.elapsed_s >= 2, f"two waits of a second took {through.elapsed_s:.1f} s")
    came_through(stage, path=dialect.path, at_least=len(straight.requests) + 1)


def survives_overload(dialect: Dialect, stage: Stage) -> None:
    """One failure before the first byte is nothing that the user sees."""
    request = dialect.request(script(say(SENTENCES)), model="fault:fail-1-then-ok:529")
    facts = dialect.sdk.use(stage, stage.through, {"task": "create", "request": request})
    require_equal(dialect.text(facts.answer), SENTENCES, "the answer")
    came_through(stage, path=dialect.path, at_least=2)


def lists_models(dialect: Dialect, stage: Stage) -> None:
    """The list and one of it, read by the SDK's own types."""
    task = {"task": "models", "model": dialect.model}
    facts = dialect.sdk.use(stage, stage.through, task)
    listed = facts.answer["listed"]
    require(dialect.model in listed, f"{dialect.model} is not among {listed}")
    one = facts.answer["one"]
    require_equal(one["id"], dialect.model, "the model that was asked for")
    # Each dialect has its own name for this member.
    require_equal(one.get("type", one.get("object")), "model", "its type")
    came_through(stage, path="/v1/models", at_least=1)


def streams_together(dialect: Dialect, stage: Stage) -> None:
    """No stream gets another's text."""
    texts = [f"Stream {number}: {SENTENCES}" for number in range(_TOGETHER)]
    requests = [dialect.request(script(say(text))) for text in texts]
    task = {"task": "together", "requests": requests}
    facts = dialect.sdk.use(stage, stage.through, task)
    require_equal(facts.answer, texts, "the answers")
    came_through(stage, path=dialect.path, at_least=_TOGETHER)


_TITLES: Mapping[str, Callable[[Dialect, Stage], None]] = {
    "images reach the upstream unchanged": sends_images,
    "a wrong key is refused once": refuses_wrong_key,
    "a bad request is refused in the upstream's words": refuses_bad_request,
    "a stream that breaks off raises an error": notices_cut,
    "unknown members and events pass unchanged": takes_odd_streams,
    "a rate limit is waited for as told": waits_as_told,
    "an overloaded upstream is tried again": survives_overload,
    "models are listed and retrieved": lists_models,
    "streams at the same time stay apart": streams_together,
}


def scenarios(
    dialect: Dialect, own: Mapping[str, Callable[[Dialect, Stage], None]]
) -> Sequence[Scenario]:
    """The SDK's ``own`` scenarios, then those of every SDK; by title."""
    return tuple(
        Scenario(
            client=dialect.sdk.client,
            title=title,
            play=partial(play, dialect),
            formats=(_FORMATS[dialect.path],),
        )
        for title, play in {**own, **_TITLES}.items()
    )
