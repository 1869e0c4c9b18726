"""Each fault, seen by a client that reads bytes."""

import json
import socket
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from codegate.mock import Options, ThreadedMock, run_in_thread
from codegate.mock.faults import FAULTS, UnknownFaultError, read_script
from tests.unit.mock.raw import (
    CHAT_BODY,
    CHAT_HEADERS,
    MESSAGES_BODY,
    MESSAGES_HEADERS,
    RawClient,
    Response,
    chat,
    messages,
    read_events,
    request_bytes,
)

Ask = Callable[..., Response]
both = pytest.mark.parametrize("ask", [chat, messages], ids=["chat", "messages"])
streamed = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "mock.md"


def ask_for(mock: ThreadedMock, ask: Ask, fault: str, **more: object) -> Response:
    return ask(mock, model=f"fault:{fault}", **more)


def texts(response: Response) -> str:
    """The text that a stream's deltas add up to, in either format."""
    found = ""
    for _, data in response.events():
        if data == "[DONE]":
            continue
        payload = json.loads(data)
        found += payload.get("delta", {}).get("text", "")
        for choice in payload.get("choices", []):
            found += choice["delta"].get("content") or ""
    return found


def error_of(response: Response) -> dict[str, object]:
    error = response.json()["error"]
    assert isinstance(error, dict)
    return error


# Statuses


@both
@streamed
@pytest.mark.parametrize("code", [400, 401, 403, 404, 429, 500, 503, 529])
def test_status(mock: ThreadedMock, ask: Ask, stream: bool, code: int) -> None:
    response = ask_for(mock, ask, f"status-{code}", stream=stream)
    assert response.status == code
    assert response.header("content-type") == "application/json"
    assert error_of(response)["message"]
    assert ("request_id" in response.json()) is (ask is messages)


@pytest.mark.parametrize(
    ("fault", "name", "value"),
    [
        ("status-429-after-2", "retry-after", "2"),
        ("status-429-after-1.5", "retry-after", "1.5"),
        ("status-429-after--1", "retry-after", "-1"),
        ("status-429-after-abc", "retry-after", "abc"),
        ("status-503-after-99999999999", "retry-after", "99999999999"),
        ("status-429-after-ms-750", "retry-after-ms", "750"),
        ("status-429-no-retry", "x-should-retry", "false"),
        ("status-400-retry", "x-should-retry", "true"),
        ("status-429-reset-61", "x-ratelimit-reset-requests", "1m1s"),
        ("status-429-reset-1.5", "x-ratelimit-reset-requests", "1.5s"),
    ],
)
def test_status_with_a_delay(mock: ThreadedMock, fault: str, name: str, value: str) -> None:
    response = ask_for(mock, chat, fault)
    assert response.status == int(fault[7:10])
    assert response.header(name) == value


def test_status_with_a_date(mock: ThreadedMock) -> None:
    soon = ask_for(mock, chat, "status-429-date-3").header("retry-after")
    past = ask_for(mock, chat, "status-429-date--60").header("retry-after")
    assert soon is not None
    assert past is not None
    assert soon.endswith(" GMT")
    assert past.endswith(" GMT")
    assert soon != past


def test_status_with_a_reset_moment(mock: ThreadedMock) -> None:
    response = ask_for(mock, messages, "status-429-reset-60")
    reset = response.header("anthropic-ratelimit-requests-reset")
    assert reset is not None
    assert reset.endswith("Z")
    assert response.header("retry-after") is None


def test_status_without_a_body(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "status-204")
    assert (response.status, response.header("content-length"), response.body) == (204, None, b"")


def test_money(mock: ThreadedMock) -> None:
    theirs = ask_for(mock, messages, "spend-limit")
    assert theirs.status == 429
    assert error_of(theirs)["details"] == {"error_code": "enforced_spend_limit_reached"}
    ours = ask_for(mock, chat, "spend-limit")
    assert (ours.status, error_of(ours)["code"]) == (429, "insufficient_quota")
    assert "credit balance is too low" in str(error_of(ask_for(mock, messages, "credit-low")))


