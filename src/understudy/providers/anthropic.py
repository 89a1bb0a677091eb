"""Anthropic: the Messages API of Claude.

Families, from the documentation and the list of models (docs.anthropic.com, `GET /v1/models`; 2026-11-22): which fields
a model refuses, how its thinking is controlled, and how much it can write.
"""

from __future__ import annotations

from msgspec.structs import replace

from understudy.dialects.limits import ParameterLimits
from understudy.dialects.quirks import QuirksPatch
from understudy.domain.operation import Operation
from understudy.providers.addresses import without_route
from understudy.providers.base import Auth, Family, ProviderRow
from understudy.wire.quotas import by_pattern

VERSION = "2026-10-21"
"""The API version that is requested unless an entry sets `api_version` (`2023-06-01` is still live)."""

_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_FREE_CHOICE = frozenset({"auto", "none"})
_ALL_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})

_LIMITS = ParameterLimits(blank_stops=False, user_length=256, user_mail=False)
"""A stop sequence of white space alone is refused, an id of the end user beyond 256 characters, and one that is an
email address ("user_id appears to contain an email address", github.com/BerriAI/litellm/issues/10106)."""

_CURRENT: QuirksPatch = {
    "limits": replace(_LIMITS, temperature_with_top_p=False),
    "refused": _SAMPLING,
    "refused_since": ((VERSION, _SAMPLING),),
    "prefill": False,
    "mid_system": True,
    "thinking_modes": frozenset({"adaptive", "disabled"}),
    "output_formats": frozenset({"text", "json_schema"}),
    "inputs": frozenset({"image", "file"}),
}
"""What all current Claude models have in common; families of older ones override some of it below."""

_LEGACY: QuirksPatch = {
    "refused": frozenset(),
    "prefill": True,
    "continues": True,
    "mid_system": False,
    "thinking_modes": frozenset({"enabled", "disabled"}),
    "default_effort_none": True,
    "efforts": frozenset(),
}

_FAMILIES = (
    Family(r"claude-.*", _CURRENT),
    # Up to 4.5: thinking by budget, off by default; the caller may begin the answer.
    Family(r"claude-(2|3|instant)\b.*|claude-(opus|sonnet)-4(-[01])?(-20\d{6})?|claude-[a-z]+-4-5\b.*", _LEGACY),
    Family(r"claude-(2|3|instant)\b.*", {"thinking_modes": frozenset(), "max_output_tokens": 4096}),
    Family(r"claude-(2|3|instant)\b.*|claude-(opus|sonnet)-4(-0)?(-20\d{6})?", {"limits": _LIMITS}),
    Family(r"claude-3-5-.*", {"max_output_tokens": 8192}),
    Family(r"claude-3-7-.*", {"thinking_modes": frozenset({"enabled", "disabled"}), "max_output_tokens": 64_000}),
    Family(r"claude-(2|3|instant)\b.*|claude-(opus|sonnet)-4(-0)?(-20\d{6})?", {"output_formats": frozenset({"text"})}),
    Family(r"claude-opus-4(-[01])?(-20\d{6})?", {"max_output_tokens": 32_000}),
    Family(r"claude-sonnet-4(-0)?(-20\d{6})?|claude-[a-z]+-4-5\b.*", {"max_output_tokens": 64_000}),
    Family(r"claude-opus-4-5\b.*", {"efforts": frozenset({"low", "medium", "high"})}),
    # 4.6 to 4.8: adaptive thinking, still off by default.
    Family(
        r"claude-(opus|sonnet)-4-6\b.*",
        {
            "refused": frozenset(),
            "mid_system": False,
            "thinking_modes": frozenset({"adaptive", "enabled", "disabled"}),
            "default_effort_none": True,
            "efforts": frozenset({"low", "medium", "high", "max"}),
            "max_output_tokens": 128_000,
        },
    ),
    # An explicit `disabled` is omitted here: sources disagree on whether it is accepted, and it is the default.
    Family(
        r"claude-opus-4-[78]\b.*",
        {
            "thinking_modes": frozenset({"adaptive"}),
            "default_effort_none": True,
            "efforts": _ALL_EFFORTS,
            "max_output_tokens": 128_000,
        },
    ),
    Family(r"claude-opus-4-7\b.*", {"mid_system": False}),
    # From 5 on models think by default.
    Family(r"claude-[a-z]+-5\b.*", {"efforts": _ALL_EFFORTS, "max_output_tokens": 128_000}),
    Family(r"claude-(fable|mythos)-.*|claude-opus-5-5\b.*", {"thinking_modes": frozenset({"adaptive"})}),
    Family(r"claude-sonnet-5-5\b.*", {"thinking_modes": frozenset({"adaptive", "between_tools"})}),
    # From 5.1 on thinking is bound to the model that wrote it; all but Haiku refuse a forced choice of tools.
    Family(r"claude-haiku-5-5\b.*", {"thinking_bound_to_model": True}),
    Family(
        r"claude-(opus|sonnet)-5-5\b.*|claude-(fable|mythos)-5-[1-9]\b.*",
        {"tool_choice": _FREE_CHOICE, "thinking_bound_to_model": True},
    ),
)


_ROUTES = ("/messages/count_tokens", "/messages", "/models")


def _without_version(base_url: str) -> str:
    """Remove `/v1` and the route: the SDK's base URL has neither, but many people write them."""
    return without_route(base_url, _ROUTES).removesuffix("/v1")


ROW = ProviderRow(
    type="anthropic",
    title="Anthropic",
    quotas=by_pattern(
        "anthropic-ratelimit-{unit}-{what}",
        *("requests", "input tokens", "output tokens", "tokens"),
    ),
    base_url="https://api.anthropic.com",
    dialects={
        Operation.CHAT: "anthropic",
        Operation.MODELS: "anthropic",
        Operation.COUNT_TOKENS: "anthropic",
    },
    key_variables=("ANTHROPIC_API_KEY",),
    token_variables=("ANTHROPIC_AUTH_TOKEN",),
    base_url_variables=("ANTHROPIC_BASE_URL",),
    normalize_base_url=_without_version,
    auth=Auth("x-api-key", ""),
    token_auth=Auth(),
    headers=(("anthropic-version", VERSION),),
    version_header="anthropic-version",
    quirks={"limits": _LIMITS},
    families=_FAMILIES,
    text_model="claude-sonnet-5-5",
    as_of="2026-11-22",
    instead={Operation.EMBED: "use an openai, ollama, google or cohere entry"},
)
