"""Readers of chat answers: a stream, and a whole completion."""

from __future__ import annotations

from typing import Any

from understudy.dialects.base import Endpoint
from understudy.dialects.error_bodies import read_event
from understudy.dialects.event_reader import EventReader
from understudy.dialects.openai.decode import FINISH_REASONS, AnswerDecoder, Steps
from understudy.dialects.openai.errors import decode_error_value, decode_failure
from understudy.dialects.openai.usage import decode_usage
from understudy.dialects.openai.wire import ChunkWire, PlainWhole, decode_chunk, plain_chunk, plain_whole
from understudy.domain.events import (
    PIECES,
    FactReported,
    Finished,
    Piece,
    Started,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
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
        self._kind: type[Piece] = TextDelta
        """What the stream continues."""
        self._index = 0
        """The index of the text or the thinking, while the stream continues it."""
        self._facts: tuple[Any, Any] = (None, None)
        """What the chunks repeat meanwhile."""

    def plain(self, event: SseEvent) -> Piece | None:
        """Read a chunk that continues the text, the thinking or a call, as the latest did, and does nothing else."""
        kind = self._kind
        chunk = None if event.name else plain_chunk(event.data, kind)
        if chunk is None or (chunk.service_tier, chunk.system_fingerprint) != self._facts:
            return None
        delta = chunk.choices[0].delta
        if kind is TextDelta:
            text = delta.content
            return TextDelta(self._index, text, event.frame or None) if text else None
        if kind is ThinkingDelta:
            text = delta.reasoning or delta.reasoning_content
            return ThinkingDelta(self._index, text, event.frame or None) if text else None
        return self._answer.more_arguments(delta.tool_calls[0], event.frame or None)

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
        steps = self._answer.add(chunk)
        if len(steps) == 1 and isinstance(step := steps[0], PIECES) and self._answer.is_growing:
            self.is_plain, self._kind, self._index = True, type(step), step.index
            self._facts = (chunk.service_tier, chunk.system_fingerprint)
        return steps

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
    plain = plain_whole(body, endpoint.bounds.decoded)
    if plain is not None and (found := _decode_plain(plain)) is not None:
        return found
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


def _decode_plain(answer: PlainWhole) -> Steps | None:
    """Decode a whole completion of the usual form, to what an `AnswerDecoder` makes of it; `None` if its end is not of
    the usual form."""
    choice = answer.choices[0]
    reason = FINISH_REASONS.get(choice.finish_reason)
    if reason is None:
        return None
    steps: Steps = [Started(id=answer.id or None, model=answer.model or None, created=answer.created or None)]
    if choice.message.content:
        steps.append(TextDelta(0, choice.message.content))
    if answer.service_tier is not None:
        steps.append(FactReported("service_tier", answer.service_tier))
    if answer.system_fingerprint is not None:
        steps.append(FactReported("system_fingerprint", answer.system_fingerprint))
    if (usage := decode_usage(answer.usage)) is not None:
        steps.append(UsageReported(usage))
    steps.append(Finished(reason, choice.finish_reason))
    return steps