def test_fail_then_ok_counts_by_model_and_session(mock: ThreadedMock) -> None:
    fault = "fail-2-then-ok:503"
    assert [ask_for(mock, chat, fault).status for _ in range(4)] == [503, 503, 200, 200]
    assert [ask_for(mock, chat, fault + "#b").status for _ in range(3)] == [503, 503, 200]
    session = {"x-session-id": "s1"}
    found = [ask_for(mock, chat, fault, headers=session).status for _ in range(3)]
    assert found == [503, 503, 200]


@both
@streamed
def test_documents_that_are_not_the_answer(mock: ThreadedMock, ask: Ask, stream: bool) -> None:
    page = ask_for(mock, ask, "html-200", stream=stream)
    assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")
    assert b"<script>" in page.body
    assert ask_for(mock, ask, "html-502", stream=stream).status == 502
    empty = ask_for(mock, ask, "empty-200", stream=stream)
    assert (empty.status, empty.body, empty.header("content-length")) == (200, b"", "0")
    error = ask_for(mock, ask, "error-200", stream=stream)
    assert error.status == 200
    assert error_of(error)["message"] == "Overloaded"


def test_models_and_betas(mock: ThreadedMock) -> None:
    theirs = ask_for(mock, messages, "no-such-model")
    assert (theirs.status, error_of(theirs)["type"]) == (404, "not_found_error")
    assert error_of(ask_for(mock, chat, "no-such-model"))["code"] == "model_not_found"
    assert error_of(ask_for(mock, chat, "status-404"))["code"] is None
    beta = {"anthropic-beta": "new-2026-01-01"}
    assert ask_for(mock, messages, "no-betas", headers=beta).status == 400
    assert ask_for(mock, messages, "no-betas").status == 200


def test_prefix_mismatch(mock: ThreadedMock) -> None:
    thinking = {"type": "thinking", "thinking": "x", "signature": "EqQB"}
    user = {"role": "user", "content": "hi"}
    turns = [user, {"role": "assistant", "content": [thinking]}, user]
    drop = {"block_binding": {"prefix_mismatch_behavior": "drop_block"}, "type": "adaptive"}

    def statuses(fault: str) -> list[int]:
        return [
            ask_for(mock, messages, fault, messages=turns).status,
            ask_for(mock, messages, fault, messages=turns, thinking=drop).status,
            ask_for(mock, messages, fault, messages=[user], thinking=drop).status,
        ]

    assert statuses("prefix-mismatch") == [400, 200, 200]
    assert statuses("prefix-mismatch-hard") == [400, 400, 200]


def test_redirect(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "redirect-307", headers={"x-mock-location": "http://a/b"})
    assert (response.status, response.header("location")) == (307, "http://a/b")
    with run_in_thread(Options(canary="http://canary/")) as other:
        assert ask_for(other, chat, "redirect-302").header("location") == "http://canary/"


@both
@streamed
def test_early_hints(mock: ThreadedMock, ask: Ask, stream: bool) -> None:
    response = ask_for(mock, ask, "early-hints", stream=stream)
    assert (response.early, response.status, response.end) == ([103], 200, "complete")


@pytest.mark.parametrize("fault", ["refuse-after-accept", "reset-before-status"])
def test_reset_without_an_answer(mock: ThreadedMock, fault: str) -> None:
    response = ask_for(mock, chat, fault)
    assert (response.end, response.head) == ("reset", b"")


def test_reset_before_the_body_is_read(mock: ThreadedMock) -> None:
    headers = {"x-mock-fault": "refuse-after-accept", "content-length": "1000"}
    with RawClient(mock) as client:
        client.send(request_bytes("PUT", "/v1/messages", headers))
        assert client.read_response().end == "reset"


def test_reset_at_once(mock: ThreadedMock) -> None:
    mock.fault = "refuse-after-accept"
    # The reset may come so early that connecting itself reports it.
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(("127.0.0.1", mock.port), timeout=5) as sock,
    ):
        sock.recv(1)
    assert mock.requests == []


