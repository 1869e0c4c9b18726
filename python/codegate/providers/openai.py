"""OpenAI's own API (facts of November 2026)."""

from __future__ import annotations

from codegate.providers.base import Provider

PROVIDER = Provider(
    name="openai",
    label="OpenAI",
    base_urls={"openai_chat": "https://api.openai.com/v1"},
)
