"""Reading Ollama's answers: newline-delimited JSON, or the one object of a whole answer, to the same events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.embeddings import checked_vectors, with_usage_warnings
from understudy.dialects.event_reader import EventReader
from understudy.dialects.logprobs import Logprobs
from understudy.dialects.ollama.errors import failure_in
from understudy.dialects.ollama.wire import (
    CAPABILITIES,
    DURATIONS,
    Answer,
    Call,
    Line,
    Listed,
    Shown,
    Vectors,
    unix_seconds,
)
from understudy.domain.content import JsonObject
from understudy.domain.events import (
    Event,
    Finished,
    Noted,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.operation import Operation
from understudy.domain.responses import EmbeddingResponse, ModelInfo
from understudy.domain.usage import Usage, token_count
from understudy.domain.warnings import Warning  # noqa: A004 - the design's word
from understudy.wire.json import BadJson, as_string, decode, decode_as, decode_object, text_of
from understudy.wire.ndjson import NdjsonDecoder
from understudy.wire.sse import SseEvent

_line: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_vectors: msgspec.json.Decoder[Vectors] = msgspec.json.Decoder(Vectors)

T = TypeVar("T")

_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "load": FinishReason.STOP,
    "unload": FinishReason.STOP,
}


class AnswerReader:
    """The one decoding path of a chat: takes lines, returns their events.

    Text and thinking are one part each, whatever their order, as they are in Ollama's own messages; each tool call is
    a part of its own. A call without an id (older servers) gets one that is made of the answer's time and the call's
    number, so that it is the same every time the answer is read and differs between answers.
    """

    __slots__ = ("_calls", "_created", "_endpoint", "_ids", "_indexes", "_logprobs", "_started", "finished")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._indexes: dict[str, int] = {}
        self._calls = 0
        self._ids: set[str] = set()
        self._logprobs = Logprobs(endpoint.bounds)
        self._created = ""
        self._started = False
        self.finished = False

    def read(self, line: Line, *, whole: bool = False) -> list[Event | Failure]:
        """Read one line. Raises `BadJson`."""
        if line.error:
            self.finished = True
            return [failure_in(line.error, self._endpoint)]
        # Ahead of what it changes here: a line with a broken number is mended and read again.
        logprobs = self._entries(line.logprobs) if line.logprobs else []
        steps: list[Event | Failure] = []
        if not self._started:
            self._started = True
            self._created = as_string(line.created_at) or ""
            steps.append(Started(model=as_string(line.model), created=unix_seconds(line.created_at)))
        answer = line.message
        if answer is None:
            answer = Answer(content=line.response, thinking=line.thinking)
        if answer.thinking:
            steps.append(ThinkingDelta(self._index("thinking"), answer.thinking))
        if answer.content:
            steps.append(TextDelta(self._index("text"), answer.content))
        for call in answer.tool_calls or ():
            steps += self._call(call)
        if logprobs:
            self._logprobs.add(logprobs, whole=whole)
        if line.done:
            self.finished = True
            steps += self._end(line)
        return steps

    def _index(self, key: str) -> int:
        return self._indexes.setdefault(key, len(self._indexes))

    def _call(self, call: Call) -> list[Event]:
        number, self._calls = self._calls, self._calls + 1
        index = self._index(f"call {number}")
        digits = "".join(filter(str.isdigit, self._created))
        generated = f"call_{digits}_{number}" if digits else f"call_{number}"
        call_id = as_string(call.id) or generated
        if call_id in self._ids:  # Results refer to it, so it must be the only one.
            call_id = f"{call_id}_{number}"
        self._ids.add(call_id)
        started = ToolCallStarted(index, call_id, call.function.name)
        return [started, ToolCallDelta(index, _arguments(call))]

    def _entries(self, logprobs: msgspec.Raw) -> list[JsonObject]:
        entries = decode(bytes(logprobs), decoded=self._endpoint.bounds.decoded)
        return [item for item in entries if isinstance(item, dict)] if isinstance(entries, list) else []

    def _end(self, line: Line) -> list[Event]:
        events: list[Event] = []
        if self._logprobs.lists:
            events.append(Noted("logprobs", self._logprobs.lists))
        durations = {name: value for name in DURATIONS if (value := token_count(getattr(line, name))) is not None}
        if durations:
            events.append(Noted("durations", durations))
        remote = ((name, as_string(getattr(line, name))) for name in ("remote_model", "remote_host"))
        events += [Noted(name, value) for name, value in remote if value]
        counts = {"prompt_eval_count": line.prompt_eval_count, "eval_count": line.eval_count}
        raw = {name: value for name, value in counts.items() if value is not None}
        if raw:
            prompt, answer = token_count(line.prompt_eval_count), token_count(line.eval_count)
            events.append(UsageReported(Usage(input=prompt, output=answer, raw=raw)))
        reason = as_string(line.done_reason)
        events.append(Finished(self._reason(reason), reason))
        return events

    def _reason(self, raw: str | None) -> FinishReason:
        """There is no own reason for tool calls; an answer that calls tools and was not cut ends in them."""
        reason = _FINISH.get(raw or "", FinishReason.UNKNOWN)
        if self._calls and (reason is FinishReason.STOP or raw is None):
            return FinishReason.TOOL_CALLS
        return reason


class StreamReader(EventReader):
    """Reads a streamed chat, a line at a time."""

    end_mark = "`done: true`"

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint, NdjsonDecoder(keep_frames=endpoint.keep_wire, max_line=endpoint.bounds.event))
        self._at_once = endpoint.bounds.at_once
        self._answer = AnswerReader(endpoint)

    def take(self, event: SseEvent) -> list[Event | Failure]:
        """Read one line."""
        steps = self._answer.read(decode_as(_line, event.data, decoded=self._at_once))
        self.finished = self._answer.finished
        return steps


def whole_answer(endpoint: Endpoint) -> Callable[[bytes], list[Event | Failure]]:
    """Return the decoding of a whole chat answer."""

    def read(body: bytes) -> list[Event | Failure]:
        line = decode_as(_line, body, decoded=endpoint.bounds.at_once)
        if not line.error and line.message is None and line.response is None:
            raise BadJson("it holds neither a message nor an error")
        reader = AnswerReader(endpoint)
        steps = reader.read(line, whole=True)
        if not reader.finished:
            steps.append(Failure(kind=FailureKind.TRUNCATED, message="the answer states that it is not done"))
        return steps

    return read


def embeddings(
    texts: int, warnings: tuple[Warning, ...], endpoint: Endpoint
) -> Callable[[bytes], list[EmbeddingResponse | Failure]]:
    """Return the decoding of the vectors of that many texts."""

    def read(body: bytes) -> list[EmbeddingResponse | Failure]:
        found = decode_as(_vectors, body, sliced=True, decoded=endpoint.bounds.numbers(texts))
        if found.error:
            return [failure_in(found.error, endpoint, Operation.EMBED)]
        vectors = checked_vectors(found.embeddings or (), texts)
        count = token_count(found.prompt_eval_count)
        raw = {"prompt_eval_count": found.prompt_eval_count} if found.prompt_eval_count is not None else None
        return [
            with_usage_warnings(
                EmbeddingResponse(
                    embeddings=vectors,
                    model=as_string(found.model),
                    usage=Usage(input=count, raw=raw),
                    warnings=warnings,
                    raw=body,
                )
            )
        ]

    return read


def model_list(limit: int | None) -> Callable[[bytes], list[ModelInfo | Failure]]:
    """Return the decoding of `/api/tags`, which has no pages."""

    def read(body: bytes) -> list[ModelInfo | Failure]:
        entries = decode_object(body).get("models")
        if not isinstance(entries, list):
            raise BadJson("it holds no list of models")
        return [_listed(entry) for entry in entries[:limit]]

    return read


def one_model(name: str) -> Callable[[bytes], list[ModelInfo | Failure]]:
    """Return the decoding of `/api/show`, which does not repeat the model's name."""

    def read(body: bytes) -> list[ModelInfo | Failure]:
        raw = decode_object(body)
        shown = _convert(raw, Shown)
        facts = shown.model_info if isinstance(shown.model_info, dict) else {}
        window = token_count(facts.get(f"{facts.get('general.architecture')}.context_length"))
        return [
            ModelInfo(
                id=name,
                created=unix_seconds(shown.modified_at),
                context_window=window,
                capabilities=_capabilities(shown.capabilities),
                lacks=_lacks(shown.capabilities),
                raw=raw,
            )
        ]

    return read


def _listed(entry: Any) -> ModelInfo:
    model = _convert(entry, Listed)
    name = model.model or model.name
    if not name:
        raise BadJson("a model of the list has no name")
    return ModelInfo(
        id=name,
        created=unix_seconds(model.modified_at),
        capabilities=_capabilities(model.capabilities),
        lacks=_lacks(model.capabilities),
        raw=entry,
    )


def _capabilities(names: Any) -> frozenset[str] | None:
    if not isinstance(names, list):
        return None
    return frozenset(CAPABILITIES[name] for name in names if isinstance(name, str) and name in CAPABILITIES)


def _lacks(names: Any) -> frozenset[str]:
    """What a list that is given does not name."""
    return (
        frozenset()
        if not isinstance(names, list)
        else frozenset(CAPABILITIES.values()) - (_capabilities(names) or frozenset())
    )


def _convert(value: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadJson(str(error)) from error


def _arguments(call: Call) -> str:
    """The arguments' JSON text. A server that gives a string gives the text itself."""
    text = text_of(call.function.arguments)
    if text.startswith('"'):
        return str(decode(text))
    return "{}" if text == "null" else text