def test_hang(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "hang", timeout=0.2)
    assert (response.end, response.head) == ("timeout", b"")
    mock.wait_until(lambda: mock.requests[0].client_closed_early)


@both
@streamed
def test_hang_after_headers(mock: ThreadedMock, ask: Ask, stream: bool) -> None:
    response = ask_for(mock, ask, "hang-after-headers", stream=stream, timeout=0.2)
    assert (response.end, response.status, response.body) == ("timeout", 200, b"")


def test_slow_first(mock: ThreadedMock) -> None:
    assert ask_for(mock, chat, "slow-first-100").seconds >= 0.1


# Streams


@both
@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize(
    ("fault", "end"),
    [("reset-after", "reset"), ("eof-after", "complete"), ("stall-after", "timeout")],
)
def test_cut_streams(mock: ThreadedMock, ask: Ask, fault: str, end: str, n: int) -> None:
    response = ask_for(mock, ask, f"{fault}-{n}", stream=True, timeout=0.3)
    assert response.status == 200
    assert response.end == end
    assert len(response.events()) == n


def test_a_cut_comes_right_after_its_event(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "reset-after-1+pace-30000", stream=True)
    assert (response.end, len(response.events())) == ("reset", 1)


@both
@pytest.mark.parametrize(
    ("fault", "end"), [("reset-after-3", "reset"), ("stall-after-3", "timeout")]
)
def test_cut_documents(mock: ThreadedMock, ask: Ask, fault: str, end: str) -> None:
    response = ask_for(mock, ask, fault, timeout=0.3)
    length = int(response.header("content-length") or 0)
    assert response.end == end
    assert 0 < len(response.body) < length
    assert abs(len(response.body) - length * 3 / 8) < 8


def test_document_that_ends_early(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "eof-after-3")
    assert response.end == "complete"
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        response.json()


@both
def test_end_markers(mock: ThreadedMock, ask: Ask) -> None:
    last = "message_stop" if ask is messages else "[DONE]"

    def ends(fault: str) -> list[bool]:
        events = ask_for(mock, ask, fault, stream=True).events()
        return [last in (name, data) for name, data in events]

    assert sum(ends("eof-after-finish")) == 0
    assert 'finish_reason":"stop' in str(ask_for(mock, chat, "eof-after-finish", stream=True).body)
    assert ends("duplicate-end")[-3:] == [True, True, False]
    sending = ends("keep-sending-1")
    assert sending.index(True) < len(sending) - 20


@both
def test_busy_goes_on_until_the_client_leaves(mock: ThreadedMock, ask: Ask) -> None:
    path, headers, members = "/v1/chat/completions", CHAT_HEADERS, CHAT_BODY
    if ask is messages:
        path, headers, members = "/v1/messages", MESSAGES_HEADERS, MESSAGES_BODY
    body = json.dumps({**members, "model": "fault:busy", "stream": True}).encode()
    with RawClient(mock) as client:
        client.send(request_bytes("POST", path, headers, body))
        while client.buffer.count(b"\n\n") < 30:
            client.receive()
    mock.wait_until(lambda: mock.requests[0].client_closed_early)
    (entry,) = mock.requests
    assert entry.events >= 30
    assert entry.closed_at is not None
    assert entry.closed_at > entry.at + 0.2


@both
def test_error_events(mock: ThreadedMock, ask: Ask) -> None:
    (only,) = ask_for(mock, ask, "error-first-event", stream=True).events()
    assert "Overloaded" in only[1]
    assert only[0] == ("error" if ask is messages else "")
    events = ask_for(mock, ask, "error-after-2", stream=True).events()
    assert len(events) == 3
    assert "Overloaded" in events[-1][1]
    assert ask_for(mock, ask, "error-after-2").status == 529
    assert ask_for(mock, ask, "error-first-event").status == 529


