"""What is asked of every decoder, whatever the bytes: only failures of the library, the same however they are split."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from tests.contract.built import built
from tests.contract.recordings import Recording, load
from tests.contract.scope import exclusion
from tests.contract.targets import dialect_name, endpoint_for
from understudy import dialects
from understudy.dialects.base import Dialect, Endpoint, Exchange, Send
from understudy.dialects.replicate.wire import decode_prediction
from understudy.domain.failures import Failure
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.wire.http import HttpHead

HELLO = GenerationRequest(messages=(Message.user("hello"),))
MAX_SECONDS = 1.0
"""CPU time of one input, on a machine that is busy with others. Real inputs take a thousandth of it."""

READ = ("chat", "chat_stream", "generate", "generate_stream", "embed", "models", "count_tokens", "error")


def readable(recording: Recording) -> bool:
    return exclusion(recording) is None and recording.operation in READ and dialect_name(recording) != "replicate"


def every(folder: Path) -> list[Recording]:
    """The recordings that can be read, and of Responses those that are built."""
    return [recording for recording in (*load(folder), *built()) if readable(recording) and recording.body]


def opened(recording: Recording) -> Exchange[Any]:
    """Open the operation that the recording answers."""
    dialect, endpoint = _PLACES.get(recording.name) or _placed(recording)
    match recording.operation:
        case "embed":
            return dialect.open(Operation.EMBED, EmbeddingRequest(texts=("a", "b")), endpoint)
        case "models":
            return dialect.open(Operation.MODELS, ModelsRequest(), endpoint)
        case "count_tokens":
            return dialect.open(Operation.COUNT_TOKENS, HELLO, endpoint)
    return dialect.open(
        Operation.CHAT, HELLO, endpoint, stream=recording.streamed and Operation.CHAT in dialect.operations
    )


_PLACES: dict[str, tuple[Dialect, Endpoint]] = {}


def _placed(recording: Recording) -> tuple[Dialect, Endpoint]:
    place = _PLACES[recording.name] = (dialects.load(dialect_name(recording)), endpoint_for(recording))
    return place


def steps_of(exchange: Exchange[Any], head: HttpHead, pieces: Iterable[bytes]) -> list[Any]:
    """Everything that an exchange says of a response. It never goes on behind a failure."""
    steps = [step for step in exchange.start() if not isinstance(step, Send)]
    if steps and isinstance(steps[-1], Failure):
        return steps
    steps += exchange.head(head)
    for piece in pieces:
        if exchange.finished:
            break
        steps += exchange.feed(piece)
    if not exchange.finished:
        steps += exchange.close()
    assert not any(isinstance(step, Failure) for step in steps[:-1]), "something follows a failure"
    return steps


def judge(recording: Recording, body: bytes, pieces: list[bytes]) -> list[Any]:
    """Read a body whole and in pieces, and return what it says. Fails with what is wrong."""
    began = time.process_time()
    whole = steps_of(opened(recording), recording.head, [body])
    split = steps_of(opened(recording), recording.head, pieces)
    took = time.process_time() - began
    assert split == whole, "the split changes the result"
    assert took < MAX_SECONDS, f"took {took:.2f} s"
    if recording.operation.startswith(("chat", "generate")):
        response = fold([step for step in whole if not isinstance(step, Failure)])
        msgspec.json.encode(msgspec.structs.replace(response, raw=None))
    return whole


def judge_prediction(body: bytes) -> None:
    """Read the state of a prediction of Replicate's."""
    from tests.reading.talking import endpoint
    from understudy.dialects.replicate.decode import AnswerDecoder
    from understudy.wire.json import BadJson

    try:
        prediction = decode_prediction(body)
    except BadJson:
        return
    answer = AnswerDecoder(endpoint("replicate"), 5)
    assert [*answer.started(prediction), *answer.grown(prediction), *answer.ended(prediction)]
