"""Azure OpenAI (Microsoft Foundry). Source: its documentation (learn.microsoft.com/azure/ai-foundry), 2026-11-22.

The model of a request is the name of a deployment. The v1 API at `{resource}/openai/v1` is used unless an entry has an
`api_version` with a date: then the deployment is in the path and the version in the query.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

from msgspec.structs import replace

from understudy.dialects.addresses import in_path
from understudy.dialects.base import Endpoint
from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import codes
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.providers.addresses import OPENAI_ROUTES, without_route
from understudy.providers.base import Auth, Family, ProviderRow
from understudy.providers.openai import LIMITS
from understudy.providers.openai import ROW as OPENAI
from understudy.wire.quotas import by_pattern

_DATED = re.compile(r"\d{4}-\d\d-\d\d(-preview)?")
_PER_DEPLOYMENT = ("chat/completions", "embeddings")
_USAGE_IN_STREAMS = "2024-09-01"
"""The first version of the dated API that accepts `stream_options`."""


def normalize_base_url(base_url: str) -> str:
    """Return the base of the v1 API for the address of a resource: alone, with `/openai`, or with `/v1`.

    A deployment in the path stays: it is used for every model.
    """
    scheme, host, path, query, fragment = urlsplit(base_url)
    path = without_route(path, OPENAI_ROUTES)
    root, _, deployment = re.sub("/+", "/", path).rstrip("/").partition("/deployments/")
    root = root.removesuffix("/v1")
    root = root if root.endswith("/openai") else f"{root}/openai"
    fixed = f"/deployments/{deployment.partition('/')[0]}" if deployment else ""
    return urlunsplit((scheme, host, f"{root}/v1{fixed}", query, fragment))


def finalize_endpoint(endpoint: Endpoint, api_version: str | None) -> Endpoint:
    """Choose the generation of the API, and put the deployment where it belongs there."""
    base_url, _, deployment = endpoint.base_url.partition("/deployments/")
    endpoint = replace(endpoint, base_url=base_url, model=deployment or endpoint.model)
    if api_version is None or api_version == "v1":
        return endpoint
    query = f"api-version={quote(api_version, safe='')}"
    if not _DATED.fullmatch(api_version):
        return replace(endpoint, query=query)
    place = f"deployments/{in_path(endpoint.model or '')}"
    quirks = endpoint.quirks
    return replace(
        endpoint,
        base_url=base_url.removesuffix("/v1"),
        paths={path: f"{place}/{path}" for path in _PER_DEPLOYMENT} if endpoint.model else {},
        query=query,
        quirks=replace(
            quirks,
            stream_usage=quirks.stream_usage and api_version >= _USAGE_IN_STREAMS,
            # The Responses API came only to previews.
            responses=quirks.responses if api_version.endswith("-preview") else "never",
        ),
    )


ROW = ProviderRow(
    type="azure-openai",
    title="Azure OpenAI",
    quotas=by_pattern("x-ratelimit-{what}-{unit}", "requests", "tokens"),
    price_id="azure",
    base_url="https://RESOURCE.openai.azure.com/openai/v1",
    base_url_required=True,
    dialects={Operation.CHAT: "openai", Operation.EMBED: "openai", Operation.MODELS: "openai"},
    key_variables=("AZURE_OPENAI_API_KEY",),
    token_variables=("AZURE_OPENAI_AD_TOKEN",),
    base_url_variables=("AZURE_OPENAI_ENDPOINT",),
    version_variables=("OPENAI_API_VERSION",),
    normalize_base_url=normalize_base_url,
    finalize_endpoint=finalize_endpoint,
    auth=Auth("api-key", ""),
    token_auth=Auth(),
    catalogue_only=True,
    # Newer fields of OpenAI's API arrive later here; all versions accept `user`.
    quirks={
        **OPENAI.quirks,
        "user_field": "user",
        "strict_schemas": "azure",
        "limits": replace(LIMITS, user_length=None),
    },
    # Deployments have any name, most often that of their model.
    families=(
        *OPENAI.families,
        Family(r"ft:.*", {"strict_schemas": "azure"}),
        Family(r"gpt-35.*", {"refused": frozenset({"top_k", "min_p", "thinking", "reasoning", "verbosity"})}),
        Family(r"gpt-(3\.5|35|4).*", {"max_tokens_field": "max_tokens"}),
    ),
    error_rules=codes(FailureKind.PERMISSION, s.AZURE_ACCESS, "PermissionDenied"),
    as_of="2026-11-22",
    instead={Operation.COUNT_TOKENS: "each answer reports its usage"},
)
