"""Token counts: `POST /v1/tokenize`, which accepts only text."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from understudy.dialects.base import Endpoint, Exchange, Send, WarningLog, word_of
from understudy.dialects.cohere.errors import classify
from understudy.dialects.cohere.wire import NAME, Tokens
from understudy.dialects.series import Series
from understudy.domain.content import AnyPart, File, Refusal, Text, Thinking, ToolCall, ToolResult
from understudy.domain.failures import Failure
from understudy.domain.messages import OpaqueTool, Tool
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import TokenCount
from understudy.wire.http import JSON_HEADERS, HttpRequest
from understudy.wire.json import decode_as, encode

MAX_TEXT = 65_536
"""Characters of one text; a longer one is counted in pieces."""

_TOKENS: msgspec.json.Decoder[Tokens] = msgspec.json.Decoder(Tokens)


def open_token_count(request: GenerationRequest, endpoint: Endpoint) -> Exchange[TokenCount]:
    """Open a token count, in as many requests as needed."""
    pieces = _Pieces(request, endpoint)
    return Series(pieces.next(), pieces.take, classify(endpoint, Operation.COUNT_TOKENS))


class _Pieces:
    """Counts the tokens of a text piece by piece."""

    def __init__(self, request: GenerationRequest, endpoint: Endpoint) -> None:
        notes = WarningLog()
        text = "".join(_texts(request, notes))
        if request.origin is None or request.origin.dialect != NAME:
            notes.emulate("count", "only text is counted, without what the service adds around messages and tools")
        self._endpoint = endpoint
        self._model = endpoint.model or request.model
        self._warnings = tuple(notes.warnings)
        # The service refuses an empty string.
        self._left = [text[at : at + MAX_TEXT] for at in range(0, len(text), MAX_TEXT)] or [" "]
        self._sum = 0

    def next(self) -> HttpRequest:
        """Return the request of the next piece."""
        body = {"text": self._left.pop(0), "model": self._model}
        headers = (*JSON_HEADERS, *self._endpoint.headers)
        return HttpRequest("POST", f"{self._endpoint.base_url}/v1/tokenize", headers, encode(body))

    def take(self, data: bytes) -> list[TokenCount | Send | Failure]:
        """Decode a tokenized piece. Raise `BadJson`."""
        self._sum += len(decode_as(_TOKENS, data).tokens)
        if self._left:
            return [Send(self.next())]
        return [TokenCount(input_tokens=self._sum, model=self._model, warnings=self._warnings)]


def _texts(request: GenerationRequest, notes: WarningLog) -> Iterator[str]:
    """Return all text that the model would read."""
    for tool in request.tools:
        match tool:
            case Tool():
                yield encode(
                    {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
                ).decode()
            case OpaqueTool(json=json):
                yield encode(json).decode()
    for message in request.messages:
        for part in message.parts:
            yield _text(part, notes)


def _text(part: AnyPart, notes: WarningLog) -> str:
    match part:
        case Text(text) | Refusal(text) | Thinking(text):
            return text
        case ToolCall():
            return part.name + part.arguments
        case ToolResult(content=str(text)):
            return text
        case ToolResult(content=tuple(parts)):
            return "".join(_text(inner, notes) for inner in parts)
        case File(text=str(text)):
            return text
        case _:
            notes.drop(word_of(part), "only text can be counted")
            return ""
