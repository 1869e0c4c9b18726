"""Routes, keys, dialects and the mock's own pages."""

import json

import pytest

from codegate.mock import Options, ThreadedMock, run_in_thread
from tests.unit.mock.raw import (
    CHAT_HEADERS,
    MESSAGES_HEADERS,
    RawClient,
    chat,
    get,
    messages,
    request_bytes,
)

VERSION = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize("path", ["/v1/messages", "/messages", "/v1/messages?beta=true"])
def test_messages_paths(mock: ThreadedMock, path: str) -> None:
    response = messages(mock, path=path)
    assert response.status == 200
    assert response.header("content-type") == "application/json"
    assert (response.header("request-id") or "").startswith("req_")
    assert response.json()["content"] == [{"type": "text", "text": "You said: hello over there"}]


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/chat/completions", "/v1/v1/chat/completions"]
)
def test_chat_paths(mock: ThreadedMock, path: str) -> None:
    response = chat(mock, path=path)
    assert response.status == 200
    assert (response.header("x-request-id") or "").startswith("req_")


def test_answers_are_deterministic(mock: ThreadedMock) -> None:
    for stream in (False, True):
        first, second = chat(mock, stream=stream), chat(mock, stream=stream)
        assert (first.head, first.body) == (second.head, second.body)
        one, two = messages(mock, stream=stream), messages(mock, stream=stream)
        assert (one.head, one.body) == (two.head, two.body)
    other = messages(mock, messages=[{"role": "user", "content": "other"}])
    assert other.json()["id"] != messages(mock).json()["id"]


def test_streams(mock: ThreadedMock) -> None:
    response = messages(mock, stream=True)
    assert (response.header("content-type") or "").startswith("text/event-stream")
    assert response.header("content-length") is None
    names = [name for name, _ in response.events()]
    assert (names[0], names[-1]) == ("message_start", "message_stop")
    assert chat(mock, stream=True).events()[-1] == ("", "[DONE]")


def test_count_tokens(mock: ThreadedMock) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 100}]})
    with RawClient(mock) as client:
        client.send(
            request_bytes("POST", "/v1/messages/count_tokens", MESSAGES_HEADERS, body.encode())
        )
        response = client.read_response()
    assert response.json() == {"input_tokens": -(-len(body) // 4)}


@pytest.mark.parametrize("key", ["x-api-key: k", "authorization: Bearer k"])
def test_messages_keys(mock: ThreadedMock, key: str) -> None:
    name, _, value = key.partition(": ")
    body = b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}]}'
    with RawClient(mock) as client:
        client.send(request_bytes("POST", "/v1/messages", {**VERSION, name: value}, body))
        assert client.read_response().status == 200


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "x-api-key header is required"),
        ({"x-api-key": ""}, "x-api-key header is required"),
        ({"x-api-key": "bad-key"}, "invalid x-api-key"),
        ({"x-api-key": "bad-key", "authorization": "Bearer good"}, "invalid x-api-key"),
        ({"authorization": "Bearer bad-key"}, "invalid x-api-key"),
        ({"authorization": "Basic good"}, "x-api-key header is required"),
    ],
)
def test_messages_without_a_good_key(
    mock: ThreadedMock, headers: dict[str, str], words: str
) -> None:
    with RawClient(mock) as client:
        client.send(request_bytes("POST", "/v1/messages", {**VERSION, **headers}, b"{}"))
        response = client.read_response()
    assert response.status == 401
    assert response.json()["error"] == {"type": "authentication_error", "message": words}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, None),
        ({"x-api-key": "good"}, None),
        ({"authorization": "Bearer bad-key"}, "invalid_api_key"),
    ],
)
def test_chat_without_a_good_key(
    mock: ThreadedMock, headers: dict[str, str], code: str | None
) -> None:
    with RawClient(mock) as client:
        client.send(request_bytes("POST", "/v1/chat/completions", headers, b"{}"))
        response = client.read_response()
    assert response.status == 401
    error = response.json()["error"]
    assert isinstance(error, dict)
    assert (error["type"], error["code"]) == ("invalid_request_error", code)


def test_required_key() -> None:
    with run_in_thread(Options(require_key="secret")) as mock:
        assert chat(mock).status == 401
        assert chat(mock, headers={"authorization": "Bearer secret"}).status == 200
        assert get(mock, "/v1/models", CHAT_HEADERS).status == 401
        assert get(mock, "/health").status == 200


def test_model_list_in_two_dialects(mock: ThreadedMock) -> None:
    plain = get(mock, "/v1/models", CHAT_HEADERS).json()
    assert plain["object"] == "list"
    theirs = get(mock, "/models?limit=2", MESSAGES_HEADERS).json()
    assert theirs["has_more"] is True
    assert get(mock, "/v1/models", VERSION).status == 401


def test_one_model(mock: ThreadedMock) -> None:
    assert get(mock, "/v1/models/mock-large", CHAT_HEADERS).json()["object"] == "model"
    assert get(mock, "/v1/models/mock-large", MESSAGES_HEADERS).json()["type"] == "model"
    absent = get(mock, "/v1/models/absent", CHAT_HEADERS)
    assert absent.status == 404
    assert "absent" in str(absent.json()["error"])
    assert get(mock, "/v1/models/absent", MESSAGES_HEADERS).json()["error"] == {
        "type": "not_found_error",
        "message": "model: absent",
    }


def test_health_needs_no_key(mock: ThreadedMock) -> None:
    assert get(mock, "/health").json() == {"status": "ok"}
    assert mock.requests == []
    assert len(mock.journal) == 1


