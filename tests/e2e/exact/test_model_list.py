"""One body for `GET /v1/models` that both official SDKs read, and token counts."""

from __future__ import annotations

import json
from collections.abc import Callable

import anthropic
import openai
import pytest

from codegate.mock.provider import ThreadedMock
from tests.e2e.exact.turns import json_reply, post
from tests.support.proxy import Proxy
from tests.support.raw import Answer, request
from tests.support.replay import Replay, replaying
from tests.support.scripted import scripted, whole

UPSTREAM_LIST = {
    "object": "list",
    "data": [
        {"id": "gpt-5.4", "object": "model", "created": 1741569952, "owned_by": "openai"},
        {
            "type": "model",
            "id": "claude-opus-5-5",
            "display_name": "Claude Opus 5.5",
            "created_at": "2026-09-01T00:00:00Z",
        },
        {"id": "vendor/with-slash"},
    ],
}
NAMES = ["gpt-5.4", "claude-opus-5-5", "vendor/with-slash"]


@pytest.fixture
def listing(replay: Replay) -> None:
    """The upstream answers with its list of models."""
    replay.reply = json_reply(json.dumps(UPSTREAM_LIST).encode())


@pytest.mark.usefixtures("listing")
def test_case_104_both_sdks_read_the_same_list(exact_proxy: Proxy) -> None:
    with anthropic.Anthropic(
        base_url=exact_proxy.url, api_key=exact_proxy.key, max_retries=0
    ) as client:
        page = client.models.list()
        assert [model.id for model in page] == NAMES
        assert page.has_more is False
        opus = client.models.retrieve("claude-opus-5-5")
        assert opus.display_name == "Claude Opus 5.5"
        assert opus.created_at.isoformat() == "2026-09-01T00:00:00+00:00"
    with openai.OpenAI(
        base_url=f"{exact_proxy.url}/v1", api_key=exact_proxy.key, max_retries=0
    ) as other:
        models = list(other.models.list())
        assert [model.id for model in models] == NAMES
        assert models[0].created == 1741569952
        assert models[0].owned_by == "openai"
        assert other.models.retrieve("vendor/with-slash").object == "model"


@pytest.mark.usefixtures("listing")
def test_case_104_it_is_one_body(exact_proxy: Proxy) -> None:
    def get(headers: list[tuple[str, str]]) -> Answer:
        return request(exact_proxy.port, "GET", "/v1/models", headers)

    bearer = get([("authorization", f"Bearer {exact_proxy.key}")])
    header = get([("x-api-key", exact_proxy.key), ("anthropic-version", "2026-10-21")])
    assert bearer.status == header.status == 200
    assert bearer.body == header.body
    assert bearer.json()["first_id"] == NAMES[0]
    assert bearer.json()["last_id"] == NAMES[-1]
    ids = {answer.header("x-codegate-request-id") for answer in (bearer, header)}
    assert len(ids) == 2
    assert None not in ids


def test_case_104_tokens_are_counted_by_the_upstream(exact_proxy: Proxy, replay: Replay) -> None:
    replay.reply = json_reply(b'{"input_tokens": 2095}')
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"future":1.0}'
    path = "/v1/messages/count_tokens"
    answer = post(exact_proxy, "anthropic_messages", body, path=path)
    assert answer.status == 200
    assert answer.body == b'{"input_tokens": 2095}'
    assert replay.last.target == path
    assert replay.last.body == body


def test_replay_answers_as_told() -> None:
    """The test's own upstream: exact bytes out, exact bytes kept."""
    with replaying() as server:
        server.reply = json_reply(b"\x00\xff")
        answer = request(server.port, "POST", "/p?q", [("x-a", "1"), ("x-a", "2")], b"\xfe")
        assert answer.body == b"\x00\xff"
        assert server.last.target == "/p?q"
        assert server.last.values("x-a") == ["1", "2"]
        assert server.last.body == b"\xfe"


def test_an_upstream_without_a_list_is_not_asked_at_every_call(
    start_proxy: Callable[..., Proxy], shared_mock: ThreadedMock
) -> None:
    with scripted(lambda peer: peer.send(whole("500 Oh", b"{}"))) as broken:
        upstreams = [f"openai_chat={broken.url}", f"anthropic_messages={shared_mock.url}"]
        proxy = start_proxy(upstreams=upstreams)
        for _ in range(3):
            answer = request(proxy.port, "GET", "/v1/models", [("x-api-key", proxy.key)])
            assert answer.status == 200
            assert answer.json()["data"]
        assert broken.requests == 1
