"""The explanation of a request, on virtual time: every timeline written out by hand."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Iterable
from random import Random
from typing import Any

import msgspec
import pytest

import understudy as u
from tests.engine.denying import Judge, denying
from tests.engine.fakes import CANARY, Incoming, RecordingTransport, everything_about
from understudy.domain.events import Finished, Started, TextDelta
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.fold import fold
from understudy.engine.engine import Engine, Sources
from understudy.virtual_time import run
from understudy.wire.http import HttpHead, HttpRequest

K = FailureKind
EPOCH = 1_800_000_000.0
DOWN = (1.0, u.ServerFailed("down", failure=Failure(kind=K.SERVER_ERROR, message="down", status=503)))
"""A failure after a second."""


def limited(seconds: float) -> tuple[float, u.LLMError]:
    """Return a rate limit with a hint, after a second."""
    failure = Failure(kind=K.RATE_LIMITED, message="slow down", status=429, retry_after=seconds)
    return 1.0, u.RateLimited("slow down", failure=failure)


class Middling(Random):
    """Chance that always draws the middle."""

    def random(self) -> float:
        return 0.5


class Speaker:
    """A provider whose calls take one script each, the last one for ever: pauses before pieces or exceptions."""

    provider_type = "own"

    def __init__(self, name: str, *scripts: Any, priority: int = 10) -> None:
        self.name, self.priority = name, priority
        self._scripts = list(scripts)

    async def stream(self, request: u.GenerationRequest) -> AsyncIterator[u.Event]:
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        pieces: Iterable[tuple[float, Any]] = [script] if isinstance(script, tuple) else script
        yield Started(model=self.name)
        for pause, piece in pieces:
            await asyncio.sleep(pause)
            if isinstance(piece, Exception):
                raise piece
            yield TextDelta(0, piece)
        yield Finished(u.FinishReason.STOP)

    async def generate(self, request: u.GenerationRequest) -> u.GenerationResponse:
        return fold([event async for event in self.stream(request)])


class Manager(u.ProviderManager):
    """A manager without chance, whose wall clock is that of the loop."""

    def __init__(self, *speakers: Any, admit: Judge | None = None, **fallback: Any) -> None:
        self._admit = admit
        super().__init__(list(speakers), u.FallbackConfig(**fallback))

    def _make_engine(self) -> Engine:
        numbers, loop = iter(range(1, 1_000_000)), asyncio.get_running_loop()
        sources = Sources(rng=Middling(), new_id=lambda: f"id-{next(numbers)}", wall_clock=lambda: EPOCH + loop.time())
        return denying(Engine(sources=sources), self._admit)


def timeline(explanation: u.Explanation | None) -> tuple[u.TimelineEvent, ...]:
    assert explanation is not None
    assert u.Explanation.from_dict(explanation.to_dict()) == explanation
    return explanation.timeline


def told(explanation: u.Explanation | None) -> list[str]:
    return [str(event) for event in timeline(explanation)]


async def fallen(work: Any) -> u.LLMError:
    with pytest.raises(u.LLMError) as caught:
        await work
    return caught.value


def test_a_plain_success() -> None:
    async def scenario() -> None:
        llm = Manager(Speaker("a", (2.0, "hi")), Speaker("b", (1.0, "ho"), priority=20))
        await asyncio.sleep(3.0)
        answer = await llm.generate("Why?")
        explanation = answer.explanation
        assert explanation is not None
        assert explanation.request_id == answer.attempts[0].request_id
        assert explanation.started == EPOCH + 3.0
        assert explanation.why == "by priority"
        assert explanation.steps == (
            u.PlannedTarget(place=1, target="a", why="priority 10"),
            u.PlannedTarget(place=2, target="b", why="priority 20"),
        )
        assert explanation.skipped == ()
        assert told(explanation) == [
            "0.000 s launched attempt 1, a: priority 10",
            "2.000 s ended attempt 1, a: the answer is whole and valid",
            "2.000 s committed attempt 1, a: its answer is the answer",
            "2.000 s settled attempt 1, a: answered",
        ]
        assert "explanation" not in answer.to_dict()
        assert pickle.loads(pickle.dumps(answer)).explanation is None
        assert str(explanation).splitlines()[:4] == [
            f"request {explanation.request_id}, started 2027-01-15 08:00:03 UTC",
            "order: by priority",
            "1. a: priority 10",
            "2. b: priority 20",
        ]

    run(scenario())


def test_a_fallback_after_back_off() -> None:
    async def scenario() -> None:
        llm = Manager(Speaker("a", DOWN), Speaker("b", (1.0, "ho"), priority=20), max_retries=2)
        assert told((await llm.generate("Why?")).explanation) == [
            "0.000 s launched attempt 1, a: priority 10",
            "1.000 s failed attempt 1, a: server_error (HTTP 503): down",
            "1.000 s decided attempt 1, a: retry in 0.50 s",
            "1.000 s waiting until 1.500 s: before the retry of a",
            "1.500 s launched attempt 2, a: attempt 2 at this target",
            "2.500 s failed attempt 2, a: server_error (HTTP 503): down",
            "2.500 s decided attempt 2, a: no retry: 2 attempts were made (max_retries); fall back to b",
            "2.500 s launched attempt 3, b: priority 20",
            "3.500 s ended attempt 3, b: the answer is whole and valid",
            "3.500 s committed attempt 3, b: its answer is the answer",
            "3.500 s settled attempt 3, b: answered",
        ]

    run(scenario())


def test_a_request_that_begins_with_a_wait() -> None:
    """Its only target is in cooldown when it starts, so that the first moment is one without actions."""

    async def scenario() -> None:
        llm = Manager(Speaker("a", limited(3.0), (2.0, "hi")), max_attempts=1)
        await fallen(llm.generate("Why?"))
        answer = await llm.generate("Why?")
        assert answer.text == "hi"
        lines = told(answer.explanation)
        assert lines[0] == "0.000 s skipped a until 3.000 s: rate_limited: slow down"
        assert lines[1].startswith("0.000 s waiting")
        assert [line.split()[2] for line in lines[-4:]] == ["launched", "ended", "committed", "settled"]

    run(scenario())


def test_a_target_in_cooldown_is_skipped() -> None:
    async def scenario() -> None:
        llm = Manager(Speaker("a", limited(30.0)), Speaker("b", (1.0, "ho"), priority=20))
        first = await llm.generate("Why?")
        assert told(first.explanation)[1:4] == [
            "1.000 s failed attempt 1, a: rate_limited (HTTP 429): slow down",
            "1.000 s decided attempt 1, a: no retry: the provider asks for a wait of 30 s, and max_wait is 20 s; "
            "fall back to b",
            "1.000 s launched attempt 2, b: priority 20",
        ]
        await asyncio.sleep(3.0)
        assert told((await llm.generate("Why?")).explanation) == [
            "0.000 s skipped a until 26.000 s: rate_limited: slow down",
            "0.000 s launched attempt 1, b: priority 20; not asked: a for 26 s (rate_limited: slow down)",
            "1.000 s ended attempt 1, b: the answer is whole and valid",
            "1.000 s committed attempt 1, b: its answer is the answer",
            "1.000 s settled attempt 1, b: answered",
        ]

    run(scenario())


def test_waiting_for_the_only_target() -> None:
    """The wait of a cooldown: the hint and a twentieth of it, so that not all callers return at once."""

    async def scenario() -> None:
        llm = Manager(Speaker("a", limited(10.0), (1.0, "hi")), max_retries=1)
        assert told((await fallen(llm.generate("Why?"))).explanation) == [
            "0.000 s launched attempt 1, a: priority 10",
            "1.000 s failed attempt 1, a: rate_limited (HTTP 429): slow down",
            "1.000 s decided attempt 1, a: no retry: 1 attempt was made (max_retries); no other target is left",
            "1.000 s settled attempt 1, a: rate_limited (HTTP 429): slow down",
        ]
        await asyncio.sleep(4.0)
        assert told((await llm.generate("Why?")).explanation) == [
            "0.000 s skipped a until 6.000 s: rate_limited: slow down",
            "0.000 s waiting until 6.300 s: for the end of the cooldown of a",
            "6.300 s launched attempt 1, a: priority 10",
            "7.300 s ended attempt 1, a: the answer is whole and valid",
            "7.300 s committed attempt 1, a: its answer is the answer",
            "7.300 s settled attempt 1, a: answered",
        ]

    run(scenario())


def test_a_hedge() -> None:
    async def scenario() -> None:
        llm = Manager(Speaker("a", (40.0, "hi")), Speaker("b", (1.0, "ho"), priority=20), hedge=True, hedge_after=2.0)
        assert told((await llm.generate("Why?")).explanation) == [
            "0.000 s launched attempt 1, a: priority 10",
            "2.000 s decided attempt 1, a: silent for 2 s: ask b too",
            "2.000 s hedged attempt 2, b: priority 20",
            "3.000 s began attempt 2, b: content arrives",
            "3.000 s ended attempt 2, b: the answer is whole and valid",
            "3.000 s committed attempt 2, b: its answer is the answer",
            "3.000 s aborted attempt 1, a: another attempt answered first",
            "3.000 s settled attempt 2, b: answered",
        ]

    run(scenario())


def test_probes_while_all_are_down() -> None:
    async def scenario() -> None:
        llm = Manager(Speaker("a", *[DOWN] * 6, (1.0, "hi")), max_retries=1)
        errors = await asyncio.gather(*(fallen(llm.generate("Why?")) for _ in range(6)))
        assert all(isinstance(error, u.ServerFailed) for error in errors)
        first, second = await asyncio.gather(llm.generate("Why?"), llm.generate("Why?"))
        opened = "circuit breaker: server_error: down"
        assert told(first.explanation) == [
            f"0.000 s skipped a until 0.750 s: {opened}",
            "0.000 s waiting until 0.787 s: for the end of the cooldown of a",
            "0.787 s probed attempt 1, a: priority 10; other requests wait for the outcome of this probe",
            "1.788 s began attempt 1, a: content arrives",
            "1.788 s ended attempt 1, a: the answer is whole and valid",
            "1.788 s committed attempt 1, a: its answer is the answer",
            "1.788 s settled attempt 1, a: answered",
        ]
        assert told(second.explanation)[:4] == [
            f"0.000 s skipped a until 0.750 s: {opened}",
            "0.000 s waiting until 0.787 s: for the end of the cooldown of a",
            f"0.787 s skipped a until 10.787 s: {opened}",
            "0.787 s waiting until 0.988 s: another request probes a",
        ]
        # It looks every 0.2 s whether the probe has ended, which is not news.
        assert [event.what for event in timeline(second.explanation)[4:]] == [
            "probed", "began", "ended", "committed", "settled",
        ]  # fmt: skip

    run(scenario())


def test_a_stream_that_restarts() -> None:
    async def scenario() -> None:
        cut = u.StreamInterrupted("cut", failure=Failure(kind=K.TRUNCATED, message="cut"))
        broken = Speaker("a", [(1.0, "The sky "), (1.0, cut)])
        llm = Manager(broken, Speaker("b", [(1.0, "Blue "), (1.0, "it is.")], priority=20))
        stream = llm.stream("Why?", on_midstream_error="restart")
        assert stream.explanation is None
        assert [event async for event in stream]
        assert told(stream.explanation) == [
            "0.000 s launched attempt 1, a: priority 10",
            "1.000 s began attempt 1, a: content arrives",
            "1.000 s committed attempt 1, a: its answer is the answer",
            "2.000 s failed attempt 1, a: truncated: cut",
            "2.000 s decided attempt 1, a: fall back to b",
            "2.000 s launched attempt 2, b: priority 20",
            "3.000 s began attempt 2, b: content arrives",
            "3.000 s restarted attempt 2, b: its answer replaces that of attempt 1",
            "4.000 s ended attempt 2, b: the answer is whole and valid",
            "4.000 s settled attempt 2, b: answered",
        ]
        assert stream.response.explanation == stream.explanation

    run(scenario())


def test_a_stream_that_is_held_back_does_not_report_each_piece() -> None:
    async def scenario() -> None:
        llm = Manager(Speaker("a", [(1.0, "word ")] * 30))
        stream = llm.stream("Why?", on_midstream_error="hold")
        assert [event async for event in stream]
        assert told(stream.explanation) == [
            "0.000 s launched attempt 1, a: priority 10",
            "1.000 s began attempt 1, a: content arrives",
            "30.000 s ended attempt 1, a: the answer is whole and valid",
            "30.000 s committed attempt 1, a: its answer is the answer",
            "30.000 s settled attempt 1, a: answered",
        ]

    run(scenario())


def test_the_deadline() -> None:
    async def scenario() -> None:
        llm = Manager(Speaker("a", (40.0, "hi")))
        error = await fallen(llm.generate("Why?", deadline=5.0))
        assert isinstance(error, u.DeadlineExceeded)
        assert told(error.explanation) == [
            "0.000 s launched attempt 1, a: priority 10",
            "5.000 s aborted attempt 1, a: the request's deadline of 5 s passed",
            "5.000 s settled attempt 1, a: deadline: the request's deadline of 5 s passed",
        ]

    run(scenario())


def test_a_stream_that_is_closed() -> None:
    async def scenario() -> None:
        llm = Manager(Speaker("a", [(1.0, "The sky "), (1.0, "is")]))
        stream = llm.stream("Why?")
        async with stream:
            await anext(stream)
        assert told(stream.explanation) == [
            "0.000 s launched attempt 1, a: priority 10",
            "1.000 s began attempt 1, a: content arrives",
            "1.000 s committed attempt 1, a: its answer is the answer",
            "1.000 s cancelled: the stream was closed before its end",
            "1.000 s aborted attempt 1, a: the stream was closed before its end",
            "1.000 s settled attempt 1, a: cancelled: the stream was closed before its end",
        ]
        error = await fallen(stream.read())
        assert error.explanation == stream.explanation

    run(scenario())


def test_what_a_limit_of_this_side_forbids() -> None:
    def admit(job: Any, launch: Any) -> Failure | None:
        forbidden = Failure(kind=K.BILLING, message="the budget of a is spent", sent=False)
        return forbidden if launch.target.name == "a" else None

    async def scenario() -> None:
        llm = Manager(Speaker("a", (1.0, "hi")), Speaker("b", (1.0, "ho"), priority=20), admit=admit)
        assert told((await llm.generate("Why?")).explanation) == [
            "0.000 s denied attempt 1, a: the budget of a is spent",
            "0.000 s launched attempt 1, b: priority 20; not asked: a (the budget of a is spent)",
            "1.000 s ended attempt 1, b: the answer is whole and valid",
            "1.000 s committed attempt 1, b: its answer is the answer",
            "1.000 s settled attempt 1, b: answered",
        ]

    run(scenario())


class Refusing(RecordingTransport):
    """Refuses some keys, and repeats them in its message."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refused = refused

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        key = next(value for name, value in request.headers if name.lower() == "authorization").rpartition(" ")[2]
        if key not in self.refused:
            return await super().send(request, connect=connect)
        await asyncio.sleep(1.0)
        error = {"message": f"Incorrect API key provided: {key}", "code": "invalid_api_key", "type": "auth"}
        answer = Incoming("application/json", msgspec.json.encode({"error": error}))
        answer.head = HttpHead(401, {"content-type": "application/json"})
        return answer


