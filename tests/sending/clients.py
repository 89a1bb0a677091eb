"""The request types of the official clients, as strict as they can be made: what they do not declare is refused.

The clients' own types are read, never ours. `Iterable` fields are validated to the end (pydantic would only wrap them),
and a typed dictionary accepts only its own keys.
"""

from __future__ import annotations

import collections.abc
import os
import sys
import types
import typing
from functools import cache
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import pydantic
import typing_extensions
from pydantic import ConfigDict, TypeAdapter

JsonObject = dict[str, Any]

_REQUIRED = (Required, typing_extensions.Required)
_OPTIONAL = (NotRequired, typing_extensions.NotRequired)


@cache
def _strict(hint: Any) -> Any:
    """Return a type that validates as a client's static types would: every item, and no further keys."""
    origin, arguments = get_origin(hint), get_args(hint)
    if typing_extensions.is_typeddict(hint):
        return _closed(hint)
    if origin in (Union, types.UnionType):
        return Union[tuple(_strict(argument) for argument in arguments)]  # noqa: UP007 - made at run time
    if origin is Annotated or origin in _REQUIRED or origin in _OPTIONAL:
        return _strict(arguments[0])
    if origin in (collections.abc.Iterable, collections.abc.Sequence, list):
        return list[_strict(arguments[0])]  # type: ignore[misc]  # made at run time
    if origin is dict or origin is collections.abc.Mapping:
        return dict[str, _strict(arguments[1])]  # type: ignore[misc]
    return Any if hint is object or origin in (typing.IO, os.PathLike) or hint in (typing.IO, os.PathLike) else hint


_open: set[Any] = set()


def _closed(typed: Any) -> Any:
    if typed in _open:
        return JsonObject  # a type that contains itself: its inner occurrences are checked as objects only
    _open.add(typed)
    try:
        hints = get_type_hints(typed, vars(sys.modules[typed.__module__]), include_extras=True)
        fields = {
            name: (Required if name in typed.__required_keys__ else NotRequired)[_strict(hint)]
            for name, hint in hints.items()
        }
        made: Any = typing_extensions.TypedDict(typed.__name__, fields)  # type: ignore[misc]
        setattr(made, "__pydantic_config__", ConfigDict(extra="forbid"))  # noqa: B010 - unknown to type checkers
        return made
    finally:
        _open.discard(typed)


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    hint: Any
    match kind:
        case "openai":
            from openai.types.chat import completion_create_params as chat

            hint = chat.CompletionCreateParamsNonStreaming
        case "responses":
            from openai.types.responses import response_create_params as responses

            hint = responses.ResponseCreateParamsNonStreaming
        case "groq":
            from groq.types.chat import completion_create_params as groq

            hint = groq.CompletionCreateParams
        case "together":
            from together.types.chat import completion_create_params as together

            hint = together.CompletionCreateParamsNonStreaming
        case _:
            from anthropic.types import message_create_params as anthropic

            hint = anthropic.MessageCreateParamsNonStreaming
    return TypeAdapter(_strict(hint))


BEYOND = {
    "openai": {"stream"},
    "responses": {"stream"},
    "anthropic": {"temperature", "top_p", "top_k", "stream"},
}
"""Fields that the client sends beside its types. The sampling fields left Anthropic's types with API version
2026-10-21; whether a request may hold them is the examiner's to say."""


def objection(provider: str, dialect: str, body: JsonObject) -> str | None:
    """Return what the official client's types object to in a body; `None` if they accept it."""
    try:
        match provider, dialect:
            case _, "gemini":
                _checked(_gemini(), body)
            case _, "cohere":
                _checked(_cohere(), body)
            case _, "ollama":
                from ollama import _types as ollama

                if unknown := body.keys() - ollama.ChatRequest.model_fields.keys():
                    raise TypeError(f"unknown fields: {sorted(unknown)}")
                ollama.ChatRequest.model_validate(body)
            case _, "replicate":
                TypeAdapter(JsonObject).validate_python(body["input"])
            case "huggingface", _:
                _hugging_face(body)
            case (("groq" | "together"), _):
                _adapter(provider).validate_python(_known(body, dialect))
            case _:
                _adapter(dialect).validate_python(_known(body, dialect))
    except pydantic.ValidationError as error:
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:6])
    except (TypeError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _known(body: JsonObject, dialect: str) -> JsonObject:
    return {key: value for key, value in body.items() if key not in BEYOND.get(dialect, set())}


def _checked(forms: dict[str, TypeAdapter[Any]], body: JsonObject) -> None:
    for name, value in body.items():
        forms[name].validate_python(value)


@cache
def _gemini() -> dict[str, TypeAdapter[Any]]:
    from google.genai import types as google

    forms: dict[str, Any] = {
        "contents": list[google.Content],
        "systemInstruction": google.Content,
        "generationConfig": google.GenerationConfig,
        "tools": list[google.Tool],
        "toolConfig": google.ToolConfig,
        "safetySettings": list[google.SafetySetting],
        "serviceTier": str,
        "labels": dict[str, str],
    }
    return {name: TypeAdapter(form) for name, form in forms.items()}


@cache
def _cohere() -> dict[str, TypeAdapter[Any]]:
    import cohere

    forms: dict[str, Any] = {
        "model": str,
        "messages": list[cohere.ChatMessageV2],
        "tools": list[cohere.ToolV2],
        "response_format": cohere.ResponseFormatV2,
        "documents": list[cohere.V2ChatRequestDocumentsItem],
        "thinking": cohere.Thinking,
        "tool_choice": cohere.V2ChatRequestToolChoice,
        "stop_sequences": list[str],
        **dict.fromkeys(("max_tokens", "k", "seed", "priority"), int),
        **dict.fromkeys(("temperature", "p", "frequency_penalty", "presence_penalty"), float),
        **dict.fromkeys(("stream", "strict_tools", "logprobs"), bool),
    }
    return {name: TypeAdapter(form) for name, form in forms.items()}


def _hugging_face(body: JsonObject) -> None:
    from huggingface_hub.inference._generated.types.chat_completion import ChatCompletionInput

    known = set(ChatCompletionInput.__dataclass_fields__) | {"reasoning_effort", "parallel_tool_calls"}
    if unknown := body.keys() - known:
        raise TypeError(f"unknown fields: {sorted(unknown)}")
    ChatCompletionInput.parse_obj_as_instance(
        {k: v for k, v in body.items() if k in ChatCompletionInput.__dataclass_fields__}
    )
