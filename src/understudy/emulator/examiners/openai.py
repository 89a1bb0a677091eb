"""The rules of OpenAI's chat completions and embeddings."""

from __future__ import annotations

from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners import openai_embeddings as embeddings
from understudy.emulator.examiners import openai_messages as messages
from understudy.emulator.examiners import openai_settings as settings
from understudy.emulator.examiners import openai_tools as tools
from understudy.emulator.examiners import openai_words as say
from understudy.emulator.examiners.base import CHAT, EMBED, Examiner, Rule, first
from understudy.emulator.examiners.openai_models import family_of
from understudy.emulator.examiners.openai_shapes import (
    array,
    boolean,
    field,
    known,
    number,
    obj,
    one_of,
    only_with,
    string,
)

FIELDS = (
    "messages", "model", "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "metadata", "modalities", "moderation", "n", "parallel_tool_calls",
    "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream",
    "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
    "web_search_options",
)  # fmt: skip
READ = "2026-11-28"
CREATE = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
REASONING = "https://developers.openai.com/api/docs/guides/reasoning"
SCHEMAS = "https://developers.openai.com/api/docs/guides/structured-outputs"
OBSERVED = "https://github.com/kangminlee-maker/local-OAuth-CLI-API-adapter"
"""Reports what the service answered to single requests to gpt-5.6-terra on 2026-08-30."""
_CASSETTES = "https://github.com/pydantic/pydantic-ai/tree/main/tests/models/cassettes/test_openai/"
TYPES = "openai 2.54.0: types/chat/"


def _rule(name: str, source: str, *checks: Check) -> Rule:
    return Rule(name=name, source=source, read=READ, check=first(*checks))


def _model(request: CheckedRequest) -> Words | None:
    return None if request.model_name else say.refuse("you must provide a model parameter")


_NEWER = known(FIELDS, "Unknown parameter: '{}'.", "unknown_parameter")
_OLDER = known(FIELDS, "Unrecognized request argument supplied: {}")


def _fields(request: CheckedRequest) -> Words | None:
    return _OLDER(request) if family_of(request).efforts == () else _NEWER(request)


_BOTH = CHAT | EMBED
MODEL = Rule(name="model", source=CREATE, read=READ, check=_model, operations=_BOTH)
_STREAM_OPTIONS = obj({"include_usage": boolean, "include_obfuscation": boolean})
_USER = string()
_PENALTY = number(-2, 2)
_COUNT = number(1, whole=True)

