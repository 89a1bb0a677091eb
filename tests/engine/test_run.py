"""Runs with attempts beside each other: a hedge, who wins, and what becomes of the other; on virtual time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

import understudy as u
from tests.engine.denying import denying
from understudy.domain.events import Finished, Started, TextDelta
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.engine.custom_backend import CustomAttempt, CustomBackend
from understudy.engine.engine import Engine
from understudy.engine.job import Job
from understudy.engine.run import Run
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Launch, Rules
from understudy.policy.targets import Limits, Target
from understudy.virtual_time import VirtualTimeLoop, run

WORDS = ("one ", "two ", "three ")
GAP = 0.1


class Paced:
    """A provider that is silent for a while, then speaks a word every tenth of a second; or fails."""

    provider_type, priority = "own", 10

    def __init__(self, name: str, silence: float, error: u.LLMError | None = None) -> None:
        self.name = name
        self.silence = silence
        self.error = error
        self.said: list[str] = []
        self.given_up = False
        self.asked = 0

    async def stream(self, request: u.GenerationRequest) -> AsyncIterator[u.Event]:
        self.asked += 1
        try:
            yield Started(model="m")
            await asyncio.sleep(self.silence)
            if self.error is not None:
                raise self.error
            for word in WORDS:
                self.said.append(word)
                yield TextDelta(0, f"{self.name}:{word}")
                await asyncio.sleep(GAP)
            yield Finished(u.FinishReason.STOP)
        except (asyncio.CancelledError, GeneratorExit):
            self.given_up = True
            raise

    async def generate(self, request: u.GenerationRequest) -> u.GenerationResponse:
        self.asked += 1
        try:
            await asyncio.sleep(self.silence)
        except asyncio.CancelledError:
            self.given_up = True
            raise
        if self.error is not None:
            raise self.error
        return u.GenerationResponse(message=u.Message.assistant(self.name), finish_reason=u.FinishReason.STOP)


def failing(kind: FailureKind) -> u.LLMError:
    return u.ServerFailed("no", failure=Failure(kind=kind, message="no"))


def a_run(
    *providers: Paced, engine: Engine | None = None, streamed: bool = True, hedge_after: float | None = 1.0
) -> Run:
    steps = tuple(Step(Target(name=each.name, model="m", index=at), "test") for at, each in enumerate(providers))
    rules = Rules(streamed=streamed, hedge_after=hedge_after, retry_delay=0.0, deadline=60.0)
    request = u.GenerationRequest(messages=(u.Message.user("Hi"),))
    job = Job(id="job", operation=Operation.CHAT, request=request, rules=rules)
    backends = {each.name: CustomBackend(each) for each in providers}  # type: ignore[arg-type]
    return Run(job, Plan(steps), backends, engine or Engine())


async def words_of(one: Run) -> str:
    events = [event async for batch in one.events() for event in batch]
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def outcomes(one: Run) -> list[tuple[str, str]]:
    return [(record.provider, record.outcome.value) for record in one.records]


def test_a_silent_target_is_hedged_and_the_first_to_speak_is_the_answer() -> None:
    async def scenario() -> None:
        first, second = Paced("a", 30.0), Paced("b", 0.5)
        one = a_run(first, second)
        assert await words_of(one) == "b:one b:two b:three "
        await asyncio.sleep(0)
        assert first.given_up
        assert first.said == []
        assert outcomes(one) == [("a", "aborted"), ("b", "won")]
        lost, won = one.records
        assert lost.failure is not None
        assert lost.failure.message == "another attempt answered first"
        assert lost.next_step == "silent for 1 s: ask b/m too"
        assert won.number == 2
        assert one.response is not None
        assert one.response.provider == "b"
        assert len(one.response.attempts) == 2

    _, took = run(scenario())
    assert took == pytest.approx(1.0 + 0.5 + 3 * GAP)


def test_the_first_may_still_win_and_the_hedge_is_given_up() -> None:
    async def scenario() -> None:
        first, second = Paced("a", 1.5), Paced("b", 30.0)
        one = a_run(first, second)
        assert await words_of(one) == "a:one a:two a:three "
        await asyncio.sleep(0)
        assert second.given_up
        assert outcomes(one) == [("a", "won"), ("b", "aborted")]

    run(scenario())


def test_a_whole_answer_is_hedged_too() -> None:
    async def scenario() -> None:
        first, second = Paced("a", 30.0), Paced("b", 0.5)
        engine = Engine()
        one = a_run(first, second, engine=engine, streamed=False)
        await one.to_end()
        assert one.response is not None
        assert one.response.text == "b"
        await engine.background.finish()
        assert first.given_up
        assert outcomes(one) == [("a", "aborted"), ("b", "won")]

    _, took = run(scenario())
    assert took == pytest.approx(1.5)


def test_the_run_knows_what_the_caller_has_been_handed() -> None:
    async def scenario() -> None:
        first = Paced("a", 0.0)
        one = a_run(first, hedge_after=None)
        events = one.events()
        handed = ""
        assert one.fold is None
        async for batch in events:
            handed += "".join(event.text for event in batch if isinstance(event, TextDelta))
            if len(first.said) == 2:
                break
        await events.aclose()
        assert one.fold is not None
        assert one.fold.response().text == handed == "a:one a:two "

    run(scenario())


def test_a_target_that_answers_in_time_is_not_hedged() -> None:
    async def scenario() -> None:
        first, second = Paced("a", 0.5), Paced("b", 0.5)
        one = a_run(first, second)
        assert await words_of(one) == "a:one a:two a:three "
        assert second.asked == 0

    run(scenario())


def test_the_other_attempt_goes_on_when_one_fails_and_the_next_follows_when_both_do() -> None:
    async def scenario() -> None:
        first = Paced("a", 2.0, failing(FailureKind.TRUNCATED))
        second = Paced("b", 3.0, failing(FailureKind.TRUNCATED))
        third = Paced("c", 0.0)
        one = a_run(first, second, third)
        assert await words_of(one) == "c:one c:two c:three "
        assert one.records[0].next_step == "silent for 1 s: ask b/m too; the other attempt goes on"
        assert outcomes(one)[-1] == ("c", "won")
        assert {record.provider for record in one.records} == {"a", "b", "c"}

    run(scenario())


def test_a_failure_that_no_other_target_mends_ends_both() -> None:
    async def scenario() -> None:
        engine = Engine()
        first, second = Paced("a", 2.0, failing(FailureKind.UNKNOWN_STATUS)), Paced("b", 30.0)
        one = a_run(first, second, engine=engine)
        with pytest.raises(u.LLMError):
            await words_of(one)
        await engine.background.finish()
        assert second.given_up
        assert outcomes(one) == [("a", "failed"), ("b", "aborted")]

    run(scenario())


def test_a_caller_who_leaves_ends_both_and_both_are_accounted_for() -> None:
    async def scenario() -> None:
        engine = Engine()
        first, second = Paced("a", 30.0), Paced("b", 30.0)
        one = a_run(first, second, engine=engine)
        reading = asyncio.ensure_future(words_of(one))
        await asyncio.sleep(5.0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await engine.background.finish()
        assert first.given_up
        assert second.given_up
        assert outcomes(one) == [("a", "aborted"), ("b", "aborted")]
        assert not engine.running

    run(scenario())


def test_closing_the_engine_ends_both() -> None:
    async def scenario() -> None:
        unseen: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        engine = Engine()
        first, second = Paced("a", 30.0), Paced("b", 30.0)
        one = a_run(first, second, engine=engine)
        reading = asyncio.ensure_future(words_of(one))
        await asyncio.sleep(5.0)
        await engine.close()
        with pytest.raises(u.Unavailable, match="the provider was closed"):
            await reading
        assert outcomes(one) == [("a", "aborted"), ("b", "aborted")]
        gc.collect()
        assert unseen == []

    run(scenario())


def test_a_slow_reader_slows_the_provider_down() -> None:
    async def scenario() -> None:
        first, second = Paced("a", 30.0), Paced("b", 0.0)
        one = a_run(first, second)
        events = one.events()
        while not any(isinstance(event, TextDelta) for event in await anext(events)):
            pass
        await asyncio.sleep(10.0)
        assert second.said == list(WORDS[:2]), "one batch is read ahead, no more"
        await events.aclose()

    run(scenario())


@pytest.mark.parametrize("streamed", [True, False])
def test_one_attempt_at_a_time_costs_no_task(streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        made: list[Any] = []
        monkeypatch.setattr(asyncio.get_running_loop(), "create_task", lambda *args, **more: made.append(args))
        one = a_run(Paced("a", 0.5), Paced("b", 0.5), streamed=streamed, hedge_after=None)
        await one.to_end()
        assert one.response is not None
        assert made == []

    run(scenario())


def test_what_may_not_be_asked_is_denied_and_the_next_target_is() -> None:
    def admit(job: Job, launch: Launch) -> Failure | None:
        if launch.target.name == "a":
            return Failure(kind=FailureKind.UNSUPPORTED, message="a is over its budget", sent=False)
        return None

    async def scenario() -> None:
        first, second = Paced("a", 0.0), Paced("b", 0.0)
        one = a_run(first, second, engine=denying(Engine(), admit), hedge_after=None)
        assert await words_of(one) == "b:one b:two b:three "
        assert first.asked == 0
        assert [(record.number, record.provider) for record in one.records] == [(1, "b")]
        alone = a_run(first, engine=denying(Engine(), admit), hedge_after=None)
        with pytest.raises(u.Unsupported, match="a is over its budget"):
            await words_of(alone)
        assert alone.records == []

    run(scenario())


def test_loading_what_an_attempt_needs_is_no_part_of_its_duration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first attempt of a process loads its dialect and the HTTP library: no provider is slow because of it."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        opened = CustomBackend.attempt

        def loads_first(backend: CustomBackend, *args: Any) -> CustomAttempt:
            loop.advance(5.0)
            return opened(backend, *args)

        monkeypatch.setattr(CustomBackend, "attempt", loads_first)
        one = a_run(Paced("a", 0.5), hedge_after=None)
        await one.to_end()
        (record,) = one.records
        assert record.first_event == pytest.approx(0.5)
        assert record.duration == pytest.approx(0.5 + 3 * GAP)

    run(scenario())


def test_an_attempt_that_cancels_itself_has_failed() -> None:
    class Cancelling(Paced):
        async def stream(self, request: u.GenerationRequest) -> AsyncIterator[u.Event]:
            yield Started(model="m")
            raise asyncio.CancelledError

    async def scenario() -> None:
        one = a_run(Cancelling("a", 0.0), Paced("b", 0.5))
        assert await words_of(one) == "b:one b:two b:three "
        assert outcomes(one) == [("a", "failed"), ("b", "won")]

    _, took = run(scenario())
    assert took < 10.0


def test_an_attempt_that_follows_a_failure_is_not_hedged_by_the_timer_of_the_first() -> None:
    async def scenario() -> None:
        first, second, third = Paced("a", 0.9, failing(FailureKind.TLS)), Paced("b", 0.5), Paced("c", 0.0)
        one = a_run(first, second, third)
        assert await words_of(one) == "b:one b:two b:three "
        assert third.asked == 0

    run(scenario())


@pytest.mark.parametrize("hedge_after", [1.0, None])
def test_a_caller_who_leaves_twice_leaves_nothing_behind(hedge_after: float | None) -> None:
    class Clinging(Paced):
        async def stream(self, request: u.GenerationRequest) -> AsyncIterator[u.Event]:
            try:
                async for event in super().stream(request):
                    yield event
            finally:
                await asyncio.sleep(3.0)

    async def scenario() -> None:
        engine = Engine()
        one = a_run(Clinging("a", 0.0), engine=engine, hedge_after=hedge_after)
        events = one.events()
        while not any(isinstance(event, TextDelta) for event in await anext(events)):
            pass
        closing = asyncio.ensure_future(events.aclose())
        await asyncio.sleep(1.0)
        closing.cancel()
        await asyncio.wait((closing,))
        assert not engine.running
        assert outcomes(one) == [("a", "aborted")]
        await engine.background.finish()

    run(scenario())


def test_a_hedged_stream_that_is_let_go_of_is_closed() -> None:
    async def scenario() -> None:
        engine = Engine()
        first, second = Paced("a", 30.0), Paced("b", 0.5)
        one = a_run(first, second, engine=engine)
        events = one.events()
        while not any(isinstance(event, TextDelta) for event in await anext(events)):
            pass
        del events
        gc.collect()
        await asyncio.sleep(1.0)
        assert second.given_up
        assert outcomes(one) == [("a", "aborted"), ("b", "aborted")]
        assert not engine.running

    run(scenario())


def test_a_time_limit_counts_from_the_launch_also_at_the_time_zero() -> None:
    async def scenario() -> None:
        steps = (Step(Target(name="a", model="m", limits=Limits(total=0.65)), "test"),)
        request = u.GenerationRequest(messages=(u.Message.user("Hi"),))
        job = Job(id="job", operation=Operation.CHAT, request=request, rules=Rules(streamed=True, max_tries=1))
        backend = CustomBackend(Paced("a", 0.5))  # type: ignore[arg-type]
        one = Run(job, Plan(steps), {"a": backend}, Engine())
        with pytest.raises(u.Unavailable):
            await one.to_end()
        assert one.records[0].duration == pytest.approx(0.65)

    run(scenario())
