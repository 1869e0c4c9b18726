"""Small whole streams in each format, for upstreams that are scripted byte by byte."""

from __future__ import annotations

import json


def stream_of(wire_format: str) -> list[bytes]:
    """A small whole stream, one item an event."""
    if wire_format == "openai_chat":
        deltas = [{"role": "assistant", "content": ""}, {"content": "hé🙂"}, {"content": "y"}]
        payloads: list[dict[str, object]] = [
            {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
            for delta in deltas
        ]
        payloads.append(
            {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        )
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        payloads.append({"id": "c", "choices": [], "usage": usage})
        lines = [json.dumps(payload, ensure_ascii=False).encode() for payload in payloads]
        return [b"data: " + line + b"\n\n" for line in [*lines, b"[DONE]"]]
    text = {"type": "content_block_delta", "index": 0}
    message = {"id": "m", "type": "message", "role": "assistant", "content": []}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}}
    named: list[dict[str, object]] = [
        {"type": "message_start", "message": {**message, "usage": {"input_tokens": 3}}},
        {**block, "content_block": {"type": "text", "text": ""}},
        {**text, "delta": {"type": "text_delta", "text": "hé🙂"}},
        {**text, "delta": {"type": "text_delta", "text": "y"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 2},
        },
        {"type": "message_stop"},
    ]
    return [
        b"event: %s\ndata: %s\n\n"
        % (str(payload["type"]).encode(), json.dumps(payload, ensure_ascii=False).encode())
        for payload in named
    ]
