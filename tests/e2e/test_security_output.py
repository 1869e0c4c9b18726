"""S24 to S26, S30, S32, S33: what crosses the proxy, and what is never shown or logged."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable

import pytest

from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.support.invariants import check_error, nothing_left, rows, wait_rows
from tests.support.proxy import Proxy, free_port
from tests.support.raw import (
    CHAT,
    MESSAGES,
    Answer,
    RawClient,
    call,
    head,
    headers_of,
    model_request,
    path_of,
    request,
)

_numbers = itertools.count()
OURS = {
    *("x-codegate-request-id", "x-codegate-account", "x-codegate-upstream-model"),
    *("x-codegate-attempts", "server", "date", "content-length", "transfer-encoding"),
}
THEIRS = {"content-type", "request-id", "x-request-id", "openai-version", "openai-processing-ms"}


def unique(fault: str) -> str:
    """A model name that selects ``fault`` and is no other test's."""
    return f"fault:{fault}#out{next(_numbers)}"


def names(answer: Answer) -> set[str]:
    """The names of an answer's headers."""
    return {name for name, _ in answer.headers}


@pytest.mark.parametrize(
    "model",
    [
        "mock\r\nx-evil: 1",
        "mock\nset-cookie: a=b",
        "mock\0x",
        "mock \u00fc\u4e2d\u2028",
        "\x1b[31mmock",
        "m" * 8192,
    ],
)
def test_s24_a_model_name_cannot_add_a_header(
    shared_proxy: Proxy, wire_format: str, stream: bool, model: str
) -> None:
    body = model_request(wire_format, model, stream=stream)
    headers = headers_of(wire_format, shared_proxy.key)
    with nothing_left(shared_proxy), RawClient(shared_proxy.port) as client:
        client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
        text = client.read_until(b"\r\n\r\n")
    lines = text[:-4].split(b"\r\n")[1:]
    assert all(re.fullmatch(rb"[a-z0-9-]+: [\x20-\x7e]*", line) for line in lines), text
    assert {line.split(b":")[0].decode() for line in lines} <= OURS | THEIRS | {
        *("x-codegate-error", "cache-control", "x-should-retry")
    }
    shown = [line for line in lines if line.startswith(b"x-codegate-upstream-model")]
    # A name that is no model's at all is refused before any upstream is chosen.
    assert len(shown) == (0 if len(model) > 1024 else 1)
    assert all(len(line) < 1100 for line in shown)


def test_s24_an_upstreams_error_cannot_add_a_header(shared_proxy: Proxy, wire_format: str) -> None:
    answer = call(
        shared_proxy.port, shared_proxy.key, wire_format, unique("status-400"), stream=False
    )
    assert answer.status == 400
    assert answer.header("x-codegate-error") == "upstream_error"


def test_s25_only_listed_headers_come_down(
    shared_proxy: Proxy, wire_format: str, stream: bool
) -> None:
    model = unique("set-cookie-headers")
    answer = call(shared_proxy.port, shared_proxy.key, wire_format, model, stream=stream)
    assert answer.status == 200
    assert answer.header("server") == "codegate"
    prefixes = ("anthropic-ratelimit-", "x-ratelimit-")
    strange = {name for name in names(answer) if not name.startswith(prefixes)} - OURS - THEIRS
    assert not strange
    assert any(name.startswith(prefixes) for name in names(answer))


CREDENTIALS = [
    ("authorization", "Bearer sk-canary-client-authorization"),
    ("x-api-key", "sk-canary-client-x-api-key"),
    ("x-goog-api-key", "sk-canary-client-goog"),
    ("proxy-authorization", "Basic c2stY2FuYXJ5LWNsaWVudA=="),
    ("cookie", "session=sk-canary-client-cookie"),
    ("api-key", "sk-canary-client-azure"),
    ("x-auth-token", "sk-canary-client-token"),
    ("x-amz-security-token", "sk-canary-client-aws"),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-real-ip", "203.0.113.9"),
    ("openai-organization", "org-canary-client"),
    ("openai-project", "proj-canary-client"),
    ("te", "trailers"),
    ("keep-alive", "timeout=5"),
]


