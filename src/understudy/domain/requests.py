"""Requests. One struct is passed all the way from the public interface to a dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from understudy.domain.content import CacheMark, JsonObject, Provenance
from understudy.domain.declared import check_fields
from understudy.domain.messages import AnyTool, Message, ToolChoice

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""All reasoning efforts, in rising order; providers support different subsets."""


class Reasoning(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much the model should think before it answers.

    `effort` is one of `EFFORTS`, `budget` a maximum of tokens. `mode` is Anthropic's `adaptive`, `enabled`, `disabled`
    or `between_tools`; `display` sets how much of the thinking is shown (`summarized`, `omitted`; at OpenAI `auto`,
    `concise`, `detailed`).
    """

    effort: str | None = None
    budget: int | None = None
    mode: Literal["adaptive", "enabled", "disabled", "between_tools"] | None = None
    display: str | None = None

    def __post_init__(self) -> None:
        """Raise `Misuse` for a field of a wrong type."""
        check_fields(self)


class OutputFormat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The form of the answer: plain text, any JSON object, or JSON that matches a schema."""

    kind: Literal["text", "json_object", "json_schema"] = "json_schema"
    json_schema: JsonObject | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None

    def __post_init__(self) -> None:
        """Raise `Misuse` for a field of a wrong type."""
        check_fields(self)


class WireOrigin(msgspec.Struct, frozen=True):
    """The bytes of an incoming request. Encoding in the same dialect patches them instead of writing new ones."""

    dialect: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of the wire format, such as `anthropic-version`, with lower-case names; never credentials."""
    flaws: tuple[str, ...] = ()
    """What of the body only this wire format can carry, because it has no value here: lone surrogates (`text`) and
    numbers out of range (`numbers`)."""
    signers: Mapping[str, Provenance] = {}
    """Who wrote what of the body, by its signature, its encrypted form or its id, as far as that is known: what another
    provider, server or account of the same wire format wrote is left out."""


class GenerationRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A generation. What is unset is not sent; the provider's own default applies."""

    messages: tuple[Message, ...]
    model: str | None = None
    tools: tuple[AnyTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    user: str | None = None
    """An opaque id of the end user, for the provider's abuse detection."""
    cache_key: str | None = None
    cache: CacheMark | None = None
    """Caches as much of the prompt as can be cached (Anthropic's top-level mark)."""
    metadata: dict[str, str] | None = None
    task: str | None = None
    """The task of the request; used by the task-based strategy, never sent."""
    labels: dict[str, str] | None = None
    """Whose request it is, such as a tenant, a key or tags: written into every `AttemptRecord`, never sent."""
    session: str | None = None
    """The conversation that the request belongs to: written into every `AttemptRecord`, never sent."""
    extra: dict[str, JsonObject] | None = None
    """Fields for one dialect or provider, by its name; merged into the body unchanged."""
    configured: frozenset[str] = frozenset()
    """Fields whose value comes from the configuration: left out without a warning if a model refuses them."""
    origin: WireOrigin | None = None

    def with_defaults(self, **defaults: Any) -> GenerationRequest:
        """Fill unset fields with the configuration's values and record which they are."""
        missing = {name: value for name, value in defaults.items() if value is not None and getattr(self, name) is None}
        if not missing:
            return self
        return msgspec.structs.replace(self, **missing, configured=self.configured | missing.keys())

    def prompt(self) -> GenerationRequest:
        """Return the request without the fields that affect only the answer, to count its tokens."""
        return msgspec.structs.replace(self, stop=(), **dict.fromkeys(_OF_THE_ANSWER))


_OF_THE_ANSWER = (
    *("temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "seed"),
    *("logit_bias", "logprobs", "top_logprobs", "service_tier", "user", "cache_key", "metadata"),
)


class Outline(WireOrigin, frozen=True, kw_only=True):
    """The bytes of a request of which only the outline has been read: of its messages those since the last answer, of
    each kind of tools one, and everything else. That is enough to plan it, and to send it over its wire format."""

    read: Callable[[], GenerationRequest]
    """Returns the whole request, read once. Raises `Misuse`, with the refusal of the wire format, if it is invalid."""


def outline_of(request: GenerationRequest) -> Outline | None:
    """Return the origin of a request of which only the outline has been read."""
    return request.origin if isinstance(request.origin, Outline) else None


def whole_of(request: GenerationRequest) -> GenerationRequest:
    """Return the whole of a request. Raise `Misuse` if it is invalid."""
    return request.origin.read() if isinstance(request.origin, Outline) else request


InputType = Literal["document", "query", "classification", "clustering"]


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Texts to embed, in one model's space."""

    texts: tuple[str, ...]
    model: str | None = None
    dimensions: int | None = None
    input_type: InputType | None = None
    """What the vectors are for, if the model distinguishes that."""
    user: str | None = None
    labels: dict[str, str] | None = None
    """Whose request it is, such as a tenant, a key or tags: written into every `AttemptRecord`, never sent."""
    session: str | None = None
    """The conversation that the request belongs to: written into every `AttemptRecord`, never sent."""
    single: bool = False
    """True if the caller passed one string instead of a list."""
    extra: dict[str, JsonObject] | None = None
    origin: WireOrigin | None = None


class ModelsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A list of models, or the one model named `model`. `limit` is the most that are fetched over all pages."""

    model: str | None = None
    limit: int | None = None
    after: str | None = None
    """Cursor of the page, for the server half."""