@both
def test_wrong_kind_of_answer(mock: ThreadedMock, ask: Ask) -> None:
    plain = ask_for(mock, ask, "json-for-stream", stream=True)
    assert plain.header("content-type") == "application/json"
    assert plain.json()["id"]
    assert ask_for(mock, ask, "sse-for-json").events()


@both
def test_pace_and_deltas(mock: ThreadedMock, ask: Ask) -> None:
    few = ask_for(mock, ask, "deltas-2+pace-60", stream=True)
    many = ask_for(mock, ask, "deltas-20", stream=True)
    assert len(many.events()) > len(few.events()) + 10
    assert texts(few) == texts(many)
    assert few.seconds >= 0.12


@both
def test_floods(mock: ThreadedMock, ask: Ask) -> None:
    events = ask_for(mock, ask, "many-events-5000", stream=True).events()
    assert 5000 < len(events) < 5030
    big = ask_for(mock, ask, "event-of-300000", stream=True)
    assert len(texts(big)) == 300_000
    assert max(len(data) for _, data in big.events()) > 300_000
    assert len(ask_for(mock, ask, "event-of-300000").body) > 300_000


@both
def test_bad_json(mock: ThreadedMock, ask: Ask) -> None:
    events = ask_for(mock, ask, "bad-json-at-3", stream=True).events()
    for number, (_, data) in enumerate(events, 1):
        if number == 3:
            with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
                json.loads(data)
        elif data != "[DONE]":
            json.loads(data)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        ask_for(mock, ask, "bad-json-at-1").json()


@both
@streamed
def test_bad_utf8(mock: ThreadedMock, ask: Ask, stream: bool) -> None:
    response = ask_for(mock, ask, "bad-utf8-at-2", stream=stream)
    with pytest.raises(UnicodeDecodeError):
        response.body.decode()
    replaced = response.body.decode(errors="replace")
    assert "\ufffd" in replaced
    for _, data in read_events(replaced.encode()):
        if data != "[DONE]":
            json.loads(data)


@both
def test_interleaved_calls(mock: ThreadedMock, ask: Ask) -> None:
    text = 'mock:tool A {"text": "first call"}\nmock:tool B {"text": "second call"}'
    tools: object = [{"name": "A", "input_schema": {"type": "object"}}]
    if ask is chat:
        tools = [{"type": "function", "function": {"name": "A"}}]
    response = ask(
        mock,
        model="fault:interleave",
        stream=True,
        tools=tools,
        messages=[{"role": "user", "content": text}],
    )
    order: list[int] = []
    joined = {0: "", 1: ""}
    for _, data in response.events():
        payload = json.loads(data) if data != "[DONE]" else {}
        if "partial_json" in payload.get("delta", {}):
            order.append(payload["index"])
            joined[payload["index"]] += payload["delta"]["partial_json"]
        for choice in payload.get("choices", []):
            for call in choice["delta"].get("tool_calls", []):
                order.append(call["index"])
                joined[call["index"]] += call["function"]["arguments"]
    assert order[:6] == [0, 1, 0, 1, 0, 1]
    assert [json.loads(part)["text"] for part in joined.values()] == ["first call", "second call"]


@both
def test_strangers(mock: ThreadedMock, ask: Ask) -> None:
    events = ask_for(mock, ask, "unknown-event", stream=True).events()
    assert "sampling" in events[0][1]
    assert sum("sampling" in data for _, data in events) > 5
    fields = ask_for(mock, ask, "unknown-fields", stream=True).events()
    assert all("x_new_member" in data for _, data in fields if data != "[DONE]")
    assert "x_new_member" in ask_for(mock, ask, "unknown-fields").json()


