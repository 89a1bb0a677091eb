"""The types by which the official clients read answers, and a strict reading with them.

The clients themselves read leniently: they build objects without looking whether a field that they declare is there.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import anthropic.types as claude
import cohere.types
import cohere.v2.types as cohere_v2
import groq.types
import groq.types.chat
import msgspec
import ollama
import openai.types
import openai.types.chat
import openai.types.responses
import openai.types.shared
import pydantic
import together.types
import together.types.chat
from anthropic.types.shared import ErrorType
from google.genai import types as google
from groq.types.chat.chat_completion_chunk import ChatCompletionChunk as GroqChunk
from huggingface_hub import ChatCompletionOutput, ChatCompletionStreamOutput
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from replicate.model import Model as ReplicateModel
from replicate.prediction import Prediction


class Complaint(msgspec.Struct, frozen=True):
    """What is wrong with an answer: where, of which kind (`missing`, `literal`, `extra`, …), and in which words."""

    place: str
    kind: str
    words: str = ""


Check = Callable[[str], list[Complaint]]
"""Reads JSON, and returns what is wrong with it."""

_KINDS = {"literal_error": "literal", "extra_forbidden": "extra"}


@cache
def _adapter(kind: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(kind)


def strict(kind: Any) -> Check:
    """Read with a type of pydantic: nothing missing, nothing converted."""

    def check(text: str) -> list[Complaint]:
        try:
            _adapter(kind).validate_json(text, strict=True)
        except pydantic.ValidationError as error:
            return [_complaint(one["loc"], one["type"], one["msg"]) for one in error.errors()]
        return []

    return check


def _complaint(place: tuple[int | str, ...], kind: str, words: str) -> Complaint:
    # The numbers of items are left out: the same place is meant.
    names = ".".join(step for step in place if isinstance(step, str))
    return Complaint(names, _KINDS.get(kind, kind), words)


def tagged(union: Any) -> Check:
    """Read an object with the member of a union that has its `type`."""
    members = {tag: member for member in _members(union) for tag in _tags(member)}

    def check(text: str) -> list[Complaint]:
        tag = json.loads(text).get("type")
        return strict(members[tag])(text) if tag in members else [Complaint("type", "literal", f"{tag!r} is unknown")]

    return check


def _members(union: Any) -> Iterator[Any]:
    if get_origin(union) in (Union, UnionType):
        for member in get_args(union):
            yield from _members(member)
    elif hasattr(union, "__metadata__"):
        yield from _members(union.__origin__)
    else:
        yield union


def _tags(member: Any) -> tuple[Any, ...]:
    annotation = member.model_fields["type"].annotation
    return tuple(get_args(annotation)) or (annotation,)


def array_of(kind: Any) -> Check:
    """Read a list of values of one type."""
    return strict(list[kind])


def older(kind: Any) -> Check:
    """Read with a type of the first version of pydantic, which has no strict reading: nothing missing."""

    def check(text: str) -> list[Complaint]:
        value = json.loads(text)
        missing = [name for name, field in kind.__fields__.items() if field.required and field.alias not in value]
        return [Complaint(name, "missing") for name in missing] or _parsed(kind, value)

    return check


def _parsed(kind: Any, value: Any) -> list[Complaint]:
    try:
        kind.parse_obj(value)
    except ValueError as error:
        return [Complaint("", "invalid", str(error))]
    return []


def fields_of(kind: Any) -> Check:
    """Read with a data class."""
    return lambda text: list(_fields(kind, json.loads(text), ""))


def _fields(kind: Any, value: Any, at: str) -> Iterator[Complaint]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if all(list(_fields(member, value, at)) for member in arguments):
            yield Complaint(at, "union", f"{value!r} is of none of {arguments}")
    elif origin is Literal:
        if value not in arguments:
            yield Complaint(at, "literal", f"{value!r} is not one of {arguments}")
    elif origin is list and isinstance(value, list):
        for item in value:
            yield from _fields(arguments[0], item, at)
    elif dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        yield from _object(kind, value, at)
    elif kind is not Any and not isinstance(value, _classes(kind)):
        yield Complaint(at, "type", f"{value!r} is not of {kind}")


def _classes(kind: Any) -> Any:
    return (int, float) if kind is float else get_origin(kind) or kind


def _object(kind: Any, value: Mapping[str, Any], at: str) -> Iterator[Complaint]:
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        place = f"{at}.{field.name}"
        if field.name in value:
            yield from _fields(hints[field.name], value[field.name], place)
        elif field.default is dataclasses.MISSING:
            yield Complaint(place, "missing")


class _Vector64(pydantic.BaseModel):
    object: Literal["embedding"]
    index: int
    embedding: str


class _OpenAIError(pydantic.BaseModel):
    error: openai.types.shared.ErrorObject


class _GroqErrorFields(pydantic.BaseModel):
    message: str
    type: str


class _GroqError(pydantic.BaseModel):
    error: _GroqErrorFields


class _TogetherErrorFields(pydantic.BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class _TogetherError(pydantic.BaseModel):
    error: _TogetherErrorFields


class _GoogleErrorFields(pydantic.BaseModel):
    code: int
    message: str
    status: str


class _GoogleError(pydantic.BaseModel):
    error: _GoogleErrorFields


class _ClaudeErrorFields(pydantic.BaseModel):
    """An error's fields: the client's type of the object lists fewer types than its list of them."""

    type: ErrorType
    message: str


class _ClaudeError(pydantic.BaseModel):
    type: Literal["error"]
    error: _ClaudeErrorFields
    request_id: str | None


class _OpenAIVectors64(pydantic.BaseModel):
    """Vectors as base64, which the client decodes before it builds its own type."""

    object: Literal["list"]
    model: str
    data: list[_Vector64]
    usage: openai.types.create_embedding_response.Usage


class _Message(pydantic.BaseModel):
    message: str


class _Word(pydantic.BaseModel):
    error: str


class _WordOrOpenAIError(pydantic.BaseModel):
    error: str | openai.types.shared.ErrorObject


class _Problem(pydantic.BaseModel):
    """What `replicate.exceptions.ReplicateError` keeps of a problem."""

    title: str
    detail: str
    status: int


class _List(pydantic.BaseModel):
    object: Literal["list"]
    data: list[openai.types.Model]


class _ClaudeModels(pydantic.BaseModel):
    data: list[claude.ModelInfo]
    has_more: bool
    first_id: str | None
    last_id: str | None


class _GoogleModel(pydantic.BaseModel):
    """An entry of the catalogue as it is on the wire; the client's own type has other names."""

    model_config = pydantic.ConfigDict(extra="allow")
    name: str
    version: str
    displayName: str
    description: str
    inputTokenLimit: int
    outputTokenLimit: int
    supportedGenerationMethods: list[str]


