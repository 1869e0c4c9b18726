"""OpenAI's own API (facts of November 2026)."""

from __future__ import annotations

from codegate.providers.base import Provider, Quirks

PROVIDER = Provider(
    name="openai",
    label="OpenAI",
    base_urls={"openai_chat": "https://api.openai.com/v1"},
    key_prefixes=("sk-proj-", "sk-svcacct-", "sk-admin-", "sk-"),
    key_variables=("OPENAI_API_KEY",),
    quirks=Quirks(output_limit="max_completion_tokens"),
)
