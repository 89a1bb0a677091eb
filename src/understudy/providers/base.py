"""A provider is a row of data: where to talk, with which key and header, which dialect for which operation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.quirks import ErrorRule, Quirks, QuirksPatch
from understudy.domain.failures import FailureKind
from understudy.domain.messages import Tool
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import Headers

ONLY_OPENAI = frozenset(
    {"metadata", "store", "cache_key", "prompt_cache_options", "prompt_cache_retention", "verbosity", "modalities"}
    | {"audio", "prediction", "web_search_options", "moderation", "cache", "allowed_tools", "safety_identifier"}
)
"""Fields that OpenAI's API has and compatible APIs most often do not; requests of OpenAI's clients may carry them."""


class Auth(msgspec.Struct, frozen=True):
    """The header that carries the key, and what stands before it."""

    header: str = "authorization"
    prefix: str = "Bearer "


class Family(msgspec.Struct, frozen=True):
    """A model family: what its members want otherwise than their provider's other models.

    `pattern` is a regular expression that the whole model name must match.
    """

    pattern: str
    quirks: QuirksPatch


def _as_given(base_url: str) -> str:
    return base_url


def _as_resolved(endpoint: Endpoint, api_version: str | None) -> Endpoint:
    return endpoint


class ProviderRow(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is particular to a provider."""

    type: str
    title: str
    base_url: str
    dialects: Mapping[Operation, str]
    """Which wire format speaks which operation; an operation that is missing is not supported."""
    key_variables: tuple[str, ...] = ()
    """Environment variables that may hold the key, the first that is set counts."""
    key_required: bool = True
    base_url_variables: tuple[str, ...] = ()
    base_url_required: bool = False
    """There is no address that serves all: `base_url` is an example."""
    normalize_base_url: Callable[[str], str] = _as_given
    """Makes a base URL of what a user or the provider's own variable says."""
    settle: Callable[[Endpoint, str | None], Endpoint] = _as_resolved
    """Has the last word on an endpoint, given the entry's `api_version`."""
    version_variables: tuple[str, ...] = ()
    """Environment variables that may hold the `api_version`."""
    auth: Auth = Auth()
    token_auth: Auth | None = None
    """The header that carries a token instead of the key; `None`: this provider takes none."""
    token_variables: tuple[str, ...] = ()
    """Environment variables that may hold a token, where none of the keys is set."""
    headers: Headers = ()
    header_variables: Headers = ()
    """Headers whose values come from the environment where a variable is set: (header, variable)."""
    noted_headers: Headers = ()
    """Headers of its responses that are facts of an answer: (header, key of `response.extra`). Lower case."""
    quirks: QuirksPatch = {}
    families: tuple[Family, ...] = ()
    """All that match apply, in order."""
    error_rules: tuple[ErrorRule, ...] = ()
    by_status: Mapping[int, FailureKind] = {}
    """What statuses mean here when neither code nor words of an error say more."""
    text_model: str | None = None
    """The default for generations when no configuration names one, as of `as_of`."""
    embedding_model: str | None = None
    as_of: str | None = None
    price_id: str | None = None
    """What price lists call the provider: its type when unset; empty when none of them knows it. `{partner}` stands for
    who answers, where a provider lets others do it and each has a list of its own."""
    instead: Mapping[Operation, str] = {}
    """For operations that are missing: what could be used instead, in a few words."""
    first_event_timeout: float = 60.0
    """Seconds; longer where a model may have to be loaded first."""
    local: bool = False
    """Runs on the user's own machine: tokens cost nothing, and it may simply not be running."""
    billed_hosts: tuple[str, ...] = ()
    """Hosts at which a provider that is otherwise local does bill."""
    catalogue_only: bool = False
    """The list of models tells what could be served, not what is: Azure lists no deployments. So whether a model is
    available is unsupported, and a health check leaves it open."""
    catalogue_is_open: bool = False
    """The list of models is given to everybody, so that it proves no key."""
    version_header: str | None = None
    """The header that carries the entry's `api_version`."""


_MOST_RESOLVED = 512
_resolved: dict[tuple[int, str | None], tuple[ProviderRow, Quirks]] = {}
"""By the row's id and the model. The row is held, so that its id is not given to another one."""


def quirks_of(row: ProviderRow, model: str | None) -> Quirks:
    """Resolve base < provider < model family."""
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


def dialect_for(row: ProviderRow, operation: Operation, quirks: Quirks, request: object = None) -> str | None:
    """Return the dialect that speaks an operation for a request; `None` when the provider has no such operation.

    Chat completions give way to the Responses API by the quirk `responses`, where the row has that dialect.
    """
    name = row.dialects.get(operation)
    if operation is Operation.CHAT and name == "openai" and isinstance(request, GenerationRequest):
        return "responses" if _wants_responses(quirks, request) else name
    return name


def _wants_responses(quirks: Quirks, request: GenerationRequest) -> bool:
    tools = any(isinstance(tool, Tool) for tool in request.tools)
    effort = request.reasoning.effort if request.reasoning else None
    match quirks.responses:
        case "never":
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
    """Resolve a row for one model."""
    endpoint = Endpoint(
        provider=row.type,
        base_url=row.normalize_base_url(base_url or row.base_url).rstrip("/"),
        model=model,
        headers=row.headers,
        quirks=quirks_of(row, model),
        error_rules=row.error_rules,
        by_status=row.by_status,
    )
    return row.settle(endpoint, api_version)
