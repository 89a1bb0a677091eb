"""What bounds the tools that a provider runs itself, of requests as they come over the wire."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.dialects import load_server
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.policy.hosted_tools import HostedTools, hosted_tools
from understudy.wire.http import HttpRequest
from understudy.wire.json import encode

FEES = {"web_search": 10_000_000, "file_search": 2_500_000}
"""A cent, and a quarter of one, in nano-USD."""
UNBOUNDED = HostedTools(None, None, True)
UNKNOWN = HostedTools(None, None, False)


def anthropic(*tools: dict[str, Any]) -> GenerationRequest:
    body = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}], "tools": list(tools)}
    return parsed("anthropic", "/v1/messages", body)


def responses(*tools: dict[str, Any], **fields: Any) -> GenerationRequest:
    return parsed("responses", "/v1/responses", {"model": "m", "input": "Hi", "tools": list(tools), **fields})


def parsed(dialect: str, path: str, body: dict[str, Any]) -> GenerationRequest:
    request = HttpRequest("POST", f"http://h{path}", (("content-type", "application/json"),), encode(body))
    found = load_server(dialect).parse(request).request
    assert isinstance(found, GenerationRequest)
    return found


SEARCH = {"type": "web_search_20250305", "name": "web_search"}
FETCH = {"type": "web_fetch_20250910", "name": "web_fetch"}
OPENAI_SEARCH = {"type": "web_search"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (anthropic({**SEARCH, "max_uses": 3}), HostedTools(3, 30_000_000, True)),
        (anthropic({**SEARCH, "max_uses": 3}, {**FETCH, "max_uses": 2}), HostedTools(5, 30_000_000, True)),
        (anthropic(SEARCH), UNBOUNDED),
        (anthropic({**SEARCH, "max_uses": 3}, FETCH), UNBOUNDED),
        (anthropic({"type": "code_execution_20250825", "name": "code_execution"}), UNKNOWN),
        (anthropic({"type": "bash_20250124", "name": "bash"}), HostedTools()),
        (anthropic({"name": "f", "input_schema": {"type": "object"}}), HostedTools()),
        (responses(OPENAI_SEARCH, max_tool_calls=4), HostedTools(4, 40_000_000, True)),
        (
            responses(OPENAI_SEARCH, {"type": "file_search", "vector_store_ids": ["v"]}, max_tool_calls=4),
            HostedTools(4, 40_000_000, True),
        ),
        (responses(OPENAI_SEARCH), UNBOUNDED),
        (responses({"type": "image_generation"}, max_tool_calls=1), UNKNOWN),
        (responses({"type": "web_search_preview"}, max_tool_calls=1), UNKNOWN),
        (responses({"type": "custom", "name": "c"}), HostedTools()),
    ],
)
def test_what_bounds_them(request_: GenerationRequest, expected: HostedTools) -> None:
    assert hosted_tools(request_, None, FEES) == expected


def test_a_target_of_another_wire_format_does_not_get_them() -> None:
    assert hosted_tools(anthropic(SEARCH), "openai", {}) == HostedTools()
    assert hosted_tools(anthropic(SEARCH), "anthropic", {}) == UNKNOWN


def test_other_requests_have_none() -> None:
    assert hosted_tools(Operation.EMBED, "openai", {}) == HostedTools()
