"""Decoding Ollama's answers: newline-delimited JSON, or the object of a whole answer, to the same events."""

from __future__ import annotations

import re

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.flaws import REPEATED
from understudy.dialects.logprobs import Logprobs
from understudy.dialects.ollama.errors import decode_failure
from understudy.dialects.ollama.wire import DURATIONS, CallWire, LineWire, MessageWire, unix_seconds
from understudy.domain.events import (
    Event,
    FactReported,
    Finished,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
    Warned,
)
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.usage import Usage, token_count
from understudy.wire.json import BadJson, as_objects, as_string, decode, decode_as, text_of

_PRECISE = re.compile(r"\.\d{6}")
"""A time in microseconds or less, at which nothing else is sent."""

LINE: msgspec.json.Decoder[LineWire] = msgspec.json.Decoder(LineWire)


_FINISH = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "load": FinishReason.STOP,
    "unload": FinishReason.STOP,
}


class AnswerDecoder:
    """The decoding path of all chats: lines in, events out.

    Text and thinking are one part each, whatever their order, as they are in Ollama's own messages; each tool call is
    a part of its own. A call without an id (older servers) gets one that is made of the answer's time and the call's
    number, so that it is the same every time the answer is read and differs between answers.
    """

    __slots__ = (
        "_calls", "_created", "_endpoint", "_has_reported", "_ids", "_indexes", "_is_timed", "_latest", "_logprobs",
        "_started", "finished",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._indexes: dict[str, int] = {}
        self._calls = 0
        self._ids: set[str] = set()
        self._logprobs = Logprobs(endpoint.bounds)
        self._created = ""
        self._latest: LineWire | None = None
        self._is_timed = False
        """The lines have times of their own, rather than all that of the answer."""
        self._has_reported = False
        self._started = False
        self.finished = False

    def read(self, line: LineWire, *, whole: bool = False) -> list[Event | Failure]:
        """Read one line. Raise `BadJson`."""
        if line.error:
            self.finished = True
            return [decode_failure(line.error, self._endpoint)]
        # Before any state changes: a line with an invalid number is mended and decoded again.
        decoded = self._endpoint.bounds.decoded
        logprobs = as_objects(decode(bytes(line.logprobs), decoded=decoded)) if line.logprobs else []
        steps: list[Event | Failure] = []
        if not self._started:
            self._started = True
            self._created = as_string(line.created_at) or ""
            steps.append(Started(model=as_string(line.model), created=unix_seconds(line.created_at)))
        elif self._latest is not None and line.created_at != self._latest.created_at:
            self._is_timed = True
        elif self._is_timed and self._is_repeated(line):
            steps.append(Warned(REPEATED))
        self._latest = line
        answer = line.message
        if answer is None:
            answer = MessageWire(content=line.response, thinking=line.thinking)
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

    def _is_repeated(self, line: LineWire) -> bool:
        """Return whether a line equals the one before it, with its time to the microsecond; only once."""
        time = as_string(line.created_at)
        if self._has_reported or line != self._latest or time is None or not _PRECISE.search(time):
            return False
        self._has_reported = True
        return True

    def _index(self, key: str) -> int:
        return self._indexes.setdefault(key, len(self._indexes))

    def _call(self, call: CallWire) -> list[Event]:
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

    def _end(self, line: LineWire) -> list[Event]:
        events: list[Event] = []
        if self._logprobs.lists:
            events.append(FactReported("logprobs", self._logprobs.lists))
        durations = {name: value for name in DURATIONS if (value := token_count(getattr(line, name))) is not None}
        if durations:
            events.append(FactReported("durations", durations))
        remote = ((name, as_string(getattr(line, name))) for name in ("remote_model", "remote_host"))
        events += [FactReported(name, value) for name, value in remote if value]
        counts = {"prompt_eval_count": line.prompt_eval_count, "eval_count": line.eval_count}
        raw = {name: value for name, value in counts.items() if value is not None}
        if raw:
            prompt, answer = token_count(line.prompt_eval_count), token_count(line.eval_count)
            events.append(UsageReported(Usage(input=prompt, output=answer, raw=raw)))
        reason = as_string(line.done_reason)
        events.append(Finished(self._reason(reason), reason))
        return events

    def _reason(self, raw: str | None) -> FinishReason:
        """Return the finish reason: tool calls, which have no word on the wire, for any complete answer with calls."""
        reason = _FINISH.get(raw or "", FinishReason.UNKNOWN)
        if self._calls and (reason is FinishReason.STOP or raw is None):
            return FinishReason.TOOL_CALLS
        return reason


def decode_whole(body: bytes, endpoint: Endpoint) -> list[Event | Failure]:
    """Decode a whole answer. Raise `BadJson`."""
    line = decode_as(LINE, body, decoded=endpoint.bounds.at_once)
    if not line.error and line.message is None and line.response is None:
        raise BadJson("it contains neither a message nor an error")
    answer = AnswerDecoder(endpoint)
    steps = answer.read(line, whole=True)
    if not answer.finished:
        steps.append(Failure(kind=FailureKind.TRUNCATED, message="the answer states that it is incomplete"))
    return steps


def _arguments(call: CallWire) -> str:
    """Return the JSON text of arguments. A string is the text itself."""
    text = text_of(call.function.arguments)
    if text.startswith('"'):
        return str(decode(text))
    return "{}" if text == "null" else text
