"""The table of faults: names, combinations, documentation."""

import json
from pathlib import Path

import pytest

from codegate.mock import ThreadedMock
from codegate.mock.faults import FAULTS, UnknownFaultError, read_script
from tests.unit.mock.faulty import ask_for
from tests.unit.mock.raw import (
    MESSAGES_BODY,
    MESSAGES_HEADERS,
    RawClient,
    chat,
    request_bytes,
)

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "mock.md"


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