class Vectors(RecordingTransport):
    """Answers after a tenth of a second for each text."""

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        count = len(msgspec.json.decode(request.body or b"{}")["input"])
        await asyncio.sleep(count / 10)
        data = [{"object": "embedding", "index": index, "embedding": [1.0]} for index in range(count)]
        return Incoming("application/json", msgspec.json.encode({"object": "list", "model": "e", "data": data}))


def made(config: u.ProviderConfig, transport: RecordingTransport) -> u.Provider:
    """Return a provider whose prices are loaded: on virtual time no thread is waited for."""
    provider = u.create_provider(config, transport=transport)
    provider.backend.load_prices()
    return provider


def pooled(keys: list[str], *refused: str) -> u.Provider:
    config = u.ProviderConfig(provider="openai", name="a", api_key=keys, text_model="m", embedding_model="e")
    return made(config, Refusing(*refused))


def test_another_key_of_the_pool() -> None:
    async def scenario() -> None:
        llm = Manager(pooled([CANARY, "sk-good-0000000000"], CANARY))
        answer = await llm.generate("Why?")
        assert told(answer.explanation) == [
            "0.000 s launched attempt 1, a/m, key 1 of 2: priority 10",
            "1.000 s failed attempt 1, a/m: authentication (HTTP 401): Incorrect API key provided: [key]",
            "1.000 s decided attempt 1, a/m: try another of the 2 keys",
            "1.000 s launched attempt 2, a/m, key 2 of 2: attempt 2 at this target",
            "1.000 s ended attempt 2, a/m: the answer is whole and valid",
            "1.000 s committed attempt 2, a/m: its answer is the answer",
            "1.000 s settled attempt 2, a/m: answered",
        ]

    run(scenario())


