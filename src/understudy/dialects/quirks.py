"""Differences among providers and model families of one dialect, as data.

*Decoding* has no quirks: wire structs are tolerant. What differs is how a request is written (`Quirks`) and how an
error is read (`ErrorRule`). Both are resolved base < provider < model family by `understudy.providers`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, TypedDict

import msgspec

from understudy.dialects.limits import ParameterLimits
from understudy.domain.failures import FailureKind
from understudy.domain.requests import EFFORTS

ReasoningDisplay = Literal["reasoning_format", "include_reasoning", "always", "never"]
Responses = Literal["never", "shown", "tools_with_effort", "tools", "always"]


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """How requests are written for a target. Defaults are each dialect's plain form."""

    refused: frozenset[str] = frozenset()
    """Fields of `GenerationRequest` that the target refuses: left out, with a warning if the caller set them. In the
    openai dialect also wire fields (`n`, `allowed_tools`, `safety_identifier`), and `thinking`, `refusal` and `cache`
    for what replays thinking and refusals and marks the prompt."""
    refused_since: tuple[tuple[str, frozenset[str]], ...] = ()
    """Fields refused beside those, from a version of the API on: the version (`anthropic-version`) and the fields."""
    accepts: frozenset[str] = frozenset()
    """Fields of `GenerationRequest` beyond the dialect's own that the target accepts: `top_k` and `min_p` at many
    servers of the openai dialect."""
    sampling_without_effort: bool = False
    """Sampling fields named in `refused` are accepted after all while the effective effort is `none`."""
    default_effort_none: bool = False
    """The model does not reason unless asked to, so an unset effort counts as `none`."""
    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    other_max_tokens: bool = True
    """The other one is accepted too, so a request that came in with it is not changed."""
    max_output_tokens: int | None = None
    """The model's maximum, sent where the wire format requires a number and none was set."""
    system_role: Literal["as_given", "system", "developer", "user"] = "as_given"
    mid_system: bool = False
    """System messages are accepted in the middle of the conversation (Anthropic)."""
    stream_usage: bool = True
    """Usage in streams must be requested with `stream_options.include_usage`."""
    whole_streams: bool = True
    """An answer that is requested whole may be streamed internally. False for an endpoint with unreliable streams."""
    user_field: Literal["safety_identifier", "user"] = "user"
    cache_breakpoints: bool = False
    """Content parts may carry `prompt_cache_breakpoint` (OpenAI, from gpt-5.6 on); elsewhere caching is automatic."""
    message_names: bool = True
    """`messages[].name` is accepted."""
    joined_texts: bool = False
    """A message of texts alone must be one string."""
    inputs: frozenset[str] = frozenset({"image", "audio", "file"})
    """Kinds of media that this target accepts."""
    most_images: int | None = None
    """Images that one request may hold; `None`: any number."""
    result_media: frozenset[str] | None = None
    """Kinds of media that tool results may contain; `None`: those that the wire format allows."""
    gives_media: bool = False
    """Its answers are images, audio or video, so they are long."""
    image_urls: bool = True
    """Images may be given by URL; otherwise only by their bytes."""
    audio_urls: bool = False
    """Audio may be given by URL, in the part `audio_url` of the openai dialect (Together)."""
    image_types: frozenset[str] = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
    """Media types of images that the target accepts as bytes."""
    audio_types: frozenset[str] = frozenset({"audio/wav", "audio/mpeg"})
    """Media types of audio that the target accepts as bytes."""
    tool_choice: frozenset[str] = frozenset({"auto", "none", "required", "tool"})
    """Modes of `ToolChoice` that are accepted."""
    parallel_switch: bool = True
    """Parallel tool calls can be switched on and off."""
    output_formats: frozenset[str] = frozenset({"text", "json_object", "json_schema"})
    strict_schemas: str = "openai"
    """The rules of strict mode in the dialects of OpenAI, a name in `schema_rules.SUBSETS`; empty: no strict mode."""
    strict_tools: bool = True
    """Tools may be strict, in the dialects of OpenAI."""
    closed_schemas: bool = False
    """Objects of a schema must be closed without strict mode too (Groq)."""
    json_word: bool = False
    """JSON mode is refused unless the prompt contains the word."""
    efforts: frozenset[str] | None = None
    """Accepted reasoning efforts; `None` if unknown, then all are sent unchanged."""
    thinking_modes: frozenset[str] = frozenset({"adaptive", "enabled", "disabled"})
    """Accepted values of Anthropic's `thinking.type`; empty means that the field must be left out."""
    thinking_budget: tuple[int, int] | None = None
    """Minimum and maximum tokens of a thinking budget, for models without levels (Gemini up to 2.5)."""
    thought_signatures: bool = False
    """Tool calls of the current turn must carry the signature they came with, or a placeholder (Gemini from 3 on)."""
    output_with_tools: bool = True
    """Tools and an output format may be requested together."""
    prefill: bool = True
    """The last message may be the assistant's, which the model then continues."""
    continues: bool = False
    """The provider documents that the model does so, so an answer that another one began may be handed to it."""
    thinking_bound_to_model: bool = False
    """Thinking may be replayed only to the model that wrote it."""
    reasoning_field: Literal["reasoning", "reasoning_content"] | None = None
    """Where replayed thinking goes in an assistant message of the openai dialect; `None`: nowhere."""
    reasoning_display: ReasoningDisplay | None = None
    """Where `Reasoning.display` goes in the openai dialect (Groq), or whether thinking is shown in any case; `None` if
    unknown."""
    reasoning_switch: bool = False
    """`reasoning.enabled` switches thinking on and off, in the openai dialect (hybrid models at Together)."""
    max_stop: int | None = None
    """How many stop sequences are accepted; `None` without a limit."""
    stop_as_list: bool = False
    """A single stop sequence must be in a list too."""
    logprobs_as_count: bool = False
    """`logprobs` is the number of alternatives instead of a switch beside `top_logprobs` (Together)."""
    limits: ParameterLimits = ParameterLimits()
    """The values that plain fields may have."""
    search_fee_by_prompt: bool = False
    """All searches of one prompt have one fee, instead of each its own (Gemini up to 2.5)."""
    single_models: bool = True
    """One model can be looked up by its name; otherwise it is searched in the list."""
    partner_suffix: bool = False
    """`name:partner` selects the partner that serves the model `name` (Hugging Face); the list has only the name."""
    embed_batch: int = 512
    """Most strings in one request for embeddings: the provider's limit, or fewer if their vectors would exceed the
    limit of an answer. As numbers, 512 vectors of 4,096 are up to 48 MB."""
    embed_batch_tokens: int | None = None
    """Most tokens of all strings of one request for embeddings; `None` if unknown."""
    embed_format: Literal["float", "base64"] | None = None
    """The `encoding_format` of vectors in the openai dialect; `None`: unset. Base64 is a quarter of the size."""
    responses: Responses = "never"
    """When OpenAI's Responses API must be used instead of chat completions. Except for `never`, it is also used where
    thinking is to be shown, which only it does."""


