"""Readers of chat answers: a stream, and a whole completion."""

from __future__ import annotations

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.error_bodies import read_event
from understudy.dialects.flaws import Flaws
from understudy.dialects.openai.decode import Answer, Steps
from understudy.dialects.openai.errors import read_error_value, stream_failure
from understudy.dialects.openai.wire import ChunkWire, decode_chunk
from understudy.domain.events import Frame
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.json import BadJson, decode_object
from understudy.wire.sse import SseDecoder, SseEvent

DONE = b"[DONE]"


class StreamReader:
    """Reads a stream of chunks. It ends with `[DONE]`, or with the end of input once a finish reason has come."""

    def __init__(self, endpoint: Endpoint) -> None:
        bounds = endpoint.bounds
        self._sse = SseDecoder(keep_frames=endpoint.keep_wire, max_line=bounds.line, max_event=bounds.event)
        self._decoded = bounds.decoded
        self._answer = Answer(endpoint)
        self._flaws = Flaws()
        self._endpoint = endpoint
        self.finished = False

    def feed(self, data: bytes) -> Steps:
        """Take bytes. What came before a broken event is still returned, so that no split changes the result."""
        steps: Steps = []
        for event in self._sse.feed(data):
            if self.finished:
                break
            try:
                try:
                    steps += self._take(event)
                except BadJson as error:
                    steps += self._flaws.read(event, self._take, error)
            except BadJson as error:
                self.finished = True
                steps.append(Failure(kind=error.kind, message=f"broken JSON in the stream: {error}"))
        return steps

    def close(self) -> Steps:
        """Take the end of input. An event that it cuts makes the stream truncated, unless the answer was complete."""
        steps: Steps = []
        for event in self._sse.close():
            if self.finished:
                break
            try:
                try:
                    steps += self._take(event)
                except BadJson as error:
                    steps += self._flaws.read(event, self._take, error)
            except BadJson:
                if self._answer.is_complete:
                    break
                self.finished = True
                steps.append(Failure(kind=FailureKind.TRUNCATED, message="the stream broke off in the middle"))
        if not self.finished:
            self.finished = True
            ending = self._answer.finish()
            steps += _stamped(ending, b"") if self._endpoint.keep_wire else ending
        return steps

    def _take(self, event: SseEvent) -> Steps:
        if event.data.startswith(b"[") and event.data.strip() == DONE:
            self.finished = True
            steps: Steps = self._answer.finish(marked=True)
        elif event.name == "error" and (error := read_event(event)) is not None:
            steps = [stream_failure(error, self._endpoint)]
        else:
            chunk = decode_chunk(event.data, self._decoded)
            if event.name == "error" or (chunk.choices is None and not chunk.error and chunk.usage is None):
                steps = self._oddity(event, chunk)
            else:
                steps = self._answer.add(chunk)
        if steps and isinstance(steps[-1], Failure):
            self.finished = True
        return _stamped(steps, event.frame) if self._endpoint.keep_wire else steps

    def _oddity(self, event: SseEvent, chunk: ChunkWire) -> Steps:
        """An event named `error`, or one without choices, which may be an error in another form."""
        error = read_error_value(decode_object(event.data))
        if error is not None:
            return [stream_failure(error, self._endpoint)]
        if event.name == "error":
            return [Failure(kind=FailureKind.SERVER_ERROR, message="the provider reported an error without a message")]
        return self._answer.add(chunk)


def _stamped(steps: Steps, frame: bytes) -> Steps:
    """Put the frame on the first event; a frame without events becomes one."""
    first = True
    stamped: Steps = []
    for step in steps:
        if isinstance(step, Failure):
            stamped.append(step)
            continue
        stamped.append(msgspec.structs.replace(step, wire=frame if first else b""))
        first = False
    if first and frame and not stamped:
        stamped.append(Frame(frame))
    return stamped


def read_completion(body: bytes, endpoint: Endpoint) -> Steps:
    """Read a whole completion. Raises `BadJson` when it is none."""
    chunk = decode_chunk(body, endpoint.bounds.decoded)
    if chunk.choices is None:
        error = read_error_value(decode_object(body))
        if error is not None:
            return [stream_failure(error, endpoint)]
        raise BadJson("no `choices`: not a chat completion")
    answer = Answer(endpoint)
    if not chunk.choices:
        if chunk.error:
            return answer.add(chunk, whole=True)
        return [Failure(kind=FailureKind.EMPTY, message="the provider answered without a choice")]
    first = chunk.choices[0]
    # Azure leaves the message out where its filter took the answer away.
    if first.message is first.delta is None and first.finish_reason != "content_filter" and not chunk.error:
        raise BadJson("the first choice holds no message")
    steps = answer.add(chunk, whole=True)
    if not (steps and isinstance(steps[-1], Failure)):
        steps += answer.finish(whole=True)
    return steps