def test_s26_no_credential_of_the_client_goes_up(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    text = f"hello {next(_numbers)}"
    body = model_request(wire_format, "mock-large", stream=stream, text=text)
    headers = [("content-type", "application/json"), ("anthropic-version", "2023-06-01")]
    # The right key comes last: whatever stands before it must not be sent on either.
    path = f"{path_of(wire_format)}?key={shared_proxy.key}&beta=true"
    found = [pair for pair in CREDENTIALS if pair[0] not in {"x-api-key", "authorization"}]
    keyed = [("x-api-key", shared_proxy.key), *CREDENTIALS[:1], *found]
    answer = request(shared_proxy.port, "POST", path, [*headers, *keyed], body)
    assert answer.status == 200, answer.body
    (entry,) = [e for e in shared_mock.requests if e.body is not None and text.encode() in e.body]
    sent = json.dumps(entry.headers) + entry.target
    assert "canary-client" not in sent
    assert shared_proxy.key not in sent
    assert "203.0.113.9" not in sent
    assert "key=" not in entry.target
    assert sent.count(shared_proxy.upstream_key) == 1, "not exactly one credential"
    up = {name for name, _ in entry.headers}
    assert not up & {"cookie", "te", "keep-alive", "api-key", "x-goog-api-key", "x-forwarded-for"}


def test_s32_an_error_names_nothing_of_ours(
    start_proxy: Callable[..., Proxy], wire_format: str, stream: bool
) -> None:
    port = free_port()

    def ask(*faults: str) -> list[Answer]:
        return [
            call(proxy.port, proxy.key, wire_format, f"fault:{fault}", stream=stream)
            for fault in faults
        ]

    with run_in_thread(Options(port=port)) as mock:
        proxy = start_proxy(
            upstreams=[f"{wire_format}={mock.url}"],
            settings={
                "first_byte_timeout_s": 1,
                "plain_first_byte_timeout_s": 1,
                "cooldown_base_s": 0,
            },
        )
        answers = ask("reset-before-status", "hang", "html-502", "redirect-302", "empty-200")
    answers += ask("nobody-listens")
    with run_in_thread(Options(port=port)):
        answers += ask("status-401")
    codes = [answer.header("x-codegate-error") for answer in answers]
    assert len(set(codes)) == len(codes), f"not each fault was met: {codes}"
    for answer in answers:
        assert answer.status >= 500
        message = check_error(answer, wire_format, answer.status)
        text = answer.body.decode()
        for word in (
            *(proxy.upstream_key, proxy.key, str(proxy.data_dir), "127.0.0.1", str(port)),
            *(".rs", ".py", "hyper", "tokio", "granian", "Errno", "os error"),
        ):
            assert word not in text, text
        assert f'"{wire_format}"' not in text, "the account's name is in the body"
        # Words for people: no value of a program printed as it is.
        assert not re.search(r"[{}<>]|::|\w\(", message), message
        assert message[0].isalpha()


NASTY = [
    'line\nbreak \r\n{"level":"info","forged":true}',
    "\x1b[31mred\x1b[0m \x07 \x08",
    "\x7f",
    "sep\u2028para\u2029nel\u0085",
    '"}, {"forged": true',
    "\u202egnp.exe",
    "%s %d {} {0} ${jndi:ldap://x}",
    "x" * 1_000_000,
]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_s33_what_a_client_sends_stays_one_line_of_the_log(
    shared_proxy: Proxy, wire_format: str, text: str
) -> None:
    known, written = len(shared_proxy.exchanges()), len(shared_proxy.log)
    body = model_request(wire_format, text, stream=False)
    short = "".join(c for c in text if c.isprintable() and c.isascii())[:4000]
    headers = [*headers_of(wire_format, shared_proxy.key), ("user-agent", short), ("x-app", short)]
    request(shared_proxy.port, "POST", path_of(wire_format), headers, body)
    request(shared_proxy.port, "GET", "/%0a%1b[31m%e2%80%a8/" + "y" * 4000, headers)
    shared_proxy.wait_exchanges(known + 1)
    fresh = shared_proxy.log[written:]
    for line in fresh.split("\n")[:-1]:
        value = json.loads(line)
        assert "forged" not in value
        assert len(line) < 2048 * 8
        assert line.isprintable(), "something in the line moves a terminal's cursor"
    assert fresh.count("codegate.exchange") == 1


TABLE: list[tuple[str, bytes, int, str]] = [
    ("empty", b"", 400, "bad_request"),
    ("no JSON", b"hello", 400, "bad_request"),
    ("100,000 levels", b"[" * 100_000, 400, "bad_request"),
    ("duplicate keys", b'{"model":"a","model":"b","messages":[]}', 400, "bad_request"),
    ("no model", b'{"messages":[]}', 400, "bad_request"),
    ("stream is text", b'{"model":"a","stream":"yes","messages":[]}', 400, "bad_request"),
    ("invalid UTF-8", b'{"model":"\xff","messages":[]}', 400, "bad_request"),
]


@pytest.mark.parametrize(("name", "body", "status", "code"), TABLE, ids=[row[0] for row in TABLE])
def test_bad_input_is_told_what_to_do(
    shared_proxy: Proxy,
    shared_mock: ThreadedMock,
    wire_format: str,
    name: str,
    body: bytes,
    status: int,
    code: str,
) -> None:
    before = shared_mock.journal.count
    headers = headers_of(wire_format, shared_proxy.key)
    with nothing_left(shared_proxy):
        answer = request(shared_proxy.port, "POST", path_of(wire_format), headers, body)
    check_error(answer, wire_format, status, code)
    assert answer.header("x-should-retry") is None, "clients do not retry a 400 anyway"
    assert shared_mock.journal.count == before


def test_bad_input_without_an_account(
    start_proxy: Callable[..., Proxy], wire_format: str, stream: bool
) -> None:
    proxy = start_proxy()
    answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=stream)
    message = check_error(answer, wire_format, 503, "no_account")
    assert "codegate accounts add" in message
    assert answer.header("x-should-retry") == "false"
    (row,) = proxy.wait_exchanges(1)
    assert (row["outcome"], row["error_code"]) == ("rejected", "no_account")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/responses", "/v1/message", "/api/accounts"])
