"""Google Gemini by its OpenAI-compatible endpoint (facts of November 2026)."""

from __future__ import annotations

from codegate.providers.base import Provider

PROVIDER = Provider(
    name="gemini",
    label="Google Gemini",
    base_urls={"openai_chat": "https://generativelanguage.googleapis.com/v1beta/openai"},
    version="v1beta/openai",
    key_prefixes=("AIza",),
    key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
)
