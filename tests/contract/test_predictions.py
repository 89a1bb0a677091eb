"""Recorded predictions of Replicate: each is read as what the official client reads in it, and followed to its end."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.aside import FOUND, Cooldown
from tests.contract.oracle_replicate import ReplicateOracle
from tests.contract.recordings import Recording
from tests.contract.streams import HELLO
from tests.contract.targets import endpoint_for
from understudy.dialects.base import Send
from understudy.dialects.replicate.exchange import PredictionExchange
from understudy.domain import events as e
from understudy.domain.failures import Failure
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.wire.http import HttpHead

ORACLE = ReplicateOracle()
OVER = ("succeeded", "failed", "canceled")


def at_the_create(recording: Recording, *, stream: bool = False) -> PredictionExchange:
    """An exchange that has sent its create."""
    exchange = PredictionExchange(HELLO, endpoint_for(recording), stream=stream)
    (made,) = Cooldown(exchange).settled(exchange.start())
    assert isinstance(made, Send)
    assert made.request.method == "POST"
    return exchange


def handed(exchange: PredictionExchange, head: HttpHead, *pieces: bytes) -> list[Any]:
    """Hand a response over; what comes after the exchange has asked for something else is not read any more."""
    steps: list[Any] = [*exchange.head(head)]
    for piece in pieces:
        steps += exchange.feed(piece)
        if any(isinstance(step, Send) for step in steps):
            return steps
    return steps + exchange.close()


def made(recording: Recording, *, stream: bool) -> tuple[PredictionExchange, list[Any]]:
    exchange = at_the_create(recording, stream=stream)
    # Looks are answered with 200, creates with 201 or 202: what they hold is the same.
    return exchange, handed(exchange, recording.head, recording.body)


def test_a_prediction_is_read_as_the_official_client_reads_it(prediction: Recording) -> None:
    expected = ORACLE.prediction(prediction)
    exchange, steps = made(prediction, stream=False)
    started = steps[0]
    assert isinstance(started, e.Started)
    assert (started.id, started.model) == (expected.id, expected.model)
    assert started.created is not None
    last = steps[-1]
    if expected.status == "succeeded":
        answer = fold(steps)
        output = expected.output if isinstance(expected.output, str) else "".join(expected.output or ())
        assert (answer.text, answer.finish_reason) == (output, FinishReason.STOP)
        assert answer.usage.raw == expected.metrics
    elif expected.status in OVER:
        assert isinstance(last, Failure)
    else:
        assert isinstance(last, Send)
        assert last.after > 0
        assert last.request.url.endswith(f"/v1/predictions/{expected.id}")
        assert not any(isinstance(step, e.Finished) for step in steps)
    assert exchange.finished is (expected.status in OVER)
    assert len(exchange.abort()) == (0 if expected.status in OVER else 1), "what still runs is cancelled, and only that"


def test_a_prediction_that_can_be_streamed_is(prediction: Recording) -> None:
    expected = ORACLE.prediction(prediction)
    exchange, steps = made(prediction, stream=True)
    address = (expected.urls or {}).get("stream")
    if expected.status in OVER or address is None:
        return
    assert isinstance(steps[-1], Send)
    assert steps[-1].request.url == address
    assert not steps[-1].reuse_credential, "the key stays with the API: streams are served by other hosts"
    assert not exchange.finished


def streaming(recording: Recording) -> PredictionExchange:
    exchange = at_the_create(recording, stream=True)
    created = {"id": "1", "model": "m", "status": "starting", "urls": {"stream": "https://stream.replicate.com/1"}}
    handed(exchange, FOUND, json.dumps(created).encode())
    return exchange


def ended(text: str) -> bytes:
    return json.dumps({"id": "1", "model": "m", "status": "succeeded", "output": [text], "metrics": {}}).encode()


def test_a_stream_says_what_the_official_client_reads(prediction_stream: Recording) -> None:
    text = ORACLE.stream(prediction_stream)
    exchange = streaming(prediction_stream)
    steps = handed(exchange, prediction_stream.head, prediction_stream.body)
    assert isinstance(steps[-1], Send)
    assert steps[-1].after == 0.0
    assert not exchange.finished, "what became of the prediction is not known yet"
    steps = [*steps[:-1], *handed(exchange, FOUND, ended(text))]
    assert exchange.finished
    assert (fold(steps).text, fold(steps).finish_reason) == (text, FinishReason.STOP)


def test_a_stream_may_break_off_anywhere_and_nothing_is_lost_or_said_twice(prediction_stream: Recording) -> None:
    text, body = ORACLE.stream(prediction_stream), prediction_stream.body
    for cut in range(0, len(body), max(1, len(body) // 300)):
        exchange = streaming(prediction_stream)
        steps = handed(exchange, prediction_stream.head, body[: cut // 2], body[cut // 2 : cut])
        assert isinstance(steps.pop(), Send)
        steps += handed(exchange, FOUND, ended(text))
        assert fold(steps).text == text, cut
        assert fold(steps).finish_reason is FinishReason.STOP


def test_the_pieces_do_not_depend_on_how_the_bytes_were_split(prediction_stream: Recording) -> None:
    body = prediction_stream.body
    whole = handed(streaming(prediction_stream), prediction_stream.head, body)
    bytewise = handed(streaming(prediction_stream), prediction_stream.head, *(bytes([byte]) for byte in body))
    assert bytewise == whole
