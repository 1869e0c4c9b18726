"""What the environment may say, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegate import config
from codegate.errors import ConfigError

ENVIRONMENT = {
    "HOST": "0.0.0.0",
    "PROXY_PORT": "1234",
    "UI_PORT": "0",
    "DATA_DIR": "/somewhere",
    "ALLOWED_HOSTS": " Gate.Example ,, other ",
    "LOG_LEVEL": "DEBUG",
    "WORKERS": "1",
    "INTERFACE": "RSGI",
    "PROXY_API_KEY": "a-fixed-key-of-the-operator",
    "https_proxy": "http://user:pass@proxy:3128",
    "HTTPS_PROXY": "http://ignored:1",
    "NO_PROXY": "a,b",
}


def test_an_empty_environment_gives_the_defaults() -> None:
    assert config.from_environment({}) == config.Config()


def test_every_variable_is_read() -> None:
    made = config.from_environment(ENVIRONMENT)
    assert made == config.Config(
        host="0.0.0.0",
        proxy_port=1234,
        ui_port=0,
        data_dir=Path("/somewhere"),
        allowed_hosts=("gate.example", "other"),
        log_level="debug",
        workers=1,
        interface="rsgi",
        proxy_api_key="a-fixed-key-of-the-operator",
        https_proxy="http://user:pass@proxy:3128",
        no_proxy="a,b",
    )


def test_a_printed_configuration_holds_no_secret() -> None:
    made = config.from_environment(ENVIRONMENT)
    flag = config.UpstreamFlag(format="openai_chat", base_url="http://x", api_key="sk-canary")
    text = repr((made, flag))
    for secret in ("a-fixed-key", "user:pass", "sk-canary"):
        assert secret not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROXY_PORT", "65536"),
        ("PROXY_PORT", "-1"),
        ("PROXY_PORT", ""),
        ("PROXY_PORT", "\u0661\u0662"),
        ("UI_PORT", "http"),
        ("LOG_LEVEL", "loud"),
        ("WORKERS", "0"),
        ("WORKERS", "2"),
        ("WORKERS", "many"),
        ("INTERFACE", "wsgi"),
        ("ALLOWED_HOSTS", "https://gate.example"),
        ("ALLOWED_HOSTS", "a b"),
        ("HTTPS_PROXY", "socks5://proxy:1080"),
        ("HTTPS_PROXY", "http://:secret@:80"),
        ("HTTPS_PROXY", "http://proxy:99999"),
        ("HTTPS_PROXY", "http://[::1"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.from_environment({name: value})
    assert name in refused.value.message
    assert "secret" not in refused.value.message


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("a-key-in-a-file-0001\r\n")
    environ = {"PROXY_API_KEY_FILE": str(file)}
    assert config.from_environment(environ).proxy_api_key == "a-key-in-a-file-0001"
    file.write_text("\n")
    assert config.from_environment(environ).proxy_api_key is None


def test_a_secret_file_that_cannot_be_used(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for path in (tmp_path / "missing", tmp_path, binary):
        with pytest.raises(ConfigError, match="PROXY_API_KEY_FILE"):
            config.from_environment({"PROXY_API_KEY_FILE": str(path)})
    with pytest.raises(ConfigError, match="both"):
        config.from_environment({"PROXY_API_KEY_FILE": str(binary), "PROXY_API_KEY": "x" * 20})
