"""Structs and tables of the Gemini API that both halves need. Unknown fields are ignored, all are optional.

Source: Google AI developer documentation, "Generating content", "Embeddings", "Models" and "Tokens"; official Python
SDK google-genai 3.4.0, `types` (2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.dialects.forwarding import HeaderRules
from understudy.domain.content import JsonObject
from understudy.domain.finish import FinishReason

TASKS = {
    "document": "RETRIEVAL_DOCUMENT",
    "query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
"""The uses of vectors, by this API's names."""


CAPABILITIES = {"generateContent": "chat", "embedContent": "embed", "batchEmbedContents": "embed"}
"""Capabilities in the model list, by this library's names. Tools, images and schemas are not in it."""


PLAIN = {
    "max_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "seed": "seed",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
"""Fields of `GenerationRequest` that are in `generationConfig` unchanged."""

JSON_TYPE = "application/json"

TIERS = ("standard", "flex", "priority")


NAME = "gemini"

FORWARDED = HeaderRules(
    prefixes=("x-goog-",),
    never=("x-goog-api-key", "x-goog-user-project", "x-goog-iam-", "x-goog-authenticated-", "x-goog-request-params"),
)
"""The caller's headers that go to a server of the same wire format. `x-goog-request-params` repeats the model of the
URL, by which Google routes."""
VERSION = "v1beta"
SIGNATURE = "thoughtSignature"

FINISH_REASONS: Mapping[str, FinishReason] = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "CONTINUATION": FinishReason.LENGTH,
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "LANGUAGE",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "ESCALATION",
            "PUP_LIMITED_DISABLED",
            "MODEL_ARMOR",
        ),
        FinishReason.CONTENT_FILTER,
    ),
    "OTHER": FinishReason.ERROR,
    "FINISH_REASON_UNSPECIFIED": FinishReason.ERROR,
}

FINISH_FAILURES = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "NO_IMAGE",
        "IMAGE_OTHER",
        "MISSING_THOUGHT_SIGNATURE",
    }
)
"""Finish reasons that mean an error: `understudy.dialects.gemini.errors` has their kinds."""

FINISH_NUMBERS = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
)
"""Enumerations are numbers for callers that request `$alt=json;enum-encoding=int`, as Google's Go client does."""

AUDIO = ("AUDIO", 4)
"""The modality, as a string and as that number."""

FACTS = (
    "finishMessage",
    "citationMetadata",
    "groundingMetadata",
    "urlContextMetadata",
    "safetyRatings",
    "avgLogprobs",
    "continuationToken",
)
"""Fields of a candidate that travel as `FactReported` under the same key, as do `promptFeedback` and `modelStatus`."""


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The base of all structs: names in lower camel case, as in JSON of protocol buffers."""


class FunctionCall(_Wire, frozen=True, kw_only=True):
    """A call; `args` stays raw JSON."""

    name: str | None = None
    args: msgspec.Raw = msgspec.Raw(b"{}")
    id: Any = None


class Blob(_Wire, frozen=True, kw_only=True):
    """Media by its bytes."""

    mime_type: str = ""
    data: str = ""


class Part(_Wire, frozen=True, kw_only=True):
    """A part of an answer. One without any of these fields exists only in this dialect."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: Any = None
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None


class Content(_Wire, frozen=True, kw_only=True):
    """The content of a candidate."""

    parts: list[msgspec.Raw] | None = None


class Candidate(_Wire, frozen=True, kw_only=True):
    """One of the answers; only the first counts."""

    content: Content | None = None
    finish_reason: Any = None
    index: Any = None
    citation_metadata: Any = None
    grounding_metadata: Any = None
    url_context_metadata: Any = None
    safety_ratings: Any = None
    finish_message: Any = None
    avg_logprobs: Any = None
    continuation_token: Any = None
    logprobs_result: msgspec.Raw = msgspec.Raw()


class Chunk(_Wire, frozen=True, kw_only=True):
    """A whole answer, or a piece of a streamed one: they have the same form."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Any = None
    usage_metadata: Any = None
    model_version: Any = None
    response_id: Any = None
    model_status: Any = None
    error: Any = None


class ModelItem(_Wire, frozen=True, kw_only=True):
    """One model of the catalogue."""

    name: str
    display_name: str | None = None
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    supported_generation_methods: list[str] | None = None
    thinking: bool | None = None


class ModelPage(_Wire, frozen=True, kw_only=True):
    """One page of the catalogue."""

    models: list[JsonObject] = []
    next_page_token: str | None = None


class Vector(_Wire, frozen=True, kw_only=True):
    """One embedding."""

    values: list[float] = []


class Vectors(_Wire, frozen=True, kw_only=True):
    """The answer to a batch of strings, or to one."""

    embeddings: list[Vector] | None = None
    embedding: Vector | None = None
    usage_metadata: Any = None


class Count(_Wire, frozen=True, kw_only=True):
    """A token count."""

    total_tokens: int
