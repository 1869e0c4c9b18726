"""GLM by Z.ai, in both formats (facts of November 2026)."""

from __future__ import annotations

from codegate.providers.base import BEARER, Provider, Quirks

PROVIDER = Provider(
    name="glm",
    label="GLM (Z.ai)",
    base_urls={
        "openai_chat": "https://api.z.ai/api/paas/v4",
        "anthropic_messages": "https://api.z.ai/api/anthropic",
    },
    auth={"anthropic_messages": BEARER},
    key_variables=("ZAI_API_KEY", "ZHIPUAI_API_KEY"),
    quirks=Quirks(takes_effort=False, has_thinking_switch=True),
)