def test_it_holds_no_key_and_no_prompt() -> None:
    async def scenario() -> None:
        llm = Manager(pooled([CANARY], CANARY))
        error = await fallen(llm.generate("A question that is a secret"))
        explanation = error.explanation
        words = f"{explanation} {explanation!r} {msgspec.json.encode(explanation).decode()} {everything_about(error)}"
        assert "authentication (HTTP 401)" in words
        assert CANARY not in words
        assert "secret" not in words
        again = pickle.loads(pickle.dumps(error))
        assert again.explanation == explanation

    run(scenario())


def test_batches_of_an_embedding_share_one_timeline() -> None:
    async def scenario() -> None:
        config = u.ProviderConfig(provider="openai", name="a", api_key="sk-test", embedding_model="e")
        answer = await Manager(made(config, Vectors())).embed(["text"] * 513)
        assert told(answer.explanation) == [
            "0.000 s batch 1: launched attempt 1, a/e: priority 10",
            "0.000 s batch 2: launched attempt 1, a/e: priority 10",
            "0.100 s batch 2: ended attempt 1, a/e: the answer is whole and valid",
            "0.100 s batch 2: committed attempt 1, a/e: its answer is the answer",
            "0.100 s batch 2: settled attempt 1, a/e: answered",
            "51.200 s batch 1: ended attempt 1, a/e: the answer is whole and valid",
            "51.200 s batch 1: committed attempt 1, a/e: its answer is the answer",
            "51.200 s batch 1: settled attempt 1, a/e: answered",
        ]

    run(scenario())


def test_the_same_chance_gives_the_same_explanation() -> None:
    async def scenario() -> u.Explanation | None:
        llm = Manager(Speaker("a", DOWN, limited(2.0), (1.0, "hi")), Speaker("b", DOWN, priority=20))
        return (await llm.generate("Why?")).explanation

    first, second = run(scenario())[0], run(scenario())[0]
    assert first == second
    assert len(timeline(first)) > 8