def nearest_effort(asked: Any, accepted: Collection[str], *, tie: Literal["higher", "lower"] = "higher") -> str | None:
    """Return the accepted effort that is nearest to the one asked for; of two equally near, the one that `tie` names.

    Return `None` where the one asked for is unknown, or no known one is accepted.
    """
    if asked not in EFFORTS:
        return None
    place = EFFORTS.index(asked)
    known = [level for level in (EFFORTS if tie == "lower" else reversed(EFFORTS)) if level in accepted]
    return min(known, key=lambda level: abs(EFFORTS.index(level) - place), default=None)


class QuirksPatch(TypedDict, total=False):
    """The fields of `Quirks` that a provider or model family overrides."""

    refused: frozenset[str]
    refused_since: tuple[tuple[str, frozenset[str]], ...]
    accepts: frozenset[str]
    sampling_without_effort: bool
    default_effort_none: bool
    max_tokens_field: Literal["max_completion_tokens", "max_tokens"]
    other_max_tokens: bool
    max_output_tokens: int | None
    system_role: Literal["as_given", "system", "developer", "user"]
    mid_system: bool
    stream_usage: bool
    whole_streams: bool
    user_field: Literal["safety_identifier", "user"]
    cache_breakpoints: bool
    message_names: bool
    joined_texts: bool
    inputs: frozenset[str]
    most_images: int | None
    result_media: frozenset[str] | None
    gives_media: bool
    image_urls: bool
    audio_urls: bool
    image_types: frozenset[str]
    audio_types: frozenset[str]
    tool_choice: frozenset[str]
    parallel_switch: bool
    output_formats: frozenset[str]
    strict_schemas: str
    strict_tools: bool
    closed_schemas: bool
    json_word: bool
    efforts: frozenset[str] | None
    thinking_modes: frozenset[str]
    thinking_budget: tuple[int, int] | None
    thought_signatures: bool
    output_with_tools: bool
    prefill: bool
    continues: bool
    thinking_bound_to_model: bool
    reasoning_field: Literal["reasoning", "reasoning_content"] | None
    reasoning_display: ReasoningDisplay | None
    reasoning_switch: bool
    max_stop: int | None
    stop_as_list: bool
    logprobs_as_count: bool
    limits: ParameterLimits
    search_fee_by_prompt: bool
    single_models: bool
    partner_suffix: bool
    embed_batch: int
    embed_batch_tokens: int | None
    embed_format: Literal["float", "base64"] | None
    responses: Responses


NO_HEADERS: Mapping[str, str] = {}


class ErrorRule(msgspec.Struct, frozen=True, kw_only=True):
    """Maps an error to a kind of failure. Every field that is set must match; the first matching rule counts."""

    kind: FailureKind
    status: int | None = None
    code: str | None = None
    """The provider's code or type; a `*` at either end matches any prefix or suffix."""
    text: str | None = None
    """Part of the message, in lower case."""

    @property
    def is_of_status(self) -> bool:
        """Whether the status is the only condition."""
        return self.code is None and self.text is None

    @property
    def is_last(self) -> bool:
        """Whether the rule counts only for errors that no other rule recognises."""
        return False

    def matches(
        self, status: int, names: tuple[str, ...], message: str, headers: Mapping[str, str] = NO_HEADERS
    ) -> bool:
        """Check whether this rule matches a status, codes and types, message and response headers."""
        return self.is_possible(status, names) and (self.text is None or self.text in message.lower())

    def is_possible(self, status: int, names: tuple[str, ...]) -> bool:
        """Check the conditions on status, codes and types alone."""
        return self.status in (None, status) and (self.code is None or self.knows(names))

    def knows(self, names: Iterable[str]) -> bool:
        """Check whether one of these codes and types fits, whatever the other conditions."""
        return self.code is not None and any(_fits(self.code, name) for name in names)


def _fits(pattern: str, name: str) -> bool:
    if pattern.startswith("*") and pattern.endswith("*"):
        return pattern.strip("*") in name
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name == pattern
