"""Hugging Face: the router of its Inference Providers, in front of many partners.

`org/name:partner` names the partner that serves a model, `org/name` leaves that to the router: the suffix stays on the
wire. Partners differ in what they accept and cost; pin one for answers that can be repeated and priced. Source:
huggingface.co/docs/inference-providers, 2026-11-22.
"""

from __future__ import annotations

from functools import partial

from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row
from understudy.dialects.limits import ParameterLimits
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.providers.addresses import openai_base_url
from understudy.providers.base import ONLY_OPENAI, ProviderRow
from understudy.wire.quotas import QuotaHeaders, by_pattern

_UNKNOWN = ONLY_OPENAI | {"user", "refusal", "service_tier", "logit_bias", "dimensions"}
"""Fields that the router's API does not have. Partners may accept some, but which partner answers is unknown."""

_LIMITS = ParameterLimits(
    ranges={
        "temperature": (0, 2),
        "top_p": (0, 1),
        "presence_penalty": (-2, 2),
        "frequency_penalty": (-2, 2),
        "seed": (0, 2**64 - 1),
        "top_logprobs": (0, 5),
    },
    top_logprobs_alone=False,
)

_HOME = "https://router.huggingface.co/v1"

ROW = ProviderRow(
    type="huggingface",
    title="Hugging Face",
    quotas=(
        QuotaHeaders(unit="requests", left="ratelimit", limit="ratelimit-policy"),
        QuotaHeaders(unit="requests", left="ratelimit-remaining", limit="ratelimit-limit", reset="ratelimit-reset"),
        # Partners have headers of their own, which come through.
        *by_pattern("x-ratelimit-{what}-{unit}", "requests", "tokens", "requests minute", "tokens minute"),
    ),
    price_id="huggingface_{partner}",
    base_url=_HOME,
    normalize_base_url=partial(openai_base_url, home=_HOME),
    dialects={Operation.CHAT: "openai", Operation.MODELS: "openai", Operation.EMBED: "hf-features"},
    key_variables=("HF_TOKEN",),
    # The partner that answered, on which the price depends.
    fact_headers=(("x-inference-provider", "inference_provider"),),
    quirks={
        "refused": _UNKNOWN,
        "max_tokens_field": "max_tokens",
        "other_max_tokens": False,
        "system_role": "system",
        "max_stop": 4,
        # The templates of many models concatenate strings.
        "joined_texts": True,
        "limits": _LIMITS,
        "inputs": frozenset({"image"}),
        "partner_suffix": True,
        "reasoning_display": "always",
        # The limit is not documented; this many are accepted.
        "embed_batch": 32,
    },
    error_rules=(
        # The Hub names the reason in a header; it answers 401 also for what does not exist.
        Row(kind=FailureKind.PERMISSION, source=s.HUGGINGFACE_HUB, header=("x-error-code", "GatedRepo")),
        Row(kind=FailureKind.NOT_FOUND, source=s.HUGGINGFACE_HUB, header=("x-error-code", "RepoNotFound")),
        Row(kind=FailureKind.NOT_FOUND, source=s.HUGGINGFACE_HUB, header=("x-error-code", "RevisionNotFound")),
    ),
    text_model="openai/gpt-oss-120b",
    embedding_model="thenlper/gte-large",
    as_of="2026-11-22",
    instead={Operation.COUNT_TOKENS: "each answer reports its usage"},
    # A model that has not been used for a while is loaded first.
    first_event_timeout=300.0,
    catalogue_is_open=True,
)
