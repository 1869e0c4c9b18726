"""Faults inside a stream: what its events say, their order and spelling."""

import json

import pytest

from codegate.mock import ThreadedMock
from tests.unit.mock.faulty import Ask, ask_for, both, streamed, texts
from tests.unit.mock.raw import (
    CHAT_BODY,
    CHAT_HEADERS,
    MESSAGES_BODY,
    MESSAGES_HEADERS,
    RawClient,
    chat,
    messages,
    read_events,
    request_bytes,
)


@both
@pytest.mark.parametrize("n", [0, 1, 2, 5])
@pytest.mark.parametrize(
    ("fault", "end"),
    [("reset-after", "reset"), ("eof-after", "complete"), ("stall-after", "timeout")],
)
def test_cut_streams(mock: ThreadedMock, ask: Ask, fault: str, end: str, n: int) -> None:
    response = ask_for(mock, ask, f"{fault}-{n}", stream=True, silence=0.5)
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
    response = ask_for(mock, ask, fault, silence=0.5)
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