def test_unknown_paths_and_methods(mock: ThreadedMock) -> None:
    assert "Invalid URL" in str(get(mock, "/v1/other", CHAT_HEADERS).json()["error"])
    theirs = get(mock, "/v1/other", MESSAGES_HEADERS)
    assert (theirs.status, theirs.json()["type"]) == (404, "error")
    wrong = get(mock, "/v1/messages", MESSAGES_HEADERS)
    assert (wrong.status, wrong.header("allow")) == (405, "POST")


def test_tool_call_without_tools_is_refused(mock: ThreadedMock) -> None:
    asking = [{"role": "user", "content": "mock:tool Read {}"}]
    for response in (chat(mock, messages=asking), messages(mock, messages=asking)):
        assert response.status == 400
        assert "Read" in str(response.json()["error"])


def test_unreadable_directive_is_refused(mock: ThreadedMock) -> None:
    response = chat(mock, messages=[{"role": "user", "content": "mock:say hello"}])
    assert response.status == 400
    assert "mock:say" in str(response.json()["error"])


def test_pace_and_deltas_by_query(mock: ThreadedMock) -> None:
    slow = chat(mock, path="/v1/chat/completions?pace=20&deltas=5", stream=True)
    assert len(slow.events()) == 5 + 3
    assert slow.seconds >= 0.1
    many = chat(mock, path="/v1/chat/completions?deltas=10", stream=True)
    assert len(many.events()) > len(slow.events())


def test_pace_and_deltas_by_option() -> None:
    with run_in_thread(Options(pace_ms=20, deltas=3)) as mock:
        response = chat(mock, stream=True)
    assert len(response.events()) == 3 + 3
    assert response.seconds >= 0.06


def test_own_pages(mock: ThreadedMock) -> None:
    chat(mock)
    (entry,) = json.loads(get(mock, "/_mock/journal").body)
    assert entry["target"] == "/v1/chat/completions"
    assert entry["status"] == 200
    assert ["authorization", "Bearer test-key"] in entry["headers"]
    assert "body" not in entry
    (entry,) = json.loads(get(mock, "/_mock/journal?bodies=1").body)
    assert json.loads(entry["body"])["model"] == "mock-large"
    with RawClient(mock) as client:
        client.send(request_bytes("DELETE", "/_mock/journal", {}))
        assert client.read_response().status == 200
        client.send(request_bytes("PUT", "/_mock/fault", {}, b"status-503"))
        assert client.read_response().json() == {"fault": "status-503"}
    assert json.loads(get(mock, "/_mock/journal").body) == []
    assert chat(mock).status == 503
    with RawClient(mock) as client:
        client.send(request_bytes("PUT", "/_mock/fault", {}, b"nonsense"))
        assert client.read_response().status == 400
        client.send(request_bytes("PUT", "/_mock/fault", {"content-length": "0"}))
        assert client.read_response().json() == {"fault": None}
        client.send(request_bytes("PUT", "/_mock/fault", {}, b"status-503\nstatus-529"))
        assert client.read_response().status == 400
    assert chat(mock).status == 200
    assert get(mock, "/_mock/other").status == 404


def test_faults_are_queued_from_outside(mock: ThreadedMock) -> None:
    with RawClient(mock) as client:
        client.send(request_bytes("PUT", "/_mock/queue", {}, b"status-503\n\nstatus-529"))
        assert client.read_response().json() == {"queue": ["status-503", None, "status-529"]}
        client.send(request_bytes("PUT", "/_mock/queue", {}, b"status-503\nnonsense"))
        assert client.read_response().status == 400
    assert [chat(mock).status for _ in range(4)] == [503, 200, 529, 200]


def test_own_pages_under_another_name(mock: ThreadedMock) -> None:
    with RawClient(mock) as client:
        client.send(b"GET /_mock/journal HTTP/1.1\r\nhost: evil.test:80\r\n\r\n")
        assert client.read_response().status == 404
        client.send(b"GET /_mock/journal HTTP/1.1\r\nhost: localhost:80\r\n\r\n")
        assert client.read_response().status == 200


def test_where_faults_come_from(mock: ThreadedMock) -> None:
    mock.script("status-500", None, "fault:status-502")
    assert [chat(mock).status for _ in range(4)] == [500, 200, 502, 200]
    mock.fault = "status-503"
    assert get(mock, "/v1/models", CHAT_HEADERS).status == 503
    assert chat(mock).status == 503
    assert chat(mock, headers={"x-mock-fault": "status-504"}).status == 504
    assert chat(mock, model="fault:status-505").status == 505
    mock.fault = None
    assert chat(mock).status == 200
    assert [entry.fault for entry in mock.requests][-2:] == ["status-505", None]


def test_versions_are_whole_segments(mock: ThreadedMock) -> None:
    assert get(mock, "/v1beta/models", CHAT_HEADERS).status == 404
    assert get(mock, "/v1/v1/models", CHAT_HEADERS).status == 200
    unknown = get(mock, "/v1", CHAT_HEADERS).json()["error"]
    assert isinstance(unknown, dict)
    assert unknown["code"] is None


def test_model_list_leaves_the_queue_alone(mock: ThreadedMock) -> None:
    mock.script("status-500")
    assert get(mock, "/v1/models", CHAT_HEADERS).status == 200
    assert chat(mock).status == 500


def test_unknown_fault_is_refused(mock: ThreadedMock) -> None:
    response = chat(mock, model="fault:no-such-thing")
    assert response.status == 400
    assert "no-such-thing" in str(response.json()["error"])


def test_a_wrong_body_is_refused_before_its_fault(mock: ThreadedMock) -> None:
    assert messages(mock, model="fault:status-500", max_tokens=None).status == 400
