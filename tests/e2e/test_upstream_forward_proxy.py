"""F8: the way to an upstream through the forward proxy of ``HTTPS_PROXY``."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.conftest import ONE_SECOND
from tests.support.aftermath import aftermath, check_good, check_refusal
from tests.support.authority import HOST, Authority
from tests.support.forward import ForwardProxy, forward_proxy
from tests.support.proxy import Proxy, running
from tests.support.raw import Answer, call

# Behind the forward proxy, which alone knows where that is; the other one is on loopback.
FAR, NEAR = "anthropic_messages", "openai_chat"
NAME = "upstream.example"
PASSWORD = "canary-password-51c7"
TIMES = {**ONE_SECOND, "connect_timeout_s": 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """``exempt`` is a second proxy, whose NO_PROXY names the upstream."""

    proxy: Proxy
    exempt: Proxy
    forward: ForwardProxy
    mock: ThreadedMock


@pytest.fixture(scope="module")
def shared_setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    directory = tmp_path_factory.mktemp("forward")
    authority = Authority(directory)
    context = authority.context(NAME, HOST)
    with (
        run_in_thread(Options(), ssl_context=context) as mock,
        forward_proxy(mock.port) as forward,
    ):
        env = {
            "SSL_CERT_FILE": str(authority.file),
            "HTTPS_PROXY": f"http://user:{PASSWORD}@127.0.0.1:{forward.port}",
        }
        upstreams = [f"{FAR}=https://{NAME}", f"{NEAR}={mock.url}"]
        exempt = {**env, "NO_PROXY": "localhost,.example"}
        with (
            running(directory / "data", upstreams=upstreams, settings=TIMES, env=env) as proxy,
            running(
                directory / "exempt", upstreams=upstreams, settings=TIMES, env=exempt
            ) as direct,
        ):
            yield Setting(proxy=proxy, exempt=direct, forward=forward, mock=mock)


@pytest.fixture
def setting(shared_setting: Setting) -> Iterator[Setting]:
    shared_setting.forward.heads.clear()
    yield shared_setting
    shared_setting.forward.mode = "tunnel"


def turn(proxy: Proxy, wire_format: str, *, stream: bool, model: str = "mock-large") -> Answer:
    return call(proxy.port, proxy.key, wire_format, model, stream=stream)


def test_f8_a_turn_through_the_tunnel(setting: Setting, stream: bool) -> None:
    with aftermath(setting.proxy, "ok", exchanges=2):
        # What was pooled before is used up, so that a tunnel is dug now.
        turn(setting.proxy, FAR, stream=False, model="fault:close-after-answer")
        check_good(turn(setting.proxy, FAR, stream=stream), FAR, stream=stream)
    head = setting.forward.heads[-1]
    assert head.startswith(f"CONNECT {NAME}:443 HTTP/1.1\r\n")
    credentials = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    assert f"Proxy-Authorization: Basic {credentials}\r\n" in head
    assert setting.mock.requests[-1].header("host") == NAME
    assert setting.mock.requests[-1].header("proxy-authorization") is None


@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [
        ("407", 502, "proxy"),
        ("502", 502, "proxy"),
        ("close", 502, "proxy"),
        ("garbage", 502, "proxy"),
        ("silent", 504, "connect_timeout"),
    ],
)
def test_f8_a_forward_proxy_that_refuses(
    setting: Setting, stream: bool, mode: str, status: int, code: str
) -> None:
    with aftermath(setting.proxy, exchanges=2) as after:
        turn(setting.proxy, FAR, stream=False, model="fault:close-after-answer")
        setting.forward.mode = mode
        answer = turn(setting.proxy, FAR, stream=stream)
        check_refusal(answer, FAR, status)
    assert after.lines[-1]["error_code"] == f"upstream_{code}"
    assert PASSWORD not in setting.proxy.log
    assert PASSWORD.encode() not in answer.body


def test_f8_loopback_is_direct(setting: Setting, stream: bool) -> None:
    with aftermath(setting.proxy, "ok"):
        check_good(turn(setting.proxy, NEAR, stream=stream), NEAR, stream=stream)
    assert setting.forward.heads == []


def test_f8_no_proxy_is_obeyed(setting: Setting, stream: bool) -> None:
    with aftermath(setting.exempt, "upstream_error") as after:
        check_refusal(turn(setting.exempt, FAR, stream=stream), FAR, 502)
    assert after.line["error_code"] == "upstream_dns"
    assert setting.forward.heads == []


def test_f8_a_forward_proxy_that_is_down(
    tmp_path_factory: pytest.TempPathFactory, stream: bool
) -> None:
    with forward_proxy(1) as forward:
        port = forward.port
    env = {"HTTPS_PROXY": f"http://127.0.0.1:{port}"}
    data_dir = tmp_path_factory.mktemp("down") / "data"
    with (
        running(data_dir, upstreams=[f"{FAR}=https://{NAME}"], env=env) as proxy,
        aftermath(proxy, "upstream_error") as after,
    ):
        check_refusal(turn(proxy, FAR, stream=stream), FAR, 502)
    assert after.line["error_code"] == "upstream_proxy"
