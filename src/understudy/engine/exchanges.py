"""From a row and a request to an exchange: which dialect speaks it, and how long its answer may be."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from understudy.dialects import load
from understudy.dialects.base import Dialect, Endpoint, Exchange
from understudy.domain.errors import Misuse, Unsupported
from understudy.domain.messages import OpaqueTool, are_functions
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, WireOrigin
from understudy.providers.base import ProviderRow, dialect_for
from understudy.wire.bounds import Bounds
from understudy.wire.json import BadJson
from understudy.wire.members import members_of


def require(row: ProviderRow, operation: Operation) -> None:
    """Raise `Unsupported`, which names what could be used instead, if a provider lacks an operation."""
    if operation not in row.dialects:
        raise _unsupported(row, operation)


def dialect_of(row: ProviderRow, operation: Operation, endpoint: Endpoint, request: Any) -> Dialect:
    """Return the dialect that speaks a request. Raises `Unsupported`."""
    is_at_vendor = endpoint.base_url == row.base_url.rstrip("/")
    name = dialect_for(row, operation, endpoint.quirks, request, is_at_vendor=is_at_vendor)
    if name is None or operation not in (dialect := load(name)).operations:
        raise _unsupported(row, operation)
    return dialect


def is_forwarded(request: Any, dialect: Dialect) -> bool:
    """Check whether a request came in over the wire format in which it goes on."""
    origin: WireOrigin | None = getattr(request, "origin", None)
    return origin is not None and origin.dialect == dialect.name


def _unsupported(row: ProviderRow, operation: Operation) -> Unsupported:
    instead = row.instead.get(operation)
    hint = f"; {instead}" if instead else ""
    return Unsupported(f"{row.title} does not support the operation {operation}{hint}")


def open_exchange(
    dialect: Dialect, operation: Operation, request: Any, endpoint: Endpoint, streamed: bool
) -> Exchange[Any]:
    """Open the exchange of an operation; that sends nothing. Raise `Misuse` for a string that cannot be encoded, and
    `Unsupported` for an embedding of tokens in another wire format than its own."""
    if operation is Operation.EMBED and not request.texts and not is_forwarded(request, dialect):
        raise Unsupported("an embedding of tokens is not supported here: send texts")
    try:
        return dialect.open(operation, request, endpoint, stream=streamed)
    except UnicodeEncodeError as error:
        wrong = error.object[error.start : error.start + 1]
        raise Misuse(f"the request contains a lone surrogate ({wrong!r}) and cannot be encoded as UTF-8") from error


ALTERNATIVES = 20
"""Log probabilities beside that of each token that are expected where fields of the wire ask for them."""
SHORT = 16 << 10
"""Bytes of a body that is searched as a whole."""
_LOGPROBS = (b"ogprobs",)
_MEDIA = (b"odalities", b"image_generation")
"""Parts of the names of what asks for images or audio: the fields `modalities` and `responseModalities`, and the tool
of OpenAI's Responses API."""
_PROMPT = frozenset({"messages", "input", "contents", "system", "instructions"})
"""Where the wire formats have the prompt."""
_FUNCTIONS = _PROMPT | {"tools"}
"""The same, and tools which the caller runs."""
_PLAIN = _FUNCTIONS | {"model", "stream", "stream_options", "temperature", "top_p", "max_tokens", "stop", "user"}
"""Members that ask for neither log probabilities nor media; tools that do are looked at apart."""


def widened(endpoint: Endpoint, request: GenerationRequest) -> Endpoint:
    """Return the endpoint with the limits of what a request asks for: log probabilities and media make answers long."""
    bounds, quirks, origin = endpoint.bounds, endpoint.quirks, request.origin
    media = quirks.gives_media
    if not (
        media or request.logprobs or request.top_logprobs or request.extra or endpoint.options or request.tools
    ) and (origin is None or not _may_widen(origin.body)):
        return endpoint  # nearly always
    alternatives = 1 + (request.top_logprobs or 0) if request.logprobs or request.top_logprobs else 0
    if request.extra or endpoint.options or request.tools or (origin is not None and _may_widen(origin.body)):
        tools = () if are_functions(request.tools) else request.tools
        hosted = [tool.json for tool in tools if isinstance(tool, OpaqueTool)]
        fields = f"{request.extra}{endpoint.options}{hosted}" if request.extra or endpoint.options or hosted else ""
        body = b"" if origin is None else _settings(origin.body, _PROMPT if hosted else _FUNCTIONS)
        alternatives = alternatives or (1 + ALTERNATIVES if _names(_LOGPROBS, fields, body) else 0)
        media = media or _names(_MEDIA, fields, body)
    if alternatives > 0:
        bounds = bounds.with_logprobs(alternatives, request.max_tokens or quirks.max_output_tokens)
    if media:
        bounds = bounds.with_media()
    return endpoint if bounds is endpoint.bounds else replace(endpoint, bounds=bounds)


def _may_widen(body: bytes) -> bool:
    """Check whether a body may hold such a name: most hold none, as their members show. Of the others a long one is
    taken apart sooner than it is searched."""
    try:
        if members_of(body).named.keys() <= _PLAIN:
            return False
    except BadJson:
        return True
    return len(body) > SHORT or b"ogprobs" in body or b"odalities" in body or b"image_generation" in body


def _names(parts: tuple[bytes, ...], fields: str, body: bytes) -> bool:
    """Check whether fields of the wire that are sent as they are have such names. A text that holds one does no harm:
    a limit is higher then."""
    return any(part in body or (fields and part.decode() in fields) for part in parts)


def _settings(body: bytes, others: frozenset[str]) -> bytes:
    """Return the members of a body that came in but for some, which may be long."""
    try:
        named = members_of(body).named
    except BadJson:
        return body
    return b",".join([part for name in named if name not in others for part in (name.encode(), named[name])])


def limit_of(request: Any, bounds: Bounds, streamed: bool) -> int:
    """Return how many bytes the answer to a request may have."""
    if isinstance(request, GenerationRequest):
        return bounds.answer(request.max_tokens, streamed=streamed)
    return bounds.embeddings(len(request.texts)) if isinstance(request, EmbeddingRequest) else bounds.body
