"""Cohere. Source: OpenAPI description of its API (2026-08), pages and metadata of its models (2026-11-22)."""

from __future__ import annotations

from understudy.domain.operation import Operation
from understudy.providers.addresses import without_route
from understudy.providers.base import Family, ProviderRow
from understudy.wire.quotas import QuotaHeaders

_BLIND = frozenset[str]()
_NO_THINKING = frozenset({"reasoning"})
_FREE_CHOICE = frozenset({"auto"})
_ROUTES = ("/v2/chat", "/v2/embed", "/v1/chat", "/v1/embed", "/v1/models", "/v1/tokenize")


def normalize_base_url(base_url: str) -> str:
    """Remove the version: the SDK's base URL has none, since routes have different ones, but many people write it."""
    return without_route(base_url, _ROUTES).removesuffix("/v1").removesuffix("/v2")


ROW = ProviderRow(
    type="cohere",
    title="Cohere",
    quotas=(
        QuotaHeaders(unit="trial calls", left="x-trial-endpoint-call-remaining", limit="x-trial-endpoint-call-limit"),
    ),
    base_url="https://api.cohere.com",
    dialects={
        Operation.CHAT: "cohere",
        Operation.EMBED: "cohere",
        Operation.MODELS: "cohere",
        Operation.COUNT_TOKENS: "cohere",
    },
    key_variables=("CO_API_KEY", "COHERE_API_KEY"),
    base_url_variables=("CO_API_URL",),
    normalize_base_url=normalize_base_url,
    quirks={"max_stop": 5, "output_with_tools": False, "inputs": frozenset({"image"}), "embed_batch": 96},
    families=(
        Family(r"command(-light|-nightly|-r|-r-.*|-r-plus.*|-r7b.*|-a-03-2025)?", {"refused": _NO_THINKING}),
        Family(r"command-a-(vision|translate)-.*|c4ai-aya-.*", {"refused": _NO_THINKING}),
        Family(
            r"command(-light|-nightly|-r.*)?|command-a-(03-2025|reasoning|translate).*|c4ai-aya-expanse-.*",
            {"inputs": _BLIND},
        ),
        # Vectors can be shortened from the fourth generation on.
        Family(r"embed-.*-v[23]\.0", {"refused": frozenset({"dimensions"})}),
        # Requiring or forbidding tool calls came with command-r7b-12-2024.
        Family(r"command(-light|-nightly|-r|-r-0.*|-r-plus.*)?|c4ai-aya-.*", {"tool_choice": _FREE_CHOICE}),
    ),
    text_model="command-a-plus-05-2026",
    embedding_model="embed-v4.0",
    as_of="2026-11-22",
)