def test_bad_input_an_unknown_path(shared_proxy: Proxy, wire_format: str, path: str) -> None:
    headers = headers_of(wire_format, shared_proxy.key)
    answer = request(shared_proxy.port, "POST", path, headers, b"{}")
    message = check_error(answer, wire_format, 404, "not_found")
    assert MESSAGES in message
    assert CHAT in message


def test_s30_no_secret_is_written_anywhere(
    start_proxy: Callable[..., Proxy], mock: ThreadedMock
) -> None:
    canary = "sk-canary-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    proxy = start_proxy(
        upstreams=[f"{name}={mock.url}" for name in ("anthropic_messages", "openai_chat")],
        upstream_key=canary,
        env={"LOG_LEVEL": "debug", "HTTPS_PROXY": "http://user:canary-password@127.0.0.1:9"},
        settings={
            "first_byte_timeout_s": 1,
            "plain_first_byte_timeout_s": 1,
            "cooldown_base_s": 0,
        },
    )
    secrets = (canary, proxy.key, "canary-password", "canary-prompt", "canary-client")
    faults = ["", "status-500", "html-200", "reset-after-2", "hang", "bad-json-at-2", "status-401"]
    bodies = []
    for wire_format in ("anthropic_messages", "openai_chat"):
        # A refused credential comes last: nothing is asked with it after that.
        for fault, stream in itertools.product(faults, (False, True)):
            model = f"fault:{fault}" if fault else "mock-large"
            answer = call(
                *(proxy.port, proxy.key, wire_format, model),
                stream=stream,
                text="canary-prompt",
                headers=[("cookie", "canary-client"), ("user-agent", "canary-client")],
            )
            if answer.status != 200:
                bodies.append(answer)
        broken = request(
            *(proxy.port, "POST", path_of(wire_format), headers_of(wire_format, proxy.key)),
            b'{"model": "canary-prompt',
        )
        wrong = request(
            *(proxy.port, "POST", path_of(wire_format), [("x-api-key", "canary-client")]), b"{}"
        )
        bodies += [broken, wrong]
    for answer in bodies:
        text = answer.body.decode() + json.dumps(answer.headers)
        assert not [secret for secret in secrets if secret in text], text
    metrics = proxy.get("/metrics")[1].decode()
    shown = proxy.get("/health")[1].decode() + metrics
    proxy.signal(15)
    proxy.wait()
    assert len(rows(proxy, "mock-large")) == 4
    met = {attempt["reason"] for row in proxy.exchanges() for attempt in row["attempts"]}
    assert met >= {"ok", "status_500", "bad_body", "truncated", "first_byte_timeout", "status_401"}
    for place in (proxy.log, proxy.out, shown):
        assert not [secret for secret in secrets if secret in place]
    for file in proxy.data_dir.iterdir():
        if file.name != "proxy-key":
            assert not [s for s in secrets if s.encode() in file.read_bytes()]


def test_rows_hold_no_text_of_a_conversation(shared_proxy: Proxy, wire_format: str) -> None:
    model = f"mock-row-{wire_format}"
    call(
        *(shared_proxy.port, shared_proxy.key, wire_format, model),
        stream=True,
        text="canary-prompt",
    )
    (row,) = wait_rows(shared_proxy, model)
    assert "canary" not in json.dumps(row)
