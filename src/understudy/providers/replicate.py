"""Replicate. Facts: wire card of Replicate's API, state 2026-11-22."""

from __future__ import annotations

from understudy.domain.operation import Operation
from understudy.providers.addresses import without_route
from understudy.providers.base import ProviderRow


def _without_version(base_url: str) -> str:
    """The variable of the older client has no `/v1`, that of the newer one has."""
    return without_route(base_url, ("/predictions", "/models")).removesuffix("/v1")


ROW = ProviderRow(
    type="replicate",
    title="Replicate",
    price_id="",
    base_url="https://api.replicate.com",
    dialects={Operation.CHAT: "replicate", Operation.MODELS: "replicate"},
    key_variables=("REPLICATE_API_TOKEN",),
    base_url_variables=("REPLICATE_BASE_URL",),
    normalize_base_url=_without_version,
    text_model="meta/meta-llama-3-70b-instruct",
    as_of="2026-11-22",
    instead={
        Operation.EMBED: "its embedding models have no common form: use an openai, ollama or cohere entry for them",
        Operation.COUNT_TOKENS: "its models count tokens after the fact: the usage of an answer tells",
    },
    # A model that nobody has used for a while is started first, which takes minutes.
    first_event_timeout=300.0,
)
