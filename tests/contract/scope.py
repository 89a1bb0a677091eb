"""Which recordings the contract suite must decode, and why it leaves the others out.

A recording is in scope unless one of the `EXCLUSIONS` applies; each has its reason. `MINIMUM_SHARE` keeps the scope
from shrinking unnoticed: an exclusion that becomes too greedy fails `test_scope.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.contract.recordings import Recording
from understudy import providers

PROVIDER_TYPES = {"gemini": "google", "azure_openai": "azure-openai", "responses": "openai"}
"""Folder name -> provider type, where they differ. `responses` is what `built.py` stands in for."""

OPERATIONS = frozenset(
    {"chat", "chat_stream", "generate", "generate_stream", "embed", "models", "count_tokens", "error"}
    | {"predict", "predict_get", "predict_stream", "cancel"}
)
"""`generate` is Ollama's completion of one prompt; its answers are read as those of a chat."""

PATHS = {
    "openai": r"/v1/(chat/completions|embeddings|responses|models(/[^/]+)?)",
    "groq": r"/openai/v1/(chat/completions|models(/[^/]+)?)",
    "together": r"/v1/(chat/completions|embeddings|models)",
    # The v1 API, the dated one, and the one for other makers' models, all of the same form; one caller forgot the base.
    "azure-openai": r"(/+openai(/v1|/deployments/[^/]+)?|/models)?/(chat/completions|embeddings|models|responses)",
    "anthropic": r"/v1/(messages|messages/count_tokens|models(/[^/]+)?)",
    "google": r"/v1beta/models(/[^/:]+)?"
    r"(:(generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents))?",
    # Training has another address, but no other errors.
    "replicate": r"/v1/(models(/[^/]+/[^/]+(/predictions|/versions/[^/]+(/trainings)?)?)?"
    r"|predictions(/[^/]+(/cancel)?)?|(deployments/[^/]+/[^/]+/predictions)|collections/[^/]+|(streams|files)/.+)",
    # The router, or one partner behind it; not the retired host, whose addresses have no task.
    "huggingface": r"(/[a-z-]+)?/v1/(chat/completions|models(/.+)?)"
    r"|/hf-inference/models/.+/pipeline/feature-extraction",
    "ollama": r"/api/(chat|generate|embed|tags|show)",
    # Version 2; what is left of version 1 is what version 2 does not have.
    "cohere": r"/v2/(chat|embed)|/v1/(tokenize|models(/[^/]+)?)",
}
"""What a row speaks, as paths of recorded URLs. A row without an entry here has nothing in scope."""


def provider_type(recording: Recording) -> str:
    return PROVIDER_TYPES.get(recording.provider, recording.provider)


def _without_row(recording: Recording) -> bool:
    kind = provider_type(recording)
    return kind not in providers.types() or kind not in PATHS


def _other_endpoint(recording: Recording) -> bool:
    if recording.request is None:
        return False
    return re.fullmatch(PATHS[provider_type(recording)], urlsplit(recording.request.url).path) is None


def _foreign_headers(recording: Recording) -> bool:
    return recording.response.headers.get("content-type", "").startswith(
        "application/json"
    ) and recording.response.body.lstrip().startswith("data:")


def _no_answer(recording: Recording) -> bool:
    return provider_type(recording) == "google" and recording.response.body.lstrip("{ \n").startswith(
        '"name": "cachedContents/'
    )


def _makes_a_model(recording: Recording) -> bool:
    return provider_type(recording) == "replicate" and recording.operation == "models" and _method(recording) != "GET"


def _method(recording: Recording) -> str | None:
    return recording.request.method if recording.request is not None else None


class Exclusion(NamedTuple):
    reason: str
    applies: Callable[[Recording], bool]


EXCLUSIONS = (
    Exclusion("this provider has no row yet", _without_row),
    Exclusion(
        "the cassette puts the headers of a JSON answer of another day over a stream of events", _foreign_headers
    ),
    Exclusion("the answer to another request than the one it is filed under (a cached prompt of Google's)", _no_answer),
    Exclusion("it makes a model (Replicate)", _makes_a_model),
    Exclusion("another operation than ours", lambda recording: recording.operation not in OPERATIONS),
    Exclusion("another API on the same host (organisation usage, Ollama's OpenAI-compatible routes)", _other_endpoint),
)

MINIMUM_SHARE = {
    "openai": 0.98,
    "groq": 1.0,
    "together": 1.0,
    "azure-openai": 1.0,
    "anthropic": 1.0,
    "google": 0.98,
    "replicate": 0.9,
    "huggingface": 0.8,
    "ollama": 0.98,
    "cohere": 0.85,
}
"""Of a provider's recordings, how many must be in scope at least."""


def exclusion(recording: Recording) -> str | None:
    """Return why a recording is out of scope; `None` when it is in."""
    return next((rule.reason for rule in EXCLUSIONS if rule.applies(recording)), None)


def is_request(recording: Recording) -> bool:
    """Tell whether the request of a recording is one that must survive parse and encode.

    Out are requests without a body, Ollama's completions (they go out as chats, which have other fields by design)
    and its look-up of one model, Azure's at addresses that we do not use, and what is no request of its kind: a
    provider refused it, and so do we.
    """
    if recording.request is None or recording.request.method != "POST":
        return False
    if recording.operation.startswith("generate") or recording.operation in ("models", "cancel"):
        return False
    if provider_type(recording) == "replicate" and recording.operation == "error":
        return False
    if provider_type(recording) == "azure-openai" and not urlsplit(recording.request.url).path.startswith("/openai/"):
        return False
    return recording.response.status != 400 or not _is_malformed(recording.request.body)


def _is_malformed(body: dict[str, Any]) -> bool:
    """No messages, a message that is no object, or a part without a type."""
    messages = body.get("messages")
    return messages is not None and (not messages or any(_is_malformed_message(message) for message in messages))


def _is_malformed_message(message: Any) -> bool:
    if not isinstance(message, dict):
        return True
    content = message.get("content")
    return isinstance(content, list) and any("type" not in part for part in content)
