"""How long an answer may be, by what the body of a request asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy import providers
from understudy.dialects import load_server
from understudy.domain.requests import GenerationRequest
from understudy.engine.exchanges import widened
from understudy.providers.base import endpoint_of
from understudy.wire.http import HttpRequest

PATHS = {"openai": "/v1/chat/completions", "responses": "/v1/responses"}
SPEAKING = {"name": "f", "description": "It has logprobs, modalities and image_generation.", "parameters": {}}
MEDIA = {"type": "image_generation"}


def room(dialect: str, **fields: Any) -> int:
    """Return how many bytes the answer to a body may have, in outline and as a whole."""
    said = [{"role": "user", "content": "Its logprobs, modalities and image_generation?"}]
    body = json.dumps({"model": "m", "messages" if dialect == "openai" else "input": said, **fields}).encode()
    half, request = load_server(dialect), HttpRequest("POST", PATHS[dialect], (), body)
    endpoint, sizes = endpoint_of(providers.row("openai"), "gpt-4o"), set()
    for inbound in (half.parse(request), half.outline(request)):
        assert inbound is not None
        assert isinstance(inbound.request, GenerationRequest)
        sizes.add(widened(endpoint, inbound.request).bounds.whole)
    (size,) = sizes
    return size


def test_words_of_the_prompt_and_of_functions_ask_for_nothing() -> None:
    plain = room("openai")
    assert plain == room("openai", tools=[{"type": "function", "function": SPEAKING}])
    assert plain == room("responses", tools=[{"type": "function", **SPEAKING}], instructions="Show logprobs.")


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        ("openai", {"logprobs": True}),
        ("openai", {"modalities": ["text", "audio"]}),
        ("responses", {"include": ["message.output_text.logprobs"]}),
        ("responses", {"tools": [{"type": "function", **SPEAKING}, MEDIA]}),
        ("responses", {"tools": [{"type": "namespace", "name": "n", "description": "d", "tools": [MEDIA]}]}),
    ],
)
def test_fields_and_tools_of_the_provider_do(dialect: str, fields: dict[str, Any]) -> None:
    assert room(dialect, **fields) > room(dialect)
