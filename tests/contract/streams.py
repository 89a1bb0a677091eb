"""Streams to try the decoders on: the recorded ones, and for Responses those built with the official client's types."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec

from tests.contract.driving import Outcome, drive
from tests.contract.framing import frames, payload
from tests.contract.recordings import Recording
from tests.contract.targets import dialect_name, endpoint_for
from understudy import dialects
from understudy.dialects.base import Endpoint, Exchange
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import HttpHead

HELLO = GenerationRequest(messages=(Message.user("hello"),))


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A streamed answer of one dialect."""

    name: str
    dialect: str
    endpoint: Endpoint
    body: bytes
    head: HttpHead
    recording: Recording | None = None

    @property
    def lines(self) -> bool:
        """True for NDJSON, false for server-sent events."""
        return self.body.startswith(b"{")

    @property
    def frames(self) -> list[bytes]:
        return frames(self.body, lines=self.lines)

    @property
    def ends(self) -> list[int]:
        """The positions at which the frames end."""
        return list(itertools.accumulate(len(frame) for frame in self.frames))

    def with_body(self, body: bytes) -> Stream:
        return msgspec.structs.replace(self, body=body)

    def with_wire(self) -> Stream:
        return msgspec.structs.replace(self, endpoint=msgspec.structs.replace(self.endpoint, keep_wire=True))

    def open(self) -> Exchange[Any]:
        return dialects.load(self.dialect).open(Operation.CHAT, HELLO, self.endpoint, stream=True)

    def decode(self, *pieces: bytes, heed_finished: bool = True) -> Outcome:
        """Decode these pieces, or the whole body at once."""
        return drive(self.open(), self.head, pieces or (self.body,), heed_finished=heed_finished)

    def pieces(self, *cuts: int) -> list[bytes]:
        """Cut the body at these positions."""
        ends = [*sorted(set(cuts)), len(self.body)]
        return [self.body[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    def random_cuts(self, times: int) -> Iterator[list[int]]:
        """Sets of cuts, the same in every run: few, some, and many."""
        rng = random.Random(self.name)
        for number in range(times):
            count = min(len(self.body) - 1, (1, 7, 60)[number % 3])
            yield rng.sample(range(1, len(self.body)), count)

    @property
    def has_one_end(self) -> bool:
        """False where content follows a finish reason: Together gives one for each of several calls."""
        return sum(_is_terminal(payload(frame)) for frame in self.frames) == 1

    @property
    def terminal(self) -> int | None:
        """The end of the frame that makes the stream a success; `None` when it ends in an error.

        OpenAI: the finish reason. Anthropic: `message_stop`. Ollama: `done`. Responses: the final status. Cohere:
        `message-end`. Gemini: the first finish reason.
        """
        position = 0
        for frame in self.frames:
            position += len(frame)
            if _is_terminal(payload(frame)):
                return position
        return None


def _is_terminal(value: Any) -> bool:
    match value:
        case {"choices": [{"index": 0, "finish_reason": str()}, *_]} | {"done": True}:
            return True
        case {"candidates": [{"finishReason": str() | int()}, *_]}:
            return True
        case {"type": "message_stop" | "message-end" | "response.completed" | "response.incomplete"}:
            return True
    return False


def stream_of(recording: Recording) -> Stream:
    return Stream(
        name=recording.name,
        dialect=dialect_name(recording),
        endpoint=endpoint_for(recording),
        body=_events(recording.body.replace(b"\r\n", b"\n")),
        head=recording.head,
        recording=recording,
    )


def _events(body: bytes) -> bytes:
    """Gemini's streams that are one growing array, as the server-sent events that their elements would be."""
    if not body.startswith(b"["):
        return body
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in json.loads(body))
