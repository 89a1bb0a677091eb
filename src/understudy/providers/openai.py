"""OpenAI. Source: its API reference and model pages (platform.openai.com/docs), 2026-11-22."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from understudy.dialects.limits import MetadataLimits, ParameterLimits
from understudy.dialects.quirks import QuirksPatch
from understudy.domain.operation import Operation
from understudy.providers.addresses import openai_base_url
from understudy.providers.base import Family, ProviderRow
from understudy.wire.quotas import by_pattern

_SAMPLING = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"}
)
_NEVER = frozenset({"top_k", "min_p", "thinking"})
"""Fields that no model of OpenAI accepts in chat completions."""

_REASONS: QuirksPatch = {
    "refused": _NEVER | _SAMPLING | {"stop"},
    "other_max_tokens": False,
    # Only the Responses API shows thinking, in summaries.
    "responses": "shown",
}
_PLAIN: QuirksPatch = {"refused": _NEVER | {"reasoning", "verbosity"}}
_UP_TO_XHIGH = frozenset({"low", "medium", "high", "xhigh"})
_SNAPSHOT = r"(-\d{4}-\d\d-\d\d)?"
_TUNED = r"(ft:)?"
"""Fine-tuned models are called `ft:<base>:…` and accept what their base accepts."""

LIMITS = ParameterLimits(
    ranges={
        "temperature": (0, 2),
        "top_p": (0, 1),
        "presence_penalty": (-2, 2),
        "frequency_penalty": (-2, 2),
        "seed": (-(2**63), 2**63 - 1),
        "top_logprobs": (0, 20),
    },
    bias=100,
    top_logprobs_alone=False,
    user_length=64,
    cache_key_length=64,
    metadata=MetadataLimits(pairs=16, key=64, value=512),
    tiers={name: name for name in ("auto", "default", "flex", "scale", "priority", "fast")},
)
"""From the parameters' descriptions in the API reference."""

_HOME = "https://api.openai.com/v1"

ROW = ProviderRow(
    type="openai",
    title="OpenAI",
    quotas=by_pattern(
        "x-ratelimit-{what}-{unit}",
        *("requests", "tokens", "project requests", "project tokens", "input images"),
    ),
    base_url=_HOME,
    normalize_base_url=partial(openai_base_url, home=_HOME),
    dialects={
        Operation.CHAT: "openai",
        Operation.EMBED: "openai",
        Operation.MODELS: "openai",
        Operation.COUNT_TOKENS: "responses",
    },
    key_variables=("OPENAI_API_KEY",),
    base_url_variables=("OPENAI_BASE_URL",),
    header_variables=(("openai-organization", "OPENAI_ORG_ID"), ("openai-project", "OPENAI_PROJECT_ID")),
    quirks={
        "refused": _NEVER,
        "user_field": "safety_identifier",
        "reasoning_display": "never",
        "max_stop": 4,
        "limits": LIMITS,
        "json_word": True,
        # 2,048 are accepted, but as numbers, which callers may request and compatible servers always send, that many
        # vectors are up to 140 MB.
        "embed_batch": 512,
        "embed_batch_tokens": 300_000,
        # As in OpenAI's own client.
        "embed_format": "base64",
    },
    families=(
        # Vectors can be shortened from the third generation on.
        Family(r"text-embedding-ada-.*", {"refused": _NEVER | {"dimensions"}}),
        # Models that do not reason accept neither efforts nor verbosity.
        Family(_TUNED + r"(gpt-3\.5|gpt-4|chatgpt-4o|gpt-5-chat).*", _PLAIN),
        # Schemas came with gpt-4o.
        Family(
            r"(ft:)?(gpt-3\.5.*|gpt-4(-\d{4}.*|-turbo.*|-32k.*)?(:.*)?)",
            {"output_formats": frozenset({"text", "json_object"})},
        ),
        # Fine-tuned models enforce fewer keywords.
        Family(r"ft:.*", {"strict_schemas": "openai-tuned"}),
        Family(
            r"gpt-4o(-mini)?-search-preview.*",
            {"refused": _NEVER | _SAMPLING | {"reasoning", "verbosity", "seed", "stop", "parallel_tool_calls"}},
        ),
        Family(_TUNED + r"o\d.*", _REASONS | {"efforts": frozenset({"low", "medium", "high"})}),
        Family(_TUNED + r"o\d.*", {"parallel_switch": False}),
        Family(r"o1-(mini|preview).*", {"refused": _NEVER | _SAMPLING | {"stop", "reasoning"}, "system_role": "user"}),
        Family(
            r"gpt-5(-mini|-nano|-search-api)?" + _SNAPSHOT,
            _REASONS | {"efforts": frozenset({"minimal", "low", "medium", "high"})},
        ),
        Family(
            r"gpt-5\.[1-4].*",
            _REASONS
            | {
                "sampling_without_effort": True,
                "default_effort_none": True,
                "efforts": frozenset({"none", "low", "medium", "high"}),
            },
        ),
        Family(
            r"gpt-5\.[2-4].*",
            {
                "efforts": frozenset({"none", "low", "medium", "high", "xhigh"}),
                "responses": "tools_with_effort",
            },
        ),
        # From here on the default effort is not `none`, so tools need the Responses API unless the effort is `none`.
        Family(
            r"gpt-5\.([5-9]|\d\d).*|gpt-6.*",
            _REASONS | {"sampling_without_effort": True, "responses": "tools"},
        ),
        Family(
            r"gpt-5\.([6-9]|\d\d).*|gpt-6.*",
            {"efforts": frozenset({"none", "low", "medium", "high", "xhigh", "max"}), "cache_breakpoints": True},
        ),
        Family(
            r"gpt-5\.([6-9]|\d\d).*|gpt-6.*",
            # "Invalid value for 'top_logprobs': must be less than or equal to 5."
            {"limits": replace(LIMITS, ranges={**LIMITS.ranges, "top_logprobs": (0, 5)})},
        ),
        # These have no effort `none`, and chat completions end at xhigh.
        Family(r"gpt-6-astra.*|gpt-6\.\d+.*", {"efforts": frozenset({"low", "medium", "high", "xhigh"})}),
        Family(
            r".*-pro" + _SNAPSHOT + r"|.*codex.*|.*-deep-research.*",
            _REASONS
            | {
                "responses": "always",
                "efforts": frozenset({"low", "medium", "high"}),
                "sampling_without_effort": False,
                "default_effort_none": False,
            },
        ),
        # Efforts of those models differ from their namesakes'.
        Family(r"gpt-5-pro" + _SNAPSHOT, {"efforts": frozenset({"high"})}),
        Family(r"gpt-(5\.\d+|[6-9].*)-pro" + _SNAPSHOT, {"efforts": frozenset({"medium", "high", "xhigh"})}),
        Family(r"gpt-5\.1-codex-max.*|gpt-(5\.[2-9]|[6-9]).*codex.*", {"efforts": _UP_TO_XHIGH}),
        Family(r".*-deep-research.*", {"efforts": frozenset({"medium"})}),
    ),
    text_model="gpt-6-luna",
    embedding_model="text-embedding-3-small",
    as_of="2026-11-22",
)
