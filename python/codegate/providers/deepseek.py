"""DeepSeek, in both formats (facts of November 2026)."""

from __future__ import annotations

from codegate.providers.base import Provider, Quirks

PROVIDER = Provider(
    name="deepseek",
    label="DeepSeek",
    base_urls={
        "openai_chat": "https://api.deepseek.com",
        "anthropic_messages": "https://api.deepseek.com/anthropic",
    },
    key_prefixes=("deepseek-",),
    key_variables=("DEEPSEEK_API_KEY",),
    quirks=Quirks(
        takes_text_parts=False,
        efforts=("high", "max"),
        has_thinking_switch=True,
        # While thinking is on, a history is refused whose turns lack their thoughts.
        echo="always",
        takes_images=False,
        refused=(
            *("strict", "parallel_tool_calls"),
            *("response_format:json_schema", "schema:additionalProperties"),
        ),
    ),
)