class _GoogleModels(pydantic.BaseModel):
    models: list[_GoogleModel]


class _GoogleVectors(pydantic.BaseModel):
    embeddings: list[google.ContentEmbedding]


class _GoogleVector(pydantic.BaseModel):
    embedding: google.ContentEmbedding


class _TogetherModel(pydantic.BaseModel):
    """An entry of `GET /v1/models` as Together's OpenAPI description has it ("ModelInfo")."""

    id: str
    object: Literal["model"]
    created: int
    type: Literal["chat", "language", "code", "image", "embedding", "moderation", "rerank"]
    display_name: str
    organization: str
    context_length: int | None


class _ReplicatePage(pydantic.BaseModel):
    previous: str | None
    next: str | None
    results: list[Any]


_OPENAI: dict[str, Check] = {
    "chat": strict(openai.types.chat.ChatCompletion),
    "chunk": strict(openai.types.chat.ChatCompletionChunk),
    "embeddings": strict(openai.types.CreateEmbeddingResponse),
    "embeddings64": strict(_OpenAIVectors64),
    "models": strict(_List),
    "model": strict(openai.types.Model),
    "error": strict(_OpenAIError),
    "response": strict(openai.types.responses.Response),
    "response event": tagged(openai.types.responses.ResponseStreamEvent),
    "count": strict(InputTokenCountResponse),
}

READERS: dict[str, dict[str, Check]] = {
    "openai": _OPENAI,
    "azure-openai": {form: check for form, check in _OPENAI.items() if form not in ("embeddings64", "count")},
    "groq": {
        "chat": strict(groq.types.chat.ChatCompletion),
        "chunk": strict(GroqChunk),
        "models": strict(groq.types.ModelListResponse),
        "model": strict(groq.types.Model),
        "error": strict(_GroqError),
    },
    "together": {
        "chat": strict(together.types.chat.ChatCompletion),
        "chunk": strict(together.types.chat.ChatCompletionChunk),
        "embeddings": strict(together.types.Embedding),
        "models": array_of(_TogetherModel),
        "error": strict(_TogetherError),
    },
    "huggingface": {
        "chat": fields_of(ChatCompletionOutput),
        "chunk": fields_of(ChatCompletionStreamOutput),
        "vectors": strict(list[list[float]]),
        "vector": strict(list[float]),
        "models": strict(_List),
        "error": strict(_WordOrOpenAIError),
    },
    "anthropic": {
        "message": strict(claude.Message),
        "event": tagged(claude.RawMessageStreamEvent),
        "count": strict(claude.MessageTokensCount),
        "models": strict(_ClaudeModels),
        "model": strict(claude.ModelInfo),
        "error": strict(_ClaudeError),
    },
    "google": {
        "answer": strict(google.GenerateContentResponse),
        "answers": array_of(google.GenerateContentResponse),
        "embedding": strict(_GoogleVector),
        "embeddings": strict(_GoogleVectors),
        "count": strict(google.CountTokensResponse),
        "models": strict(_GoogleModels),
        "model": strict(_GoogleModel),
        "error": strict(_GoogleError),
    },
    "cohere": {
        "chat": strict(cohere_v2.V2ChatResponse),
        "event": tagged(cohere_v2.V2ChatStreamResponse),
        "embeddings": strict(cohere.types.EmbedByTypeResponse),
        "count": strict(cohere.types.TokenizeResponse),
        "models": strict(cohere.types.ListModelsResponse),
        "model": strict(cohere.types.GetModelResponse),
        "error": strict(_Message),
    },
    "ollama": {
        "chat": strict(ollama.ChatResponse),
        "completion": strict(ollama.GenerateResponse),
        "embeddings": strict(ollama.EmbedResponse),
        "embedding": strict(ollama.EmbeddingsResponse),
        "models": strict(ollama.ListResponse),
        "model": strict(ollama.ShowResponse),
        "error": strict(_Word),
        "v1 chunk": _OPENAI["chunk"],
        "v1 chat": _OPENAI["chat"],
    },
    "replicate": {
        "prediction": older(Prediction),
        "models": strict(_ReplicatePage),
        "model": older(ReplicateModel),
        "error": strict(_Problem),
    },
}
"""By provider and form of the answer."""
