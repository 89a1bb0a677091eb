"""Who may use each route, written by hand: the table of routes is judged by this one, not by what it says of itself."""

from __future__ import annotations

import re
from typing import Any, Literal

from understudy.gateway.routes import Route

Policy = Literal["everyone", "any key", "key for the model", "key for the entry"]

_VENDOR = r"(/(openai|anthropic|gemini|cohere|ollama))?"
POLICIES: dict[Policy, str] = {
    "everyone": r"GET (/|/health/(live|ready))",
    "any key": rf"GET (/openapi\.json|{_VENDOR}/api/(version|ps|tags)|{_VENDOR}/v1(beta)?/models|/openai/models)",
    "key for the model": (
        rf"GET {_VENDOR}/v1(beta)?/models/{{model}}"
        rf"|POST {_VENDOR}/v1/(chat/completions|completions|embeddings|responses(/input_tokens|/compact)?)"
        r"|POST /openai/(responses|deployments/{model}/(chat/completions|completions|embeddings))"
        rf"|POST {_VENDOR}/v1/messages(/count_tokens)?"
        rf"|POST {_VENDOR}/v1(beta)?/models/{{model}}:"
        r"(generateContent|streamGenerateContent|embedContent|batchEmbedContents|countTokens)"
        rf"|POST {_VENDOR}/(v2/chat|v2/embed|v1/embed|v1/tokenize)"
        rf"|POST {_VENDOR}/api/(chat|generate|embed|embeddings|show)"
    ),
    "key for the entry": (
        r"(GET|POST|PUT|PATCH|DELETE) /passthrough/{path}"
        rf"|GET {_VENDOR}/v1/responses/{{id}}(/input_items)?|POST {_VENDOR}/v1/responses/{{id}}/cancel"
        rf"|DELETE {_VENDOR}/v1/responses/{{id}}"
    ),
}
"""Everything that costs money or shows what belongs to a provider needs a key that may use it."""


def policies_of(route: Route) -> list[Policy]:
    """Return the policies that fit a route: there must be exactly one."""
    return [policy for policy, pattern in POLICIES.items() if re.fullmatch(pattern, route.name)]


MODEL = "main/gpt-4.1-mini"
VECTORS = "main/text-embedding-3-small"
_HI: list[Any] = [{"role": "user", "content": "hi"}]
_PART: dict[str, Any] = {"parts": [{"text": "hi"}]}
BODIES: dict[str, dict[str, Any]] = {
    "chat/completions": {"messages": _HI},
    "v1/completions": {"prompt": "hi"},
    "{model}/completions": {"prompt": "hi"},
    "responses": {"input": "hi"},
    "input_tokens": {"input": "hi"},
    "compact": {"input": "hi"},
    "messages": {"messages": _HI, "max_tokens": 50},
    "count_tokens": {"messages": _HI},
    ":generateContent": {"contents": [_PART]},
    ":streamGenerateContent": {"contents": [_PART]},
    ":countTokens": {"contents": [_PART]},
    ":embedContent": {"content": _PART},
    ":batchEmbedContents": {"requests": [{"model": f"models/{VECTORS}", "content": _PART}]},
    "v2/chat": {"messages": _HI},
    "v2/embed": {"texts": ["hi"], "input_type": "search_query"},
    "v1/embed": {"texts": ["hi"], "input_type": "search_query"},
    "tokenize": {"text": "hi"},
    "api/chat": {"messages": _HI, "stream": False},
    "api/generate": {"prompt": "hi", "stream": False},
    "api/embed": {"input": "hi"},
    "api/embeddings": {"prompt": "hi"},
    "embeddings": {"input": "hi"},
    "show": {},
    "cancel": {},
    "{path}": {},
}
"""The body of a request by the end of its path, as its vendor documents it, without the model."""


def request_of(route: Route) -> tuple[str, dict[str, Any] | None]:
    """Return the path and the body of a request to a route."""
    model = VECTORS if route.service == "embed" else MODEL
    path = route.path.replace("{model}", model).replace("{id}", "resp_1").replace("{path}", "main/files")
    if route.method != "POST":
        return path, None
    body = next(body for end, body in BODIES.items() if route.path.endswith(end))
    return path, body if ":" in route.path else {"model": model, **body}
