"""The smallest request of each dialect and operation, as an official client would put it on the wire."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.targets import server_of
from understudy import dialects
from understudy.dialects.base import Endpoint
from understudy.dialects.server import Inbound
from understudy.domain.operation import Operation
from understudy.wire.http import HttpRequest

GEMINI = "/v1beta/models/m"
SPOKEN: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": "hello"}]}]
SAID: list[dict[str, Any]] = [{"role": "user", "content": "hello"}]

REQUESTS: dict[tuple[str, Operation], tuple[str, str, dict[str, Any] | None]] = {
    ("openai", Operation.CHAT): ("POST", "/chat/completions", {"model": "m", "messages": SAID}),
    ("openai", Operation.EMBED): ("POST", "/embeddings", {"model": "m", "input": ["a", "b"]}),
    ("openai", Operation.MODELS): ("GET", "/models", None),
    ("responses", Operation.CHAT): ("POST", "/responses", {"model": "m", "input": "hello"}),
    ("responses", Operation.COUNT_TOKENS): ("POST", "/responses/input_tokens", {"model": "m", "input": "hello"}),
    ("anthropic", Operation.CHAT): ("POST", "/v1/messages", {"model": "m", "max_tokens": 64, "messages": SAID}),
    ("anthropic", Operation.COUNT_TOKENS): ("POST", "/v1/messages/count_tokens", {"model": "m", "messages": SAID}),
    ("anthropic", Operation.MODELS): ("GET", "/v1/models?limit=20", None),
    ("gemini", Operation.CHAT): ("POST", f"{GEMINI}:generateContent", {"contents": SPOKEN}),
    ("gemini", Operation.EMBED): (
        "POST",
        f"{GEMINI}:batchEmbedContents",
        {"requests": [{"model": "models/m", "content": {"parts": [{"text": text}]}} for text in "ab"]},
    ),
    ("gemini", Operation.COUNT_TOKENS): ("POST", f"{GEMINI}:countTokens", {"contents": SPOKEN}),
    ("gemini", Operation.MODELS): ("GET", "/v1beta/models?pageSize=50", None),
    ("replicate", Operation.CHAT): ("POST", "/v1/models/m/predictions", {"input": {"prompt": "hello"}}),
    ("replicate", Operation.MODELS): ("GET", "/v1/collections/language-models", None),
    ("hf-features", Operation.EMBED): (
        "POST",
        "/hf-inference/models/m/pipeline/feature-extraction",
        {"inputs": ["a", "b"]},
    ),
    ("ollama", Operation.CHAT): ("POST", "/api/chat", {"model": "m", "messages": SAID}),
    ("ollama", Operation.EMBED): ("POST", "/api/embed", {"model": "m", "input": ["a", "b"]}),
    ("ollama", Operation.MODELS): ("GET", "/api/tags", None),
    ("cohere", Operation.CHAT): ("POST", "/v2/chat", {"model": "m", "messages": SAID}),
    ("cohere", Operation.EMBED): (
        "POST",
        "/v2/embed",
        {"model": "m", "input_type": "search_document", "texts": ["a", "b"]},
    ),
    ("cohere", Operation.COUNT_TOKENS): ("POST", "/v1/tokenize", {"model": "m", "text": "hello"}),
    ("cohere", Operation.MODELS): ("GET", "/v1/models?page_size=20", None),
}

BASE = "http://upstream.invalid/base"


def endpoint(dialect: str) -> Endpoint:
    return Endpoint(provider=dialect, base_url=BASE, model="m")


def request(dialect: str, operation: Operation, *, stream: bool = False) -> HttpRequest:
    method, path, body = REQUESTS[dialect, operation]
    if dialect == "gemini" and stream:
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    elif body is not None and operation is Operation.CHAT and dialect != "gemini":
        body = {**body, "stream": stream}
        if stream and dialect == "openai":
            body["stream_options"] = {"include_usage": True}
    return HttpRequest(method, path, (), None if body is None else json.dumps(body).encode())


def inbound(dialect: str, operation: Operation = Operation.CHAT, *, stream: bool = False) -> Inbound:
    """The request as the server half reads it."""
    return server_of(dialect).parse(request(dialect, operation, stream=stream))


DIALECTS = dialects.names()
CHATTING = tuple(name for name in DIALECTS if Operation.CHAT in dialects.load(name).operations)
