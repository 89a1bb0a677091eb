"""Readers of chat answers: a stream, and a whole completion."""

from __future__ import annotations

from understudy.dialects.base import Endpoint
from understudy.dialects.error_bodies import read_event
from understudy.dialects.event_reader import EventReader
from understudy.dialects.openai.decode import AnswerDecoder, Steps
from understudy.dialects.openai.errors import decode_error_value, decode_failure
from understudy.dialects.openai.wire import ChunkWire, decode_chunk
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.json import BadJson, decode_object
from understudy.wire.sse import SseEvent

DONE = b"[DONE]"


class StreamReader(EventReader):
    """Reads a stream of chunks. It ends with `[DONE]`, or with the end of input once a finish reason has come."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._decoded = endpoint.bounds.decoded
        self._answer = AnswerDecoder(endpoint)

    def take(self, event: SseEvent) -> Steps:
        """Decode a chunk, an error or the end mark."""
        if event.data.startswith(b"[") and event.data.strip() == DONE:
            self.finished = True
            return self._answer.finish(marked=True)
        if event.name == "error" and (error := read_event(event)) is not None:
            return [decode_failure(error, self._endpoint)]
        chunk = decode_chunk(event.data, self._decoded)
        if event.name == "error" or chunk.error or (chunk.choices is None and chunk.usage is None):
            return self._oddity(event, chunk)
        return self._answer.add(chunk)

    def end(self, *, cut: bool) -> Steps:
        """Finish the answer: a cut event matters only if the answer was not complete before it."""
        return self._answer.finish()

    def _oddity(self, event: SseEvent, chunk: ChunkWire) -> Steps:
        """An event that is an error or may be one in another form. What stands beside the error belongs to it: the type
        of TGI's, whose error is a string."""
        error = decode_error_value(decode_object(event.data))
        if error is not None:
            return [decode_failure(error, self._endpoint)]
        if event.name == "error":
            return [Failure(kind=FailureKind.SERVER_ERROR, message="the provider reported an error without a message")]
        return self._answer.add(chunk)


def decode_whole(body: bytes, endpoint: Endpoint) -> Steps:
    """Decode a whole completion. Raise `BadJson` if it is invalid."""
    chunk = decode_chunk(body, endpoint.bounds.decoded)
    if chunk.choices is None:
        error = decode_error_value(decode_object(body))
        if error is not None:
            return [decode_failure(error, endpoint)]
        raise BadJson("`choices` is missing")
    answer = AnswerDecoder(endpoint)
    if not chunk.choices:
        if chunk.error:
            return answer.add(chunk, whole=True)
        return [Failure(kind=FailureKind.EMPTY, message="the answer contains no choice")]
    first = chunk.choices[0]
    # Azure leaves the message out where its filter took the answer away.
    if first.message is first.delta is None and first.finish_reason != "content_filter" and not chunk.error:
        raise BadJson("the first choice contains no message")
    steps = answer.add(chunk, whole=True)
    if not (steps and isinstance(steps[-1], Failure)):
        steps += answer.finish(whole=True)
    return steps
