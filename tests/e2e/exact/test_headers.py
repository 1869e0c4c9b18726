"""Which headers cross the proxy, up and down, and which stay."""

from __future__ import annotations

import pytest

from tests.e2e.exact.conftest import ACCOUNTS
from tests.e2e.exact.test_bodies import ok_reply, plain_answer
from tests.e2e.exact.turns import JSON, SSE, post, stream_request
from tests.support.proxy import UPSTREAM_KEY, Proxy
from tests.support.raw import check_error, model_request
from tests.support.replay import Replay, Reply
from tests.support.spans import sent_body

OWN_UP = {"host", "content-length", "content-type", "accept-encoding"}
"""What the proxy writes itself on every request, beside the account's credential."""

CLAUDE_CODE = [
    ("accept", "application/json"),
    ("anthropic-beta", "claude-code-20250219,context-1m-2025-08-07"),
    ("anthropic-beta", "effort-2025-11-24"),
    ("anthropic-dangerous-direct-browser-access", "true"),
    ("anthropic-version", "2023-06-01"),
    ("user-agent", "claude-cli/2.1.329 (external, cli)"),
    ("x-app", "cli"),
    ("x-claude-code-session-id", "0d3c7f9a-52b1-4e8e-9a77-6f1f5d2b8c31"),
    ("x-stainless-arch", "x64"),
    ("x-stainless-lang", "js"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-timeout", "600"),
]
OPENAI_SDK = [
    ("accept", "application/json"),
    ("idempotency-key", "stainless-python-retry-1"),
    ("openai-beta", "assistants=v2"),
    ("user-agent", "OpenAI/Python 3.52.0"),
    ("x-client-request-id", "c-1"),
    ("x-stainless-async", "false"),
    ("x-stainless-raw-response", "true"),
    ("x-stainless-retry-count", "0"),
]
STAYS = [
    ("cookie", "session=1"),
    ("baggage", "user=7"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-goog-api-key", "other"),
    ("anthropic-workspace-id", "wrkspc_1"),
    ("anthropic-user-profile-id", "up_1"),
    ("openai-organization", "org-client"),
    ("openai-project", "proj_client"),
    ("proxy-authorization", "Basic eDp5"),
    ("te", "trailers"),
    ("origin", "http://localhost"),
]


def client_headers(wire_format: str) -> list[tuple[str, str]]:
    """What a client of the format sends beside its key."""
    return CLAUDE_CODE if wire_format == "anthropic_messages" else OPENAI_SDK


def test_listed_headers_go_up_and_nothing_else(
    exact_proxy: Proxy, replay: Replay, wire_format: str, stream: bool
) -> None:
    passing = client_headers(wire_format)
    body = model_request(wire_format, "m", stream=stream)
    replay.reply = ok_reply(wire_format, body)
    credential = ("authorization", f"Bearer {exact_proxy.key}")
    # An account that no other test has put out of use.
    pin = ("x-codegate-account", f"{wire_format}-{ACCOUNTS}")
    sent = [("content-type", "application/json"), credential, pin, *passing, *STAYS]
    assert post(exact_proxy, wire_format, body, sent).status == 200
    seen = replay.last
    assert [h for h in seen.headers if h[0] in dict(passing)] == passing
    account = "x-api-key" if wire_format == "anthropic_messages" else "authorization"
    assert {name for name, _ in seen.headers} == {*dict(passing), *OWN_UP, account}
    assert seen.values(account)[0].removeprefix("Bearer ") == UPSTREAM_KEY
    assert exact_proxy.key.encode() not in seen.head + seen.body
    assert b"codegate" not in seen.head.lower()


@pytest.mark.parametrize("version", ["2026-10-21", "2023-06-01"])
def test_case_n1_the_version_is_the_clients(
    exact_proxy: Proxy, replay: Replay, version: str, stream: bool
) -> None:
    wire_format = "anthropic_messages"
    body = model_request(wire_format, "m", stream=stream)
    replay.reply = ok_reply(wire_format, body)
    betas = ["a-2026-01-01,b-2026-01-01", " c-2026-01-01 , d", "a-2026-01-01"]
    sent = [
        ("x-api-key", exact_proxy.key),
        ("anthropic-version", version),
        *(("anthropic-beta", beta) for beta in betas),
    ]
    assert post(exact_proxy, wire_format, body, sent).status == 200
    assert replay.last.values("anthropic-version") == [version]
    assert replay.last.values("anthropic-beta") == [beta.strip() for beta in betas]
    assert replay.last.body == body


def test_case_n1_a_missing_version_is_filled_in(exact_proxy: Proxy, replay: Replay) -> None:
    """The API refuses a request without one; every model takes what the oldest allows."""
    body = model_request("anthropic_messages", "m", stream=False)
    replay.reply = ok_reply("anthropic_messages", body)
    post(exact_proxy, "anthropic_messages", body, [("x-api-key", exact_proxy.key)])
    assert replay.last.values("anthropic-version") == ["2023-06-01"]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("/v1/messages?beta=true", "/v1/messages?beta=true"),
        ("/messages?beta=true", "/v1/messages?beta=true"),
        ("/v1/messages/count_tokens?beta=true", "/v1/messages/count_tokens?beta=true"),
        ("/v1/messages", "/v1/messages"),
        ("/v1/messages?x=1&beta=true", "/v1/messages?beta=true"),
        ("/v1/messages?key=abc", "/v1/messages"),
        ("/v1/messages?alphabeta=true", "/v1/messages"),
        ("/v1/messages?beta=trueish", "/v1/messages"),
    ],
)
def test_the_beta_query_is_kept_and_no_other(
    exact_proxy: Proxy, replay: Replay, asked: str, sent: str
) -> None:
    body = model_request("anthropic_messages", "m", stream=False)
    answer = b'{"input_tokens":7}' if "count" in asked else plain_answer("anthropic_messages")
    replay.reply = Reply(headers=JSON, pieces=[answer])
    answered = post(exact_proxy, "anthropic_messages", body, path=asked, headers=_key(exact_proxy))
    assert answered.status == 200, answered.body
    assert answered.body == answer
    assert replay.last.method == "POST"
    assert replay.last.target == sent