@both
@streamed
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("missing", None),
        ("negative", "-1"),
        ("float", "12.5"),
        ("string", '"5"'),
        ("huge", "9223372036854775808"),
    ],
)
def test_usage(mock: ThreadedMock, ask: Ask, stream: bool, kind: str, value: str | None) -> None:
    more = {"stream_options": {"include_usage": True}} if ask is chat and stream else {}
    text = ask_for(mock, ask, f"usage-{kind}", stream=stream, **more).body.decode()
    name = "completion_tokens" if ask is chat else "output_tokens"
    if value is None:
        assert name not in text
        assert "usage" not in text.replace(f"usage-{kind}", "")
    else:
        assert f'"{name}":{value}' in text


@both
@pytest.mark.parametrize(
    "fault",
    ["crlf", "cr", "mixed-eol", "bom", "multi-data-lines", "comments", "id-retry-lines"],
)
def test_spellings_of_a_stream(mock: ThreadedMock, ask: Ask, fault: str) -> None:
    response = ask_for(mock, ask, fault, stream=True)
    assert texts(response) == "You said: hello over there"
    marks = {
        "crlf": b"\r\n\r\n",
        "cr": b"\r\r",
        "mixed-eol": b"\r\r\n",
        "bom": b"\xef\xbb\xbf",
        "multi-data-lines": b"data: {\ndata: ",
        "comments": b": keep-alive",
        "id-retry-lines": b"retry: 1000\n",
    }
    assert marks[fault] in response.body


@both
def test_no_final_blank(mock: ThreadedMock, ask: Ask) -> None:
    response = ask_for(mock, ask, "no-final-blank", stream=True)
    assert response.body.endswith(b"\n")
    assert not response.body.endswith(b"\n\n")


# Delivery


@both
@streamed
@pytest.mark.parametrize("fault", ["split-every-byte", "split-random-7"])
def test_pieces(mock: ThreadedMock, ask: Ask, stream: bool, fault: str) -> None:
    response = ask_for(mock, ask, fault, stream=stream)
    assert response.end == "complete"
    plain = ask(mock, model=f"fault:{fault}", stream=stream)
    assert plain.body == response.body
    if stream:
        sizes = {len(chunk) for chunk in response.chunks}
        assert sizes == {1} if fault != "split-random-7" else len(sizes) > 5
        assert [len(chunk) for chunk in plain.chunks] == [len(chunk) for chunk in response.chunks]
        assert texts(response) == "You said: hello over there"
    else:
        assert response.json()["id"]


def test_drip_takes_its_time(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "drip-1")
    assert response.seconds >= len(response.body) / 1000


def test_drip_status(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "drip-status-1")
    assert (response.status, response.end) == (200, "complete")
    assert response.seconds >= len(response.head) / 1000


@streamed
def test_length_too_long(mock: ThreadedMock, stream: bool) -> None:
    response = ask_for(mock, chat, "length-too-long", stream=stream)
    assert response.end == "eof"
    assert int(response.header("content-length") or 0) == len(response.body) + 20


@streamed
def test_length_too_short(mock: ThreadedMock, stream: bool) -> None:
    body = json.dumps({**CHAT_BODY, "model": "fault:length-too-short", "stream": stream})
    with RawClient(mock) as client:
        client.send(request_bytes("POST", "/v1/chat/completions", CHAT_HEADERS, body.encode()))
        response = client.read_response()
        while len(client.buffer) < 20:
            client.receive()
    assert response.end == "complete"
    assert len(client.buffer) == 20


@streamed
def test_until_close(mock: ThreadedMock, stream: bool) -> None:
    response = ask_for(mock, chat, "until-close", stream=stream)
    assert response.end == "eof"
    assert response.header("content-length") is None
    assert response.header("transfer-encoding") is None
    assert response.body.endswith(b"[DONE]\n\n" if stream else b"}")


@both
@streamed
@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ("chunk-bad-size", "bad chunk"),
        ("chunk-no-final", "eof"),
        ("chunk-trailers", "complete"),
        ("chunk-extensions", "complete"),
    ],
)
def test_chunks(mock: ThreadedMock, ask: Ask, stream: bool, fault: str, end: str) -> None:
    response = ask_for(mock, ask, fault, stream=stream)
    assert (response.end, response.header("transfer-encoding")) == (end, "chunked")


