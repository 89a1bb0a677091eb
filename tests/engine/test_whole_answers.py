"""Answers that come whole: read to their end at once they leave what they leave when they are read batch by batch."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import understudy as u
from tests.engine.fakes import ANSWER
from understudy.domain.operation import Operation
from understudy.domain.requests import WireOrigin
from understudy.domain.wire_answer import wire_answer_of
from understudy.engine.engine import Engine, Sources
from understudy.engine.job import Job
from understudy.engine.run import Run
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Rules
from understudy.policy.targets import Limits
from understudy.virtual_time import run
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import encode


class Incoming:
    """A response in pieces."""

    def __init__(self, status: int, body: bytes) -> None:
        self.head = HttpHead(status, {"content-type": "application/json", "x-request-id": "r1"})
        self._pieces = [body[:7], body[7:], b""]

    async def read(self) -> bytes:
        await asyncio.sleep(0.5)
        return self._pieces.pop(0)

    def release(self) -> None:
        return None

    def close(self) -> None:
        return None


class Server:
    """Answers every request with the same body."""

    def __init__(self, status: int, body: bytes) -> None:
        self._answer = status, body

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        await asyncio.sleep(0.25)
        return Incoming(*self._answer)

    async def aclose(self) -> None:
        return None


def answer(**message: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return encode({**ANSWER, "choices": [choice], "usage": USAGE})


USAGE = {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 21}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ANSWERS = {
    "a text": (200, answer(content="hello")),
    "facts": (200, encode({**ANSWER, "service_tier": "default", "system_fingerprint": "fp_1", "usage": USAGE})),
    "odd counts": (200, encode({**ANSWER, "usage": {**USAGE, "total_tokens": 20, "other_tokens": "many"}})),
    "no counts": (200, encode(ANSWER)),
    "a call": (200, answer(content=None, tool_calls=[CALL])),
    "text and a call": (200, answer(content="So:", tool_calls=[CALL])),
    "a refusal": (200, answer(content=None, refusal="no")),
    "nothing": (200, answer(content="")),
    "an error": (500, b'{"error": {"message": "down"}}'),
    "an error within": (200, b'{"error": {"message": "down", "code": "server_error"}}'),
    "half of it": (200, answer(content="hello")[:40]),
    "a number out of range": (200, answer(content="hello").replace(b"21", b"1e999")),
}


async def left_by(status: int, body: bytes, *, at_once: bool, forwarded: bool) -> list[Any]:
    """Carry out a request, and return all that is left of it."""
    ids, records = iter(range(100)), list[u.AttemptRecord]()
    loop = asyncio.get_running_loop()
    sources = Sources(new_id=lambda: f"id {next(ids)}", wall_clock=loop.time)
    engine = Engine(sources=sources, observers=(records.append,))
    config = u.ProviderConfig(provider="openai", api_key=u.Secret("sk-1"), base_url="https://one.test/v1")
    backend = u.create_provider(config, transport=Server(status, body)).backend
    origin = WireOrigin("openai", b'{"messages":[{"role":"user","content":"Hi"}]}') if forwarded else None
    request = u.GenerationRequest(messages=(u.Message.user("Hi"),), origin=origin)
    job = Job(id="job", operation=Operation.CHAT, request=request, rules=Rules(max_tries=2, retry_delay=0.0))
    one = Run(job, Plan((Step(backend.target("gpt-4o-mini"), "test"),)), {backend.name: backend}, engine)
    batches: list[Any] = []
    try:
        if at_once:
            await one.to_end()
        else:
            batches = [batch async for batch in one.events()]
    except u.LLMError as error:
        told: list[Any] = [type(error), str(error), error.failure, wire_answer_of(error)]
    else:
        told = [one.response, one.response.raw if one.response else None, one.wire_answer]
    assert batches == []
    return [told, records, one.records, str(one.journal.explanation()), loop.time()]


@pytest.mark.parametrize("forwarded", [False, True])
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_read_at_once_leaves_the_same(name: str, forwarded: bool) -> None:
    status, body = ANSWERS[name]
    at_once, _ = run(left_by(status, body, at_once=True, forwarded=forwarded))
    by_batch, _ = run(left_by(status, body, at_once=False, forwarded=forwarded))
    assert at_once == by_batch


def test_an_answer_that_came_whole_is_over_with_its_only_batch() -> None:
    async def scenario() -> None:
        config = u.ProviderConfig(provider="openai", api_key=u.Secret("sk-1"), base_url="https://one.test/v1")
        backend = u.create_provider(config, transport=Server(*ANSWERS["a text"])).backend
        request = u.GenerationRequest(messages=(u.Message.user("Hi"),))
        job = Job(id="job", operation=Operation.CHAT, request=request)
        stream = backend.attempt(job, backend.target("gpt-4o-mini"), Limits(), "attempt")
        batch = await anext(stream)
        assert stream.is_over
        assert stream.raw == ANSWERS["a text"][1]
        assert [event async for event in stream] == []
        assert batch[1].text == "hello"

    run(scenario())