def _key(proxy: Proxy) -> list[tuple[str, str]]:
    return [("x-api-key", proxy.key), ("anthropic-version", "2023-06-01")]


COMES_DOWN = {
    "anthropic_messages": [
        ("request-id", "req_011CSHoEeqs5C35K2UUqR7Fy"),
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-tokens-reset", "2026-11-14T10:00:00Z"),
        ("anthropic-priority-input-tokens-limit", "10000"),
    ],
    "openai_chat": [
        ("x-request-id", "req_5a1"),
        ("openai-processing-ms", "301"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ],
}
STAYS_UP = [
    ("set-cookie", "__cf_bm=1"),
    ("server", "cloudflare"),
    ("cf-ray", "8f-FRA"),
    ("alt-svc", 'h3=":443"'),
    ("strict-transport-security", "max-age=1"),
    ("anthropic-organization-id", "org-up"),
    ("openai-organization", "org-up"),
    ("x-powered-by", "up"),
    ("keep-alive", "timeout=5"),
    ("x-codegate-account", "forged"),
]
OWN_DOWN = {
    "content-type",
    "content-length",
    "transfer-encoding",
    "date",
    "server",
    "x-codegate-request-id",
    "x-codegate-account",
    "x-codegate-upstream-model",
    "x-codegate-attempts",
    "x-codegate-error",
}


def test_listed_headers_come_down_and_nothing_else(
    exact_proxy: Proxy, replay: Replay, wire_format: str, stream: bool
) -> None:
    body = model_request(wire_format, "m", stream=stream)
    good = ok_reply(wire_format, body)
    replay.reply = Reply(
        headers=(*good.headers, *COMES_DOWN[wire_format], *STAYS_UP), pieces=good.pieces
    )
    answer = post(exact_proxy, wire_format, body)
    assert answer.status == 200
    for header in COMES_DOWN[wire_format]:
        assert header in answer.headers
    names = {name for name, _ in answer.headers}
    assert names <= {*dict(COMES_DOWN[wire_format]), *OWN_DOWN}, names
    assert (answer.header("x-codegate-account") or "").startswith(wire_format)
    assert answer.header("server") != dict(STAYS_UP)["server"]


@pytest.mark.parametrize("status", [400, 429, 500, 504])
def test_errors_keep_what_a_retry_goes_by(
    exact_proxy: Proxy, replay: Replay, wire_format: str, stream: bool, status: int
) -> None:
    error = b'{"type":"error","error":{"type":"x_error","message":"why","code":null,"param":null}}'
    retry = [("retry-after", "7"), ("retry-after-ms", "6500"), ("x-should-retry", "true")]
    own = COMES_DOWN[wire_format]
    replay.reply = Reply(
        status=status, headers=(*JSON, *retry, *own), pieces=[error], framing="length"
    )
    answer = post(exact_proxy, wire_format, model_request(wire_format, "m", stream=stream))
    assert answer.status == status
    assert answer.body == error
    for header in (*retry, *own):
        assert header in answer.headers
    names = {name for name, _ in answer.headers}
    assert names <= {*dict(own), *dict(retry), *OWN_DOWN}, names


def test_overloaded_is_said_in_the_words_of_the_dialect(
    exact_proxy: Proxy, replay: Replay, wire_format: str
) -> None:
    """Only one of them knows 529; both keep the delay."""
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    headers = (*JSON, ("retry-after", "3"))
    replay.reply = Reply(status=529, headers=headers, pieces=[body], framing="length")
    answer = post(exact_proxy, wire_format, model_request(wire_format, "m", stream=False))
    assert answer.header("retry-after") == "3"
    if wire_format == "anthropic_messages":
        assert answer.status == 529
        assert answer.body == body
    else:
        error = check_error(answer, wire_format, 503)
        assert error["code"] == "server_is_overloaded"


def test_a_streams_type_is_the_upstreams(
    exact_proxy: Proxy, replay: Replay, wire_format: str
) -> None:
    body = stream_request(wire_format)
    replay.reply = Reply(headers=SSE, pieces=ok_reply(wire_format, body).pieces)
    answer = post(exact_proxy, wire_format, body)
    assert answer.header("content-type") == dict(SSE)["content-type"]
    # A stream that was here to its end at once may say how long it is.
    assert answer.header("content-length") in (None, str(len(answer.body)))
    assert replay.last.body == sent_body(wire_format, body).body


@pytest.mark.parametrize("kind", ["bearer", "x-api-key", "both", "x-goog-api-key", "lower bearer"])
def test_case_n3_the_key_in_every_place(
    exact_proxy: Proxy, replay: Replay, wire_format: str, stream: bool, kind: str
) -> None:
    body = model_request(wire_format, "m", stream=stream)
    replay.reply = ok_reply(wire_format, body)
    good = post(exact_proxy, wire_format, body, _keys(kind, exact_proxy.key))
    assert good.status == 200, good.body
    before = len(replay.requests)
    bad = post(exact_proxy, wire_format, body, _keys(kind, exact_proxy.key[:-1] + "!"))
    check_error(bad, wire_format, 401)
    assert bad.header("x-should-retry") == "false"
    assert len(replay.requests) == before


def test_case_n3_no_key_at_all(exact_proxy: Proxy, replay: Replay, wire_format: str) -> None:
    before = len(replay.requests)
    body = model_request(wire_format, "m", stream=False)
    bare = post(exact_proxy, wire_format, body, [("content-type", "application/json")])
    check_error(bare, wire_format, 401)
    assert bare.header("x-should-retry") == "false"
    assert len(replay.requests) == before


def _keys(kind: str, key: str) -> list[tuple[str, str]]:
    return {
        "bearer": [("authorization", f"Bearer {key}")],
        "lower bearer": [("authorization", f"bearer {key}")],
        "x-api-key": [("x-api-key", key)],
        "both": [("x-api-key", key), ("authorization", f"Bearer {key}")],
        "x-goog-api-key": [("x-goog-api-key", key)],
    }[kind]