def received(mock: ThreadedMock, fault: str) -> bytes:
    """Everything that comes until the connection is idle."""
    body = json.dumps({**CHAT_BODY, "model": f"fault:{fault}"}).encode()
    head = request_bytes(
        "POST", "/v1/chat/completions", {**CHAT_HEADERS, "connection": "close"}, body
    )
    with RawClient(mock) as client:
        client.send(head)
        found = b""
        while data := client.sock.recv(65536):
            found += data
    return found


def test_chunk_details(mock: ThreadedMock) -> None:
    assert received(mock, "chunk-trailers").endswith(
        b"\r\n0\r\nx-checksum: 0123abcd\r\nx-elapsed: 12\r\n\r\n"
    )
    assert b';signature="a;b"\r\n' in received(mock, "chunk-extensions")


def test_heads(mock: ThreadedMock) -> None:
    assert len(ask_for(mock, chat, "headers-200k").head) > 200_000
    assert len(ask_for(mock, chat, "headers-500").headers) > 500
    assert b"\r\nx-folded: first\r\n  second" in received(mock, "obs-fold")
    assert b"\r\nbad name@: value" in received(mock, "bad-header-name")


@pytest.mark.parametrize("fault", ["close-after-answer", "close-after-ms-50"])
@streamed
def test_close_after_answer(mock: ThreadedMock, stream: bool, fault: str) -> None:
    body = json.dumps({**CHAT_BODY, "model": f"fault:{fault}", "stream": stream}).encode()
    with RawClient(mock) as client:
        client.send(request_bytes("POST", "/v1/chat/completions", CHAT_HEADERS, body))
        response = client.read_response()
        assert response.end == "complete"
        assert response.header("connection") is None
        assert client.sock.recv(1) == b""
    mock.wait_until(lambda: mock.requests[0].outcome == "answered")


def test_edge_headers(mock: ThreadedMock) -> None:
    response = ask_for(mock, messages, "set-cookie-headers")
    names = [name for name, _ in response.headers]
    assert names.count("set-cookie") == 2
    assert {"server", "alt-svc", "cf-ray", "via", "x-accel-buffering", "request-id"} <= set(names)
    assert "anthropic-ratelimit-requests-reset" in names


# Encodings


def unpacked(response: Response, *, times: int = 1) -> bytes:
    data = response.body
    for _ in range(times):
        reader = zlib.decompressobj(31)
        data = reader.decompress(data)
        assert reader.eof
        assert reader.unused_data == b""
    return data


@both
@streamed
def test_gzip(mock: ThreadedMock, ask: Ask, stream: bool) -> None:
    response = ask_for(mock, ask, "gzip", stream=stream)
    assert response.header("content-encoding") == "gzip"
    plain = unpacked(response)
    response.body = plain
    if stream:
        assert texts(response) == "You said: hello over there"
    else:
        assert response.json()["id"]


@streamed
def test_gzip_lies(mock: ThreadedMock, stream: bool) -> None:
    lie = ask_for(mock, chat, "gzip-lie", stream=stream)
    assert lie.header("content-encoding") == "gzip"
    assert lie.body.startswith(b"data:" if stream else b"{")
    double = ask_for(mock, chat, "gzip-double", stream=stream)
    assert double.header("content-encoding") == "gzip, gzip"
    assert b"hello" not in unpacked(double)
    hidden = ask_for(mock, chat, "gzip-double-hidden", stream=stream)
    assert hidden.header("content-encoding") == "gzip"
    assert len(unpacked(hidden, times=2)) > 100
    truncated = ask_for(mock, chat, "gzip-truncated", stream=stream)
    reader = zlib.decompressobj(31)
    assert reader.decompress(truncated.body)
    assert not reader.eof
    assert truncated.end == "complete"
    with pytest.raises(zlib.error, match="incorrect data check"):
        zlib.decompress(ask_for(mock, chat, "gzip-bad-crc", stream=stream).body, 31)


