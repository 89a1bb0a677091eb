"""Replicate. Source: its HTTP API reference (replicate.com/docs), 2026-11-22."""

from __future__ import annotations

from understudy.domain.operation import Operation
from understudy.providers.addresses import without_route
from understudy.providers.base import ProviderRow
from understudy.wire.quotas import QuotaHeaders


def _without_version(base_url: str) -> str:
    """Remove `/v1`: the variable of the older client does not have it, that of the newer one does."""
    return without_route(base_url, ("/predictions", "/models")).removesuffix("/v1")


ROW = ProviderRow(
    type="replicate",
    title="Replicate",
    quotas=(QuotaHeaders(unit="requests", left="ratelimit-remaining", reset="ratelimit-reset"),),
    price_id="",
    base_url="https://api.replicate.com",
    dialects={Operation.CHAT: "replicate", Operation.MODELS: "replicate"},
    key_variables=("REPLICATE_API_TOKEN",),
    base_url_variables=("REPLICATE_BASE_URL",),
    normalize_base_url=_without_version,
    text_model="meta/meta-llama-3-70b-instruct",
    as_of="2026-11-22",
    instead={
        Operation.EMBED: "its embedding models have no common interface; use an openai, ollama or cohere entry",
        Operation.COUNT_TOKENS: "each answer reports its usage",
    },
    # A model that has not been used for a while is started first, which takes minutes.
    first_event_timeout=300.0,
    # A prediction goes on if its creation is abandoned before its id is known.
    idempotent=False,
)