SHAPE = (
    _rule("fields", TYPES + "completion_create_params.py", _fields),
    _rule(
        "messages",
        TYPES + "chat_completion_message_param.py",
        messages.required_messages,
        field("messages", messages.MESSAGES),
    ),
    _rule("calls-and-results", "https://developers.openai.com/api/docs/guides/function-calling",
          messages.calls_and_results),
    _rule("tools", TYPES + "chat_completion_tool_union_param.py", field("tools", tools.TOOLS)),
    _rule("tool-schemas", "https://github.com/spring-projects/spring-ai/issues/4776", tools.function_schemas),
    _rule("tool-choice", TYPES + "chat_completion_tool_choice_option_param.py",
          field("tool_choice", tools.TOOL_CHOICE)),
    _rule("tool-choice-is-there", CREATE, tools.choice_is_there),
    _rule("tool-choice-needs-tools", CREATE, only_with(
        "tool_choice", "tools",
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.")),
    _rule("parallel-needs-tools", CREATE, only_with(
        "parallel_tool_calls", "tools",
        "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.")),
    _rule("response-format", TYPES + "completion_create_params.py", field("response_format", tools.RESPONSE_FORMAT)),
    _rule("response-schema", SCHEMAS, tools.answer_schema),
    _rule("json-is-mentioned", SCHEMAS, messages.mentions_json),
)  # fmt: skip

RANGES = (
    _rule("temperature", CREATE, field("temperature", number(0, 2))),
    _rule("top-p", CREATE, field("top_p", number(0, 1))),
    _rule("penalties", CREATE, field("presence_penalty", _PENALTY), field("frequency_penalty", _PENALTY)),
    _rule("token-limit", CREATE, field("max_tokens", _COUNT), field("max_completion_tokens", _COUNT)),
    _rule("stop", CREATE, field("stop", settings.STOP)),
    _rule("seed", CREATE, field("seed", number(whole=True))),
    _rule("logprobs", CREATE, field("logprobs", boolean), field("top_logprobs", number(0, 20, whole=True))),
    _rule("top-logprobs-need-logprobs", CREATE, only_with(
        "top_logprobs", "logprobs", "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.")),
    _rule("logit-bias", CREATE, field("logit_bias", settings.LOGIT_BIAS)),
    _rule("metadata", CREATE, field("metadata", settings.METADATA)),
    _rule("stream", CREATE, field("stream", boolean), field("stream_options", _STREAM_OPTIONS)),
    _rule("stream-options-need-stream", CREATE, only_with(
        "stream_options", "stream", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")),
    _rule("choices-by-name", CREATE,
          field("reasoning_effort", one_of(*settings.EFFORTS)),
          field("verbosity", one_of("low", "medium", "high")),
          field("service_tier", settings.tier),
          field("modalities", array(one_of("text", "audio"))),
          field("prompt_cache_options", settings.CACHE_OPTIONS),
          field("prompt_cache_retention", one_of("in_memory", "24h"))),
    _rule("identifiers", CREATE, field("safety_identifier", string(limit=64)), field("user", _USER),
          field("prompt_cache_key", _USER), field("store", boolean), field("parallel_tool_calls", boolean)),
)  # fmt: skip

FAMILIES = (
    _rule("choices", OBSERVED, settings.choices),
    _rule("served-here", "https://developers.openai.com/api/docs/models/gpt-5-pro", settings.served_here),
    _rule("max-tokens-of-model", CREATE, settings.max_tokens),
    _rule("stop-of-model", CREATE, settings.not_with_reasoning_models("stop")),
    _rule("sampling-of-model", REASONING,
          settings.not_while_reasoning("temperature", 1, "reasoning_effort"),
          settings.not_while_reasoning("top_p", 1, "reasoning_effort"),
          settings.not_while_reasoning("presence_penalty", 0, "reasoning_effort", parameter=True),
          settings.not_while_reasoning("frequency_penalty", 0, "reasoning_effort", parameter=True)),
    _rule("prediction-of-model", OBSERVED, settings.not_with_reasoning_models("prediction")),
    _rule("cache-of-model", OBSERVED, settings.cache_retention),
    _rule("logit-bias-of-model", REASONING, settings.not_with_reasoning_models("logit_bias")),
    _rule("logprobs-of-model", OBSERVED, settings.log_probabilities),
    _rule("effort-of-model", "https://github.com/pydantic/pydantic-ai/issues/7081",
          settings.effort),
    _rule("verbosity-of-model", CREATE, settings.verbosity("verbosity")),
    _rule("parallel-of-model", "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning",
          settings.parallel_calls),
    _rule("tools-of-model", REASONING, tools.tools_need_responses),
    _rule("format-of-model", SCHEMAS, tools.answer_format),
    _rule("system-of-model", _CASSETTES + "test_openai_o1_mini_system_role[system].yaml", messages.system_role),
    _rule("vision-of-model", "https://developers.openai.com/api/docs/guides/images-vision", messages.vision),
    _rule("search-of-model", _CASSETTES + "test_openai_web_search_tool_model_not_supported.yaml",
          settings.web_search),
)  # fmt: skip

EXAMINER = Examiner((MODEL, *SHAPE[:1], *FAMILIES, *SHAPE[1:], *RANGES, *embeddings.RULES))
"""Fields that do not exist come first and what a model lacks second, as a recording and observations show."""
