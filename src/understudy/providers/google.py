"""Google: the Gemini API for developers (not Vertex AI, which has other addresses and credentials).

Families, from Google's documentation (ai.google.dev, 2026-11-22): how a model's thinking is controlled, and what it
refuses or ignores.
"""

from __future__ import annotations

import re

from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row
from understudy.dialects.limits import ParameterLimits
from understudy.dialects.quirks import QuirksPatch
from understudy.domain.failures import FailureKind
from understudy.domain.operation import SPOKEN
from understudy.providers.base import Auth, Family, ProviderRow

_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_VERSION = re.compile(r"/v1(alpha|beta)?(/(models|openai)(/.*)?)?$")
"""What follows the base URL in every route, including those in OpenAI's wire format."""
_NUMBERED = r"(models/)?gemini-"

_PENALTIES = frozenset({"presence_penalty", "frequency_penalty"})

LIMITS = ParameterLimits(
    ranges={
        "temperature": (0, 2),
        "top_p": (0, 1),
        "top_k": (1, None),
        # Below 2, which is not included.
        "presence_penalty": (-2, 1.99),
        "frequency_penalty": (-2, 1.99),
        "seed": (-(2**31), 2**31 - 1),
        "top_logprobs": (0, 20),
    },
    top_logprobs_alone=False,
)

_BUDGET: QuirksPatch = {
    "output_with_tools": False,
    "thinking_budget": (1, 24_576),
    "result_media": frozenset(),
    "search_fee_by_prompt": True,
}
"""Up to 2.5: a budget of tokens, no output format beside tools, no media in tool results, one fee for all searches."""

_LEVEL: QuirksPatch = {
    "efforts": frozenset({"minimal", "low", "medium", "high"}),
    "thinking_modes": frozenset({"adaptive", "enabled"}),
    "thought_signatures": True,
}
"""From 3 on: a level, thinking that cannot be switched off, and signatures on tool calls."""

_LATEST: QuirksPatch = {"refused": _SAMPLING | _PENALTIES, "prefill": False}
"""From 3.5-flash-lite and 3.6 on: sampling is accepted and ignored, and the caller cannot begin the answer."""

_FAMILIES = (
    # Names without a number (gemini-flash-latest) mean a current model.
    Family(r"(models/)?gemini-.*", _LEVEL),
    Family(_NUMBERED + r"(1|2)(\.\d+)?-.*", {"thought_signatures": False, "efforts": None, **_BUDGET}),
    # Penalties are not enabled from 2.5 on.
    Family(_NUMBERED + r"(2\.5|[3-9]).*", {"refused": _PENALTIES}),
    Family(_NUMBERED + r"(1\.\d|2\.0)-.*|(models/)?(gemma|learnlm).*", {"refused": frozenset({"reasoning"})}),
    Family(_NUMBERED + r"2\.5-flash.*", {"thinking_modes": frozenset({"adaptive", "enabled", "disabled"})}),
    Family(_NUMBERED + r"2\.5-flash-lite.*", {"thinking_budget": (512, 24_576)}),
    Family(_NUMBERED + r"2\.5-pro.*", {"thinking_budget": (128, 32_768)}),
    Family(_NUMBERED + r"2\.5-.*(image|tts).*", {"refused": _PENALTIES | {"reasoning"}}),
    Family(_NUMBERED + r"(3\.5-flash-lite|3\.[6-9]|[4-9]).*", _LATEST),
    Family(_NUMBERED + r"(flash|flash-lite|pro)-latest", _LATEST),
    Family(_NUMBERED + r"(3\.[78]|[4-9]).*", {"efforts": frozenset({"low", "medium", "high"})}),
    Family(r"(models/)?(gemini-.*(image|tts|audio)|nano-banana|lyria).*", {"gives_media": True}),
    # It ignores the task silently.
    Family(_NUMBERED + r"embedding-2.*", {"refused": frozenset({"input_type"})}),
)


def _without_version(base_url: str) -> str:
    """Remove the version and the route: the SDK's base URL has neither, but many people write them."""
    return _VERSION.sub("", base_url.rstrip("/"))


ROW = ProviderRow(
    type="google",
    title="Google Gemini",
    priced_tiers=frozenset({"flex", "priority"}),
    base_url="https://generativelanguage.googleapis.com",
    dialects=dict.fromkeys(SPOKEN, "gemini"),
    key_variables=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    base_url_variables=("GOOGLE_GEMINI_BASE_URL",),
    normalize_base_url=_without_version,
    auth=Auth("x-goog-api-key", ""),
    quirks={"message_names": False, "parallel_switch": False, "max_stop": 5, "limits": LIMITS, "embed_batch": 100},
    families=_FAMILIES,
    # Google quotes the limit's name: "limit 'GenerateContent request limit per day for a region'".
    error_rules=(Row(kind=FailureKind.DAILY_QUOTA, source=s.GOOGLE_LIMITS, code="RESOURCE_EXHAUSTED", text="per day"),),
    text_model="gemini-3.8-flash",
    embedding_model="gemini-embedding-2",
    as_of="2026-11-22",
)
