"""Whatever comes over the network is an answer, a failure or a refusal, never an accident of ours."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.dialects.responses.sdk import (
    ENDPOINT,
    HELLO,
    added,
    arguments,
    begun,
    call,
    completed,
    done,
    read,
    read_whole,
    response,
    say,
    stream,
)
from tests.dialects.responses.test_decode import OUTPUT, reasoning, summary
from tests.dialects.responses.test_parse import BODIES, MODEL
from understudy.dialects.responses.client import DIALECT
from understudy.dialects.responses.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain.fold import fold
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import HttpRequest

JUNK: list[Any] = [None, True, 0, -1, 1.5, "x", "", [], {}, [None], [[]], [1], {"type": 5}, ["a"], {"type": "x"}]
INBOUND = Inbound(operation=Operation.CHAT, request=HELLO, stream=True)
CALL = call("fc_1", "call_a", "{}")
EVENTS = [
    event.model_dump(mode="json", exclude_unset=True)
    for event in (
        *begun(),
        *say(0, "msg_1", "a", "b"),
        added(1, reasoning()),
        summary(0, "x"),
        done(1, reasoning()),
        added(2, CALL),
        arguments(2, "fc_1", "{}"),
        done(2, CALL),
        completed(response(*OUTPUT)),
    )
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Name every place inside a JSON value."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def spoiled(value: Any, dice: random.Random) -> Any:
    """Return a copy with one or two places replaced by junk, or removed."""
    value = copy.deepcopy(value)
    for _ in range(dice.choice((1, 1, 2))):
        *way, last = dice.choice(list(places(value)))
        holder = value
        for key in way:
            holder = holder[key]
        if dice.random() < 0.2:
            del holder[last]
        else:
            holder[last] = copy.deepcopy(dice.choice(JUNK))
    return value


@pytest.mark.parametrize("seed", range(8))
def test_a_spoiled_request_is_read_or_refused(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(150):
        body = spoiled({**MODEL, **dice.choice(list(BODIES.values()))}, dice)
        try:
            inbound = SERVER.parse(HttpRequest("POST", "/responses", (), json.dumps(body).encode()))
        except BadRequest:
            continue
        assert isinstance(inbound.request, GenerationRequest)
        for request in (inbound.request, msgspec.structs.replace(inbound.request, origin=None)):
            assert DIALECT.open(Operation.CHAT, request, ENDPOINT, stream=inbound.stream).start()


@pytest.mark.parametrize("seed", range(8))
def test_a_spoiled_stream_is_an_answer_or_a_failure_and_can_be_written_on(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(150):
        events = [event for event in spoiled(EVENTS, dice) if isinstance(event, dict) and "type" in event]
        outcome = read(stream(*events))
        answer = fold(outcome.steps, dialect="responses")
        assert SERVER.render(answer, INBOUND).status == 200
        renderer = SERVER.renderer(INBOUND)
        out = b"".join(renderer.feed(step) for step in outcome.steps) + renderer.close()
        assert read(out).failure is None
        assert fold(read(out).steps).text == answer.text


@pytest.mark.parametrize("seed", range(4))
def test_a_spoiled_body_is_an_answer_or_a_failure(seed: int) -> None:
    dice = random.Random(seed)
    whole = response(*OUTPUT).model_dump(mode="json", exclude_unset=True)
    for _ in range(150):
        outcome = read_whole(json.dumps(spoiled(whole, dice)).encode())
        assert (outcome.failure is None) == any(type(step).__name__ == "Finished" for step in outcome.steps)
