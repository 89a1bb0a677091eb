"""Groq. Source: its API reference and model pages (console.groq.com/docs), 2026-11-22."""

from __future__ import annotations

from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row, codes
from understudy.dialects.limits import ParameterLimits
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.providers.addresses import OPENAI_ROUTES, without_route
from understudy.providers.base import ONLY_OPENAI, Family, ProviderRow
from understudy.wire.quotas import by_pattern

_UNSUPPORTED = frozenset(
    {"presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "n", "top_k", "min_p"}
)
"""Parameters of the dialect that none of Groq's models supports."""

_LIMITS = ParameterLimits(
    ranges={"temperature": (0, 2), "top_p": (0, 1)},
    tiers={
        "auto": "auto",
        "on_demand": "on_demand",
        "default": "on_demand",
        "flex": "flex",
        "performance": "performance",
    },
)

_REFUSED = _UNSUPPORTED | ONLY_OPENAI | {"refusal"}


def normalize_base_url(base_url: str) -> str:
    """Add `/openai/v1`, which Groq's own variable must leave out; a URL that ends in a version stays as it is."""
    trimmed = without_route(base_url, OPENAI_ROUTES)
    if trimmed.endswith("/v1"):
        return trimmed
    return f"{trimmed}/v1" if trimmed.endswith("/openai") else f"{trimmed}/openai/v1"


ROW = ProviderRow(
    type="groq",
    title="Groq",
    quotas=by_pattern("x-ratelimit-{what}-{unit}", "requests", "tokens"),
    base_url="https://api.groq.com/openai/v1",
    dialects={Operation.CHAT: "openai", Operation.MODELS: "openai"},
    key_variables=("GROQ_API_KEY",),
    base_url_variables=("GROQ_BASE_URL",),
    normalize_base_url=normalize_base_url,
    quirks={
        "refused": _REFUSED,
        "message_names": False,
        # "'messages.0.content' : value must be a string" (github.com/OpenHands/OpenHands/issues/4643)
        "joined_texts": True,
        "max_stop": 4,
        "limits": _LIMITS,
        "inputs": frozenset({"image"}),
        # "Maximum number of images: 5 per request" (console.groq.com/docs/vision)
        "most_images": 5,
        # Usage always comes in the last chunk, under x_groq.
        "stream_usage": False,
        "reasoning_field": "reasoning",
        "reasoning_display": "reasoning_format",
        # Strict schemas are documented for gpt-oss alone; objects must be closed with or without strict.
        "strict_schemas": "",
        "output_formats": frozenset({"text", "json_object"}),
        "closed_schemas": True,
        "json_word": True,
        # "json mode cannot be combined with tool/function calling" (github.com/vercel/ai/pull/16540)
        "output_with_tools": False,
    },
    families=(
        Family(
            r"(meta-llama/|llama|gemma|allam|moonshotai/|mistral).*",
            {"refused": _REFUSED | {"reasoning"}, "reasoning_field": None},
        ),
        Family(
            r"openai/gpt-oss.*",
            {
                "efforts": frozenset({"low", "medium", "high"}),
                "reasoning_display": "include_reasoning",
                "strict_schemas": "groq",
            },
        ),
        # These read only text: "messages[0].content must be a string" (github.com/vercel/ai/issues/2837).
        Family(
            r"openai/gpt-oss.*|llama-?3(?!.*vision).*|gemma.*|allam.*|moonshotai/.*|mistral.*|qwen/qwen3-.*|qwen-.*"
            r"|deepseek.*|(groq/)?compound.*",
            {"inputs": frozenset()},
        ),
        Family(
            r"openai/gpt-oss.*|moonshotai/kimi-k2.*|meta-llama/llama-4.*|qwen/qwen3\.[6-9].*",
            {"output_formats": frozenset({"text", "json_object", "json_schema"})},
        ),
        Family(r"qwen/qwen3.*", {"efforts": frozenset({"none", "default"})}),
        Family(r"qwen/qwen3\.8-27b", {"efforts": frozenset({"none", "default", "low", "medium", "high"})}),
    ),
    error_rules=(
        # The model broke the schema of the tool or of the answer: the same request may well succeed.
        *codes(FailureKind.RESAMPLE, s.GROQ, "tool_use_failed", "json_validate_failed"),
        # A request beyond the limit per minute also has the code rate_limit_exceeded, but waiting does not help.
        Row(kind=FailureKind.REQUEST_TOO_LARGE, source=s.GROQ, status=413),
        # It may be a hallucination of the model.
        Row(kind=FailureKind.RESAMPLE, source=s.GROQ, status=422, last=True),
        # The flex tier has no capacity.
        Row(kind=FailureKind.OVERLOADED, source=s.GROQ_FLEX, status=498, last=True),
    ),
    text_model="openai/gpt-oss-120b",
    as_of="2026-11-22",
    instead={
        Operation.EMBED: "use an openai or ollama entry",
        Operation.COUNT_TOKENS: "each answer reports its usage",
    },
)
