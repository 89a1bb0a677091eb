"""A provider is a row of data: its address, its key and header, and the dialect of each operation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.efforts import effort_for, is_shown
from understudy.dialects.quirks import ErrorRule, Quirks, QuirksPatch
from understudy.domain.failures import FailureKind
from understudy.domain.messages import Tool
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import Headers
from understudy.wire.quotas import QuotaHeaders

ONLY_OPENAI = frozenset(
    {"metadata", "store", "cache_key", "prompt_cache_options", "prompt_cache_retention", "verbosity", "modalities"}
    | {"audio", "prediction", "web_search_options", "moderation", "cache", "allowed_tools", "safety_identifier"}
)
"""Fields that OpenAI's API has and compatible APIs most often do not; requests of OpenAI's clients may carry them."""


class Auth(msgspec.Struct, frozen=True):
    """The header that carries the key, and the prefix of its value."""

    header: str = "authorization"
    prefix: str = "Bearer "


class Family(msgspec.Struct, frozen=True):
    """A model family: how its members differ from their provider's other models.

    `pattern` is a regular expression that must match the whole model name.
    """

    pattern: str
    quirks: QuirksPatch


def _as_given(base_url: str) -> str:
    return base_url


def _as_resolved(endpoint: Endpoint, api_version: str | None) -> Endpoint:
    return endpoint


class ProviderRow(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is specific to a provider."""

    type: str
    title: str
    base_url: str
    dialects: Mapping[Operation, str]
    """The wire format of each operation; a missing operation is not supported."""
    key_variables: tuple[str, ...] = ()
    """Environment variables that may hold the key; the first that is set counts."""
    key_required: bool = True
    base_url_variables: tuple[str, ...] = ()
    base_url_required: bool = False
    """Each user has an address of their own: `base_url` is an example."""
    normalize_base_url: Callable[[str], str] = _as_given
    """Returns the base URL for an address from a user or the provider's own variable."""
    finalize_endpoint: Callable[[Endpoint, str | None], Endpoint] = _as_resolved
    """Completes a resolved endpoint, given the entry's `api_version`."""
    version_variables: tuple[str, ...] = ()
    """Environment variables that may hold the `api_version`."""
    auth: Auth = Auth()
    token_auth: Auth | None = None
    """The header that carries a token instead of the key; `None` if the provider does not accept tokens."""
    token_variables: tuple[str, ...] = ()
    """Environment variables that may hold a token, read if no key is set."""
    headers: Headers = ()
    header_variables: Headers = ()
    """Headers with values from environment variables, if set: (header, variable)."""
    quotas: tuple[QuotaHeaders, ...] = ()
    """The headers of its answers that state what is left of the key's limits."""
    fact_headers: Headers = ()
    """Response headers that become facts of an answer: (header in lower case, key of `response.extra`)."""
    idempotent: bool = True
    """Whether an attempt that is abandoned leaves nothing behind, so that two may be made at once."""
    quirks: QuirksPatch = {}
    families: tuple[Family, ...] = ()
    """All families that match a model apply, in order."""
    error_rules: tuple[ErrorRule, ...] = ()
    by_status: Mapping[int, FailureKind] = {}
    """Meanings of statuses for errors whose code and message are not recognized."""
    text_model: str | None = None
    """The default for generations if the configuration names none, as of `as_of`."""
    embedding_model: str | None = None
    as_of: str | None = None
    price_id: str | None = None
    """The provider's name in price lists: its type if unset; empty if it is in none. `{partner}` stands for the partner
    that answers, at a provider whose partners have price lists of their own."""
    priced_tiers: frozenset[str] = frozenset()
    """Service tiers whose prices differ from the standard ones, so that the price is unknown where no list has it."""
    instead: Mapping[Operation, str] = {}
    """For missing operations: what to use instead, in a few words."""
    first_event_timeout: float = 60.0
    """Seconds; longer if a model may have to be loaded first."""
    local: bool = False
    """Runs on the user's machine: tokens are free, and the server may not be running."""
    billed_hosts: tuple[str, ...] = ()
    """Hosts at which an otherwise local provider charges for tokens."""
    catalogue_only: bool = False
    """The list of models shows what could be served, not what is: Azure does not list deployments. So
    `is_model_available` is unsupported, and a health check does not cover the model."""
    catalogue_is_open: bool = False
    """The list of models needs no key, so reading it does not validate one."""
    version_header: str | None = None
    """The header that carries the entry's `api_version`."""


_MOST_RESOLVED = 512
_resolved: dict[tuple[int, str | None], tuple[ProviderRow, Quirks]] = {}
"""By the id of the row and the model. The row is kept, so that its id is not reused."""


def quirks_of(row: ProviderRow, model: str | None) -> Quirks:
    """Return the quirks of a model: base < provider < model family."""
    held = _resolved.get((id(row), model))
    if held is None:
        if len(_resolved) >= _MOST_RESOLVED:
            _resolved.clear()
        held = _resolved[id(row), model] = (row, _resolve(row, model))
    return held[1]


def _resolve(row: ProviderRow, model: str | None) -> Quirks:
    patch: QuirksPatch = {**row.quirks}
    for family in row.families:
        if model is not None and re.fullmatch(family.pattern, model):
            patch.update(family.quirks)
    return msgspec.structs.replace(Quirks(), **patch)


def dialect_for(
    row: ProviderRow, operation: Operation, quirks: Quirks, request: object = None, *, is_at_vendor: bool = False
) -> str | None:
    """Return the dialect of an operation for a request; `None` if the provider does not support the operation.

    The quirk `responses` decides whether the Responses API replaces chat completions. `is_at_vendor`: the server is the
    vendor's own, so all of its APIs are there.
    """
    name = row.dialects.get(operation)
    if operation is Operation.CHAT and name == "openai" and isinstance(request, GenerationRequest):
        has_responses = quirks.responses != "never" or (is_at_vendor and "responses" in row.dialects.values())
        return "responses" if _wants_responses(quirks, request, has_responses) else name
    return name


def _wants_responses(quirks: Quirks, request: GenerationRequest, has_responses: bool) -> bool:
    if has_responses and request.origin is not None and request.origin.dialect == "responses":
        return True  # forwarded as it came
    if quirks.responses == "never":
        return False
    tools = any(isinstance(tool, Tool) for tool in request.tools)
    asked = request.reasoning
    comes_as_chat = request.origin is not None and request.origin.dialect == "openai"
    if asked is not None and is_shown(asked) and not comes_as_chat:
        return True
    effort = effort_for(asked, quirks) if asked is not None else None
    match quirks.responses:
        case "shown":
            return False
        case "always":
            return True
        case "tools":
            # Without an explicit `none` these models refuse tools in chat completions.
            can_be_none = quirks.efforts is None or "none" in quirks.efforts
            return tools and not (can_be_none and effort == "none")
        case "tools_with_effort":
            return tools and effort not in (None, "none")


def endpoint_of(
    row: ProviderRow, model: str | None, *, base_url: str | None = None, api_version: str | None = None
) -> Endpoint:
    """Return the endpoint of a row for one model."""
    endpoint = Endpoint(
        provider=row.type,
        base_url=row.normalize_base_url(base_url or row.base_url).rstrip("/"),
        model=model,
        headers=row.headers,
        quirks=quirks_of(row, model),
        error_rules=row.error_rules,
        by_status=row.by_status,
    )
    return row.finalize_endpoint(endpoint, api_version)
