"""What every provider file has to keep to; a new file is covered by being there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from codegate import native, providers
from codegate.accounts.account import build_endpoint
from codegate.errors import ConfigError
from codegate.providers.base import ENDPOINTS, Provider, endpoint
from codegate.providers.known import known_providers, provider_named, recognise

CASES = json.loads(Path("tests/fixtures/models.json").read_text(encoding="utf-8"))
FIRST = {
    *("anthropic", "openai", "openrouter", "gemini", "deepseek", "glm", "cerebras", "minimax"),
    *("kimi", "custom", "demo"),
}
pairs = [
    pytest.param(provider, wire_format, id=f"{name}-{wire_format}")
    for name, provider in known_providers().items()
    for wire_format in provider.base_urls
]
every = pytest.mark.parametrize("provider", known_providers().values(), ids=list(known_providers()))


def test_the_first_providers_are_there() -> None:
    assert set(known_providers()) >= FIRST


@every
def test_a_provider_is_one_short_file_named_like_it(provider: Provider) -> None:
    path = Path(providers.__file__).parent / f"{provider.name}.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 40
    assert known_providers()[provider.name] is provider
    if provider.base_urls:
        assert "20" in lines[0], "the first line says of which date the facts are"


@pytest.mark.parametrize(("provider", "wire_format"), pairs)
def test_an_address_is_https_and_becomes_a_target(provider: Provider, wire_format: str) -> None:
    assert wire_format in native.FORMATS
    made = build_endpoint(provider, wire_format, provider.base_urls[wire_format], "sk-test")
    assert made.address.base_url.startswith("https://")
    assert made.path.endswith(ENDPOINTS[wire_format])
    assert "//" not in made.path


@pytest.mark.parametrize(("provider", "wire_format"), pairs)
def test_s29_requests_and_model_list_stay_at_the_provider_s_own_host(
    provider: Provider, wire_format: str
) -> None:
    given = urlsplit(provider.base_urls[wire_format])
    address = endpoint(provider, provider.base_urls[wire_format])
    assert urlsplit(address.base_url).hostname == given.hostname
    assert address.path(provider.models_path).startswith(given.path.rstrip("/"))


@every
def test_s29_without_an_address_there_is_no_host_to_fall_back_to(provider: Provider) -> None:
    with pytest.raises(ConfigError):
        endpoint(provider, "")


@every
def test_headers_and_credentials_are_fit_for_http(provider: Provider) -> None:
    for name, value in provider.headers:
        assert name == name.lower()
        assert value.isprintable()
    for wire_format in native.FORMATS:
        auth = provider.auth_for(wire_format)
        assert auth.header in {"authorization", "x-api-key"}
    assert all(variable.isupper() for variable in provider.key_variables)


def test_no_two_providers_claim_the_same_key() -> None:
    prefixes = [x for p in known_providers().values() for x in p.key_prefixes]
    variables = [x for p in known_providers().values() for x in p.key_variables]
    assert len(set(prefixes)) == len(prefixes)
    assert len(set(variables)) == len(variables)


@pytest.mark.parametrize(
    ("api_key", "name", "others"),
    [
        ("sk-ant-api03-x", "anthropic", ()),
        ("sk-or-v1-x", "openrouter", ()),
        ("deepseek-x", "deepseek", ()),
        ("sk-proj-x", "openai", ()),
        ("sk-svcacct-x", "openai", ()),
        ("sk-admin-x", "openai", ()),
        ("sk-" + "a1" * 24, "openai", ()),
        ("sk-" + "a1" * 16, "openai", ("deepseek",)),
        ("AIzaSyX", "gemini", ()),
        ("csk-x", "cerebras", ()),
        ("something-else", None, ()),
        ("", None, ()),
    ],
)
def test_a_key_tells_its_provider(api_key: str, name: str | None, others: tuple[str, ...]) -> None:
    found = recognise(api_key)
    assert (found.provider.name if found else None) == name
    assert tuple(p.name for p in found.others) == others if found else not others


def test_an_unknown_provider_is_named_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"'nope'.*anthropic.*openrouter"):
        provider_named("nope")


def url(case: dict[str, Any]) -> str:
    provider = provider_named("anthropic" if case["base_url"] is None else "custom")
    base = case["base_url"] or provider.base_urls[case["format"]]
    address = endpoint(provider, base)
    return address.base_url + address.path(case["path"])


@pytest.mark.parametrize("case", CASES["urls"], ids=lambda c: c["url"].partition("//")[2])
def test_an_address_and_a_path_join(case: dict[str, Any]) -> None:
    assert url(case) == case["url"]


@pytest.mark.parametrize(
    ("name", "given", "root"),
    [
        ("openai", "https://api.openai.com", "/v1"),
        ("openai", "https://api.openai.com/v1/", "/v1"),
        ("openai", "https://api.openai.com/v1/chat/completions", "/v1"),
        ("openai", "https://api.openai.com/v1/responses", "/v1"),
        ("glm", "https://open.bigmodel.cn/api/paas/v4/chat/completions", "/api/paas/v4"),
        ("gemini", "https://generativelanguage.googleapis.com", "/v1beta/openai"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta", "/v1beta/openai"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/openai/", "/v1beta/openai"),
        ("custom", "http://127.0.0.1:11434", "/v1"),
        ("custom", "http://[::1]:8000/v1", "/v1"),
        ("custom", "https://gateway.example/v1/team/anthropic", "/v1/team/anthropic/v1"),
    ],
)
def test_an_address_is_taken_with_its_version_or_without(name: str, given: str, root: str) -> None:
    assert endpoint(provider_named(name), given).root == root


@pytest.mark.parametrize(
    "given",
    [
        "api.openai.com",
        "ftp://api.openai.com",
        "https://",
        "https://user:pass@host",
        "https://host/?key=1",
        "https://host/#x",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ConfigError):
        endpoint(provider_named("custom"), given)
