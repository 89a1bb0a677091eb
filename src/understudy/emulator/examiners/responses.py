"""The rules of OpenAI's Responses API."""

from __future__ import annotations

from understudy.domain.operation import Operation
from understudy.emulator.cast.base import Check
from understudy.emulator.examiners import openai_settings as shared
from understudy.emulator.examiners import responses_items as items
from understudy.emulator.examiners import responses_settings as settings
from understudy.emulator.examiners.base import PROMPTS, Examiner, Rule, first
from understudy.emulator.examiners.openai import MODEL
from understudy.emulator.examiners.openai_shapes import (
    an_object,
    boolean,
    either,
    field,
    known,
    nullable,
    number,
    obj,
    one_of,
    only_with,
    string,
)

FIELDS = (
    "background", "context_management", "conversation", "include", "input", "instructions", "max_output_tokens",
    "max_tool_calls", "metadata", "model", "moderation", "parallel_tool_calls", "previous_response_id", "prompt",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier",
    "service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice", "tools",
    "top_logprobs", "top_p", "truncation", "user",
)  # fmt: skip
COUNT_FIELDS = (
    "conversation", "input", "instructions", "model", "parallel_tool_calls", "personality", "previous_response_id",
    "reasoning", "text", "tool_choice", "tools", "truncation",
)  # fmt: skip
CLIENT_FIELDS = ("client_metadata",)
"""What the official client lacks, but Codex sends with every request (github.com/openai/codex/pull/27122)."""
READ = "2026-11-28"
CREATE = "https://developers.openai.com/api/reference/resources/responses/methods/create"
REASONING = "https://developers.openai.com/api/docs/guides/reasoning"
SCHEMAS = "https://developers.openai.com/api/docs/guides/structured-outputs"
FUNCTIONS = "https://developers.openai.com/api/docs/guides/function-calling"
TYPES = "openai 2.54.0: types/responses/"


def _rule(name: str, source: str, *checks: Check) -> Rule:
    return Rule(name=name, source=source, read=READ, check=first(*checks), operations=PROMPTS)


_UNKNOWN = ("Unknown parameter: '{}'.", "unknown_parameter")
_STRING = string()
_STREAM_OPTIONS = obj({"include_obfuscation": boolean})

SHAPE = (
    Rule(name="fields", source=TYPES + "response_create_params.py", read=READ,
         check=known((*FIELDS, *CLIENT_FIELDS), *_UNKNOWN)),
    Rule(name="count-fields", source=TYPES + "input_token_count_params.py", read=READ,
         check=known(COUNT_FIELDS, *_UNKNOWN), operations=frozenset({Operation.COUNT_TOKENS})),
    _rule("needs-input", CREATE, settings.needs_input),
    _rule("input", TYPES + "response_input_item_param.py", field("input", items.INPUT)),
    _rule("calls-and-results", FUNCTIONS, items.calls_and_results),
    _rule("reasoning-is-followed", "https://github.com/vercel/ai/issues/11036", items.reasoning_is_followed),
    _rule("reasoning-is-kept", REASONING, items.reasoning_is_kept),
    _rule("tools", TYPES + "tool_param.py", field("tools", settings.TOOLS)),
    _rule("tool-schemas", "https://github.com/spring-projects/spring-ai/issues/4776", settings.function_schemas),
    _rule("tool-choice", TYPES + "response_create_params.py", field("tool_choice", settings.TOOL_CHOICE)),
    _rule("tool-choice-is-there", CREATE, settings.choice_is_there),
    _rule("text", TYPES + "response_text_config_param.py", field("text", settings.TEXT)),
    _rule("response-schema", SCHEMAS, settings.answer_schema),
    _rule("json-is-mentioned", SCHEMAS, items.mentions_json),
    _rule("reasoning", TYPES + "response_create_params.py", field("reasoning", settings.REASONING)),
    _rule("include", TYPES + "response_includable.py", field("include", settings.INCLUDE)),
    _rule("one-history", CREATE, settings.one_history),
    _rule("background-is-stored", "https://developers.openai.com/api/docs/guides/background",
          settings.background_is_stored),
)  # fmt: skip

RANGES = (
    _rule("temperature", CREATE, field("temperature", number(0, 2))),
    _rule("top-p", CREATE, field("top_p", number(0, 1))),
    _rule("token-limit", CREATE, field("max_output_tokens", number(16, whole=True))),
    _rule("call-limit", CREATE, field("max_tool_calls", number(1, whole=True))),
    _rule("logprobs", CREATE, field("top_logprobs", number(0, 20, whole=True))),
    _rule("metadata", CREATE, field("metadata", shared.METADATA)),
    _rule("stream", CREATE, field("stream", boolean), field("stream_options", _STREAM_OPTIONS)),
    _rule("stream-options-need-stream", CREATE, only_with(
        "stream_options", "stream", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")),
    _rule("choices-by-name", CREATE,
          field("service_tier", shared.tier),
          field("truncation", one_of("auto", "disabled")),
          field("prompt_cache_options", shared.CACHE_OPTIONS),
          field("prompt_cache_retention", one_of("in_memory", "24h"))),
    _rule("identifiers", CREATE, field("safety_identifier", string(limit=64)), field("user", _STRING),
          field("prompt_cache_key", _STRING), field("instructions", _STRING), field("store", boolean),
          field("background", boolean), field("parallel_tool_calls", boolean),
          field("client_metadata", nullable(an_object)),
          field("conversation", either("one of a string or an object", {str: _STRING, dict: an_object}))),
)  # fmt: skip

FAMILIES = (
    _rule("sampling-of-model", REASONING,
          shared.not_while_reasoning("temperature", 1, "reasoning.effort", parameter=True),
          shared.not_while_reasoning("top_p", 1, "reasoning.effort", parameter=True)),
    _rule("logprobs-of-model", REASONING, settings.log_probabilities),
    _rule("effort-of-model", "https://github.com/pydantic/pydantic-ai/issues/7081", shared.responses_effort),
    _rule("verbosity-of-model", CREATE, shared.verbosity("text.verbosity")),
    _rule("format-of-model", SCHEMAS, settings.answer_format),
    _rule("vision-of-model", "https://developers.openai.com/api/docs/guides/images-vision", items.vision),
    _rule("encrypted-reasoning-of-model", REASONING, settings.encrypted_reasoning),
)  # fmt: skip


def compactions_of(account: str) -> Rule:
    """Return the rule that only its own account can read a compaction."""
    check = items.compactions_are_of(account)
    return _rule("compactions-are-own", "https://github.com/openai/codex/issues/35334", check)


EXAMINER = Examiner((MODEL, *FAMILIES, *SHAPE, *RANGES, compactions_of("OpenAI")))
