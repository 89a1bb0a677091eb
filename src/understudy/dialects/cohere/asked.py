"""Requests of the operations beside chat, read: embeddings, tokenization and models."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from understudy.dialects.cohere.fields import Fields, bad, body_of
from understudy.dialects.cohere.vectors import INPUT_TYPES
from understudy.dialects.cohere.wire import NAME
from understudy.dialects.server import Inbound
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest, WireOrigin
from understudy.wire.http import HttpRequest

PAGE = 20
"""Models per page unless asked otherwise."""

MAX_TEXTS = 96
"""Of one embedding."""

TYPES = ("float", "int8", "uint8", "binary", "ubinary", "base64")
"""The forms of a vector."""

_EXACT = ("float", "base64")
_MEANT: dict[str, Literal["document", "query", "classification", "clustering"]] = {
    "search_document": "document",
    "search_query": "query",
    "classification": "classification",
    "clustering": "clustering",
}


def parse_embed(request: HttpRequest) -> Inbound:
    """Read the body of an embedding. Raises `BadRequest`."""
    data, fields = body_of(request)
    model = fields.need("model", str)
    texts = _texts(fields)
    meant = fields.take("input_type", str)
    if meant not in INPUT_TYPES.values():
        raise bad("valid input_type must be provided with the provided model")
    types = fields.texts("embedding_types") or ("float",)
    if unknown := [name for name in types if name not in TYPES]:
        raise bad(f"invalid request: embedding_types: {unknown[0]!r} is none of {', '.join(TYPES)}")
    if len(types) > 1 and any(name not in _EXACT for name in types):
        raise bad("embedding_types: of the rounded types only one at a time can be had here")
    if any(name not in _EXACT for name in types):
        fields.left["embedding_types"] = list(types)
    parsed = EmbeddingRequest(
        texts=texts,
        model=model,
        dimensions=fields.take("output_dimension", int),
        input_type=_MEANT[meant],
        extra={NAME: fields.left} if fields.left else None,
        origin=WireOrigin(NAME, data),
    )
    return Inbound(operation=Operation.EMBED, request=parsed, options={"embedding_types": types})


def _texts(fields: Fields) -> tuple[str, ...]:
    """The texts, or the inputs where each is one text. Images are none of this library's embeddings."""
    texts = fields.texts("texts")
    inputs = fields.take("inputs", list)
    if inputs is not None and not texts:
        texts = tuple(map(_input, inputs))
    if not texts:
        raise bad("invalid request: texts are required (images cannot be embedded here)")
    if len(texts) > MAX_TEXTS:
        raise bad(f"invalid request: at most {MAX_TEXTS} texts at once")
    return texts


def _input(value: Any) -> str:
    match value:
        case {"content": [{"type": "text", "text": str(text)}]}:
            return text
        case _:
            raise bad("invalid request: inputs: each must be one text (images cannot be embedded here)")


def parse_tokenize(request: HttpRequest) -> Inbound:
    """Read a text to be tokenized. Raises `BadRequest`."""
    data, fields = body_of(request)
    text, model = fields.need("text", str), fields.need("model", str)
    parsed = GenerationRequest(messages=(Message.user(text),), model=model, origin=WireOrigin(NAME, data))
    return Inbound(operation=Operation.COUNT_TOKENS, request=parsed)


def parse_models(request: HttpRequest) -> Inbound:
    """Read the query of a model list, or the name of a look-up. Raises `BadRequest`."""
    url = urlsplit(request.url)
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    _, _, model = url.path.rstrip("/").partition("/v1/models/")
    try:
        limit = int(float(query.get("page_size", PAGE)))
    except (ValueError, OverflowError):
        raise bad("invalid request: page_size must be a number") from None
    if not 1 <= limit <= 1000:
        raise bad("invalid request: page_size must be between 1 and 1000")
    wanted = ModelsRequest(model=unquote(model) or None, limit=limit, after=query.get("page_token"))
    kept: dict[str, object] = {name: query[name] for name in ("endpoint", "default_only") if name in query}
    return Inbound(operation=Operation.MODELS, request=wanted, options=kept)
