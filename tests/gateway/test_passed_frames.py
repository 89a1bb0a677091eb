"""The frame of a text is sent as it came: whatever else crosses leaves it alone, and renderers write it as it is."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.contract.targets import server_of
from understudy.dialects.one_answer import OneAnswer
from understudy.domain import events as e
from understudy.domain.content import ToolCall
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Message
from understudy.domain.usage import Usage
from understudy.gateway.call_ids import FittingIds
from understudy.gateway.calling_back import CallingBack
from understudy.gateway.compaction import Compacting
from understudy.gateway.sealing import Seals
from understudy.gateway.thinking import Sealing

FAULT = Failure(kind=FailureKind.TRUNCATED, message="cut")
CALL = ToolCall(id="c", name="t", arguments="{}")
OTHERS: tuple[Any, ...] = (
    *(e.TextDelta(0, "a"), e.TextDelta(0, "b", b"frame b\n\n"), e.TextDelta(1, "", b""), e.TextDelta(0, "")),
    *(e.ThinkingDelta(0, "t"), e.ThinkingSigned(0, "s"), e.ThinkingDelta(0, "t", b"frame t\n\n")),
    *(e.ToolCallStarted(2, "call 1", "tool"), e.ToolCallDelta(2, "{}"), e.PartAdded(3, CALL)),
    *(e.Heartbeat(), e.Started(id="i", model="m"), e.UsageReported(Usage()), e.Frame(b"frame\n\n")),
    *(e.Restarted(provider="q", failed_provider="p", failure=FAULT), e.Finished(FinishReason.STOP, "stop")),
)


def steps(dice: random.Random, face: str) -> list[Any]:
    sealer = Seals().of("alice")
    made = [
        FittingIds(face, (Message.user("hi"),)),
        Sealing("anthropic", sealer, lambda: None),
        CallingBack({}),
        Compacting(sealer),
    ]
    return dice.sample(made, dice.randrange(1, 5))


@pytest.mark.parametrize("face", ["openai", "anthropic", "responses"])
def test_what_crosses_leaves_the_frame_of_a_text_alone(face: str) -> None:
    dice = random.Random(face)
    for _ in range(300):
        for step in steps(dice, face):
            for _ in range(dice.randrange(6)):
                step.events(dice.choices(OTHERS[:-1], k=dice.randrange(1, 3)))
            batch = [e.TextDelta(0, "x", dice.choice((b"frame x\n\n", b"")))]
            assert step.events(batch) == batch


def rendered(answer: OneAnswer, events: list[Any]) -> list[bytes]:
    found: list[bytes] = []
    for event in events:
        try:
            found.append(answer.fail(FAULT) if event is None else answer.feed(event))
        except (KeyError, ValueError, AttributeError) as error:  # of events that no decoder gives in this order
            found.append(type(error).__name__.encode())
    return [*found, answer.close()]


@pytest.mark.parametrize("face", ["openai", "anthropic", "cohere"])
def test_frames_that_are_passed_are_those_that_a_renderer_writes(face: str) -> None:
    half = server_of(face)
    dice, passed = random.Random(face), 0
    for _ in range(1_000):
        inbound = half.parse(request_of(face))
        events = dice.choices((*OTHERS, *OTHERS[:3], *[OTHERS[1]] * 5, None), k=dice.randrange(1, 12))
        answer, judged = half.renderer(inbound), half.renderer(inbound)
        assert isinstance(answer, OneAnswer)
        assert isinstance(judged, OneAnswer)
        judged._are_frames_passed = False
        assert rendered(answer, events) == rendered(judged, events)
        passed += answer._is_passing
    assert passed


def request_of(face: str) -> Any:
    from understudy.wire.http import HttpRequest
    from understudy.wire.json import encode

    path = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "cohere": "/v2/chat"}[face]
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True, "max_tokens": 9}
    return HttpRequest("POST", path, (), encode(body))
