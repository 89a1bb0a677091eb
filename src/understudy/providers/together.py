"""Together AI. Source: its OpenAPI description, SDK 3.1.1 and documentation (docs.together.ai), 2026-11-22."""

from __future__ import annotations

from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row, codes, texts
from understudy.dialects.limits import ParameterLimits
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.providers.addresses import OPENAI_ROUTES, without_route
from understudy.providers.base import ONLY_OPENAI, Family, ProviderRow
from understudy.wire.quotas import QuotaHeaders, by_pattern

_UNKNOWN = ONLY_OPENAI | {"service_tier", "user", "thinking", "refusal", "dimensions"}
"""Fields that Together's API does not have; requests of OpenAI's clients may carry them."""


_LIMITS = ParameterLimits(
    ranges={
        "temperature": (0, 2),
        "top_p": (0, 1),
        "presence_penalty": (-2, 2),
        "frequency_penalty": (-2, 2),
        "top_logprobs": (0, 20),
    },
    top_logprobs_alone=False,
)


def normalize_base_url(base_url: str) -> str:
    """Add `/v1`, which Together's own variable must leave out."""
    trimmed = without_route(base_url, OPENAI_ROUTES)
    return trimmed if trimmed.endswith("/v1") else f"{trimmed}/v1"


ROW = ProviderRow(
    type="together",
    title="Together AI",
    quotas=(
        QuotaHeaders(
            unit="requests",
            left="x-ratelimit-remaining",
            limit="x-ratelimit-limit",
            reset="x-ratelimit-reset",
        ),
        QuotaHeaders(
            unit="tokens", left="x-tokenlimit-remaining", limit="x-tokenlimit-limit", reset="x-tokenlimit-reset"
        ),
        *by_pattern("x-ratelimit-{what}-{unit}", "requests", "tokens"),
    ),
    base_url="https://api.together.ai/v1",
    dialects={Operation.CHAT: "openai", Operation.EMBED: "openai", Operation.MODELS: "openai"},
    key_variables=("TOGETHER_API_KEY",),
    base_url_variables=("TOGETHER_BASE_URL",),
    normalize_base_url=normalize_base_url,
    quirks={
        "refused": _UNKNOWN,
        "accepts": frozenset({"top_k", "min_p"}),
        "max_tokens_field": "max_tokens",
        # The type of its official client has no such field.
        "strict_tools": False,
        "other_max_tokens": False,
        "system_role": "system",
        # Usage always comes in the last chunk with content.
        "stream_usage": False,
        "message_names": False,
        # Only a user's message may be a list (together 3.1.1, `ChatCompletionSystemMessageParam` and others).
        "joined_texts": True,
        "parallel_switch": False,
        "inputs": frozenset({"image", "audio"}),
        "audio_urls": True,
        # `input_audio` is WAV here.
        "audio_types": frozenset({"audio/wav"}),
        "stop_as_list": True,
        "limits": _LIMITS,
        "logprobs_as_count": True,
        "single_models": False,
        # The limit is not documented; this many are accepted.
        "embed_batch": 64,
        "efforts": frozenset({"low", "medium", "high"}),
        "reasoning_display": "always",
    },
    families=(
        Family(r"(meta-llama/|mistralai/|google/gemma).*", {"refused": _UNKNOWN | {"reasoning"}}),
        # "Hybrid: supports both reasoning and non-reasoning modes" (docs.together.ai/docs/inference/chat/reasoning)
        Family(
            r"deepseek-ai/DeepSeek-V(3\.[1-9]|[4-9]).*|zai-org/GLM-[5-9].*|moonshotai/Kimi-K(2\.[5-9]|[3-9]).*"
            r"|Qwen/Qwen3\.[5-9]-.*|deepcogito/.*",
            {"reasoning_switch": True},
        ),
    ),
    error_rules=(
        *texts(FailureKind.CONTEXT_LENGTH, s.TOGETHER_USERS, "max_new_tokens", status=422),
        # In the middle of a stream only the type is given.
        *codes(FailureKind.RATE_LIMITED, s.TOGETHER_LIMITS, "dynamic_request_limited", "dynamic_token_limited"),
        *codes(FailureKind.RATE_LIMITED, s.TOGETHER_USERS, "*rate_limit"),
        # Without a payment method a key has a low rate; its type names the credit all the same.
        *texts(FailureKind.RATE_LIMITED, s.TOGETHER_USERS, "you have been rate limited"),
        *codes(FailureKind.BILLING, s.TOGETHER_USERS, "credit_limit"),
        # The prompt and max_tokens together exceed the context; permissions are not involved.
        Row(kind=FailureKind.CONTEXT_LENGTH, source=s.TOGETHER, status=403, last=True),
    ),
    text_model="openai/gpt-oss-120b",
    embedding_model="intfloat/multilingual-e5-large-instruct",
    as_of="2026-11-22",
    instead={Operation.COUNT_TOKENS: "each answer reports its usage"},
)