@both
@streamed
def test_gzip_bomb(mock: ThreadedMock, ask: Ask, stream: bool) -> None:
    response = ask_for(mock, ask, "gzip-bomb-5", stream=stream)
    assert len(response.body) < 50_000
    plain = unpacked(response)
    assert len(plain) > 5 * 1024 * 1024
    response.body = plain
    if stream:
        assert texts(response) == "You said: hello over there"
    else:
        assert response.json()["id"]


def test_deflate(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "deflate")
    assert response.header("content-encoding") == "deflate"
    assert json.loads(zlib.decompress(response.body))["id"]


def unpack_zstd(data: bytes) -> bytes:
    """A frame whose blocks are all raw (RFC 8878, 3.1.1)."""
    assert data[:4] == b"\x28\xb5\x2f\xfd"
    found, position = b"", 6
    while True:
        head = int.from_bytes(data[position : position + 3], "little")
        assert head >> 1 & 3 == 0
        position += 3
        found += data[position : position + (head >> 3)]
        position += head >> 3
        if head & 1:
            assert position == len(data)
            return found


def unpack_brotli(data: bytes) -> bytes:
    """A stream whose meta-blocks are all uncompressed (RFC 7932, 9.2)."""
    found, position, skip = b"", 0, 1
    while True:
        bits = int.from_bytes(data[position : position + 3], "little") >> skip
        if bits & 1:
            assert data[position:] == b"\x03"
            return found
        assert bits >> 1 & 3 == 0
        assert bits >> 19 & 1 == 1
        length = (bits >> 3 & 0xFFFF) + 1
        position += 3
        found += data[position : position + length]
        position, skip = position + length, 0


@streamed
@pytest.mark.parametrize(
    ("fault", "unpack"), [("zstd", unpack_zstd), ("br", unpack_brotli)], ids=["zstd", "br"]
)
def test_newer_encodings(
    mock: ThreadedMock, stream: bool, fault: str, unpack: Callable[[bytes], bytes]
) -> None:
    response = ask_for(mock, chat, fault, stream=stream)
    assert response.header("content-encoding") == fault
    response.body = unpack(response.body)
    if stream:
        assert texts(response) == "You said: hello over there"
    else:
        assert response.json()["id"]
    large = ask_for(mock, chat, f"event-of-200000+{fault}")
    assert len(unpack(large.body)) > 200_000


# The table


def test_faults_add_up(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "set-cookie-headers+crlf+reset-after-2", stream=True)
    assert response.end == "reset"
    assert response.header("server") == "cloudflare"
    assert response.body.count(b"\r\n\r\n") == 2


def test_count_tokens_and_models_can_fail(mock: ThreadedMock) -> None:
    body = json.dumps({**MESSAGES_BODY, "model": "fault:status-404"}).encode()
    body = body.replace(b'"max_tokens": 1000, ', b"").replace(b', "max_tokens": 1000', b"")
    with RawClient(mock) as client:
        client.send(request_bytes("POST", "/v1/messages/count_tokens", MESSAGES_HEADERS, body))
        assert client.read_response().status == 404


def test_every_name_means_one_fault() -> None:
    for fault in FAULTS:
        name = fault.pattern
        for parameter in ("<code>", "<status>", "<n>", "<k>", "<ms>", "<s>", "<secs>", "<seed>"):
            name = name.replace(parameter, "500")
        name = name.replace("<bytes>", "9").replace("<mb>", "1")
        assert [other.pattern for other in FAULTS if other.match(name) is not None] == [
            fault.pattern
        ]
        (scripted,) = read_script(name, FAULTS)
        assert scripted.fault is fault


@pytest.mark.parametrize("name", ["hang-x", "status-", "status-abc", "reset-after--1", "x"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(UnknownFaultError):
        read_script(name, FAULTS)


def test_every_fault_is_documented() -> None:
    text = REFERENCE.read_text()
    for fault in FAULTS:
        assert f"| `{fault.pattern}` | {fault.text} |" in text
