"""The main job over real sockets: a provider is lost, the next goes on, and what happened is told."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import understudy as u
from tests.scenarios.conftest import Stage
from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault
from understudy.protocol import LLMProvider

QUICK = {"openai": {"first_event_timeout": 0.15, "idle_timeout": 0.15, "timeout": 0.3}}
"""Time-outs short enough to wait for in a test."""


async def ask(llm: LLMProvider, *, streamed: bool, **options: Any) -> u.GenerationResponse:
    if not streamed:
        return await llm.generate("Why is the sky blue?", **options)
    stream = llm.stream("Why is the sky blue?", **options)
    assert isinstance(stream, u.ResponseStream)
    return await stream.collect()


def kinds(attempts: tuple[u.AttemptRecord, ...]) -> list[tuple[str, str | None]]:
    return [(attempt.provider, attempt.failure.kind if attempt.failure else None) for attempt in attempts]


BEFORE_THE_FIRST_WORDS = {
    "server error": (Fault.status(500), K.SERVER_ERROR),
    "overloaded": (Fault.status(503), K.OVERLOADED),
    "wrong key": (Fault.status(401), K.AUTHENTICATION),
    "no permission": (Fault.status(403), K.PERMISSION),
    "unknown model": (Fault.status(404), K.NOT_FOUND),
    "rate limit without a hint": (Fault.status(429), K.RATE_LIMITED),
    "rate limit for long": (Fault.status(429, retry_after=3600), K.RATE_LIMITED),
    "no credit": (Fault.error(K.BILLING), K.BILLING),
    "redirect": (Fault.redirect("http://127.0.0.1:1/"), K.REDIRECT),
    "page of HTML": (Fault.wrong_content_type(), K.BAD_RESPONSE),
    "reset before the answer": (Fault.reset(), K.DISCONNECTED),
    "empty answer": (Fault.empty(), K.EMPTY),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("name", BEFORE_THE_FIRST_WORDS)
async def test_a_primary_that_fails_is_replaced(emulator: Emulator, stage: Stage, name: str, streamed: bool) -> None:
    fault, kind = BEFORE_THE_FIRST_WORDS[name]
    emulator.script("openai", always=fault)
    response = await ask(stage(), streamed=streamed)
    assert response.provider == "backup"
    assert response.text
    tried = kinds(response.attempts)
    assert set(tried[:-1]) == {("primary", kind)}
    assert tried[-1] == ("backup", None)
    assert len(emulator.requests("openai")) == len(tried) - 1
    assert all(attempt.next_step for attempt in response.attempts[:-1])


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_a_primary_that_is_down_is_replaced_at_once(emulator: Emulator, stage: Stage, streamed: bool) -> None:
    await emulator.stop("openai")
    response = await ask(stage(), streamed=streamed)
    assert kinds(response.attempts) == [("primary", K.CONNECT), ("backup", None)]
    assert response.attempts[0].cost_basis is u.CostBasis.NOT_SENT


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_a_short_retry_after_is_waited_for(emulator: Emulator, stage: Stage, streamed: bool) -> None:
    emulator.script("openai", [Fault.status(429, retry_after=0.2)])
    began = time.monotonic()
    response = await ask(stage(), streamed=streamed)
    assert kinds(response.attempts) == [("primary", K.RATE_LIMITED), ("primary", None)]
    assert time.monotonic() - began >= 0.2
    assert response.attempts[1].waited >= 0.2


SILENT = {
    "slow headers": (Fault.slow_headers(), K.TIMEOUT_HEADERS),
    "no first content": (Fault.slow_first_event(), K.TIMEOUT_FIRST_EVENT),
    "pings for ever": (Fault.pings(after=0, seconds=0.01), K.TIMEOUT_FIRST_EVENT),
}


@pytest.mark.parametrize("name", SILENT)
async def test_a_silent_primary_is_replaced(emulator: Emulator, stage: Stage, name: str) -> None:
    fault, kind = SILENT[name]
    emulator.script("openai", always=fault)
    response = await ask(stage(entries=QUICK), streamed=True)
    assert kinds(response.attempts) == [("primary", kind), ("backup", None)]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(Fault.slow_headers(), K.TIMEOUT_HEADERS), (Fault.stall(after=0), K.TIMEOUT_FIRST_EVENT)],
    ids=["headers", "body"],
)
async def test_a_silent_primary_is_replaced_for_whole_answers(
    emulator: Emulator, stage: Stage, fault: Fault, kind: K
) -> None:
    """They are streamed inside while another target is left."""
    emulator.script("openai", always=fault)
    response = await ask(stage(entries=QUICK), streamed=False)
    assert kinds(response.attempts) == [("primary", kind), ("backup", None)]


BROKEN = {
    "cut": (Fault.cut(after=0), {K.TRUNCATED, K.DISCONNECTED, K.BAD_RESPONSE}),
    "cut cleanly": (Fault.cut(after=0, clean=True), {K.TRUNCATED, K.BAD_RESPONSE}),
    "reset": (Fault.reset(after=0), {K.DISCONNECTED}),
    "malformed event": (Fault.malformed_event(after=0), {K.BAD_RESPONSE}),
    "error event": (Fault.error_event(after=0), {K.OVERLOADED, K.SERVER_ERROR}),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("name", BROKEN)
async def test_an_answer_that_breaks_before_its_first_words_is_replaced(
    emulator: Emulator, stage: Stage, name: str, streamed: bool
) -> None:
    fault, expected = BROKEN[name]
    emulator.script("openai", always=fault)
    response = await ask(stage(max_retries=1), streamed=streamed)
    (lost, won) = kinds(response.attempts)
    assert lost[1] in expected
    assert won == ("backup", None)


AFTER = {
    "cut": (Fault.cut(after=2), {K.TRUNCATED, K.DISCONNECTED}),
    "cut cleanly": (Fault.cut(after=2, clean=True), {K.TRUNCATED}),
    "reset": (Fault.reset(after=2), {K.DISCONNECTED}),
    "stall": (Fault.stall(after=2), {K.STALLED}),
    "malformed event": (Fault.malformed_event(after=2), {K.BAD_RESPONSE}),
    "error event": (Fault.error_event(after=2), {K.OVERLOADED, K.SERVER_ERROR}),
}


@pytest.mark.parametrize("name", AFTER)
async def test_a_stream_that_breaks_after_its_first_words_says_so_and_nothing_replaces_it(
    emulator: Emulator, stage: Stage, name: str
) -> None:
    fault, expected = AFTER[name]
    emulator.script("openai", always=fault)
    shown = ""
    with pytest.raises(u.Unavailable) as caught:
        async for text in stage(entries=QUICK).stream("Why is the sky blue?").text():
            shown += text
    assert shown
    assert caught.value.partial is not None
    assert caught.value.partial.text == shown
    assert caught.value.failure is not None
    assert caught.value.failure.kind in expected
    assert emulator.requests("anthropic") == []
    assert [attempt.provider for attempt in caught.value.attempts] == ["primary"]


async def test_a_plain_answer_that_breaks_in_its_middle_is_invisible(emulator: Emulator, stage: Stage) -> None:
    emulator.script("openai", always=Fault.cut(after=2))
    response = await ask(stage(max_retries=1), streamed=False)
    assert response.provider == "backup"


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_the_third_is_reached_when_the_first_two_fail(emulator: Emulator, stage: Stage, streamed: bool) -> None:
    emulator.script("openai", always=Fault.status(500))
    emulator.script("anthropic", always=Fault.status(500))
    response = await ask(stage(max_retries=3), streamed=streamed)
    assert [attempt.provider for attempt in response.attempts] == ["primary"] * 3 + ["backup", "local"]


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_when_all_fail_one_error_tells_every_attempt(emulator: Emulator, stage: Stage, streamed: bool) -> None:
    emulator.script("openai", always=Fault.status(500))
    await emulator.stop("anthropic")
    emulator.script("ollama", always=Fault.status(503))
    ledger = u.MemoryLedger()
    with pytest.raises(u.GenerationFailed) as caught:
        await ask(stage(sink=ledger), streamed=streamed)
    assert [a.provider for a in caught.value.attempts] == [a.provider for a in ledger]
    assert {a.provider for a in caught.value.attempts} == {"primary", "backup", "local"}
    for name in ("primary", "backup", "local"):
        assert name in str(caught.value)


async def test_a_wrong_key_is_not_tried_again_by_the_next_request(emulator: Emulator, stage: Stage) -> None:
    manager = stage(entries={"openai": {"api_key": u.Secret("wrong-key")}})
    first, second = await ask(manager, streamed=False), await ask(manager, streamed=False)
    assert kinds(first.attempts) == [("primary", K.AUTHENTICATION), ("backup", None)]
    assert kinds(second.attempts) == [("backup", None)]
    assert "wrong-key" not in "".join(map(str, first.attempts))


async def test_an_invalid_request_goes_nowhere_else(emulator: Emulator, stage: Stage) -> None:
    emulator.script("openai", always=Fault.status(400))
    with pytest.raises(u.InvalidRequest):
        await ask(stage(), streamed=False)
    assert emulator.requests("anthropic") == []


async def test_the_deadline_bounds_everything(emulator: Emulator, stage: Stage) -> None:
    for provider in ("openai", "anthropic", "ollama"):
        emulator.script(provider, always=Fault.slow_headers())
    with pytest.raises(u.DeadlineExceeded) as caught:
        await asyncio.wait_for(ask(stage(), streamed=False, deadline=0.3), 30)
    assert len(caught.value.attempts) == 1


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_cancelling_closes_the_connection_upstream(emulator: Emulator, stage: Stage, streamed: bool) -> None:
    emulator.script("openai", always=Fault.stall(after=1))
    ledger = u.MemoryLedger()
    manager = stage(sink=ledger)
    task = asyncio.create_task(ask(manager, streamed=streamed))
    while not emulator.requests("openai"):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30):
        while not emulator.cancelled("openai"):
            await asyncio.sleep(0.01)
    assert emulator.cancelled("openai") == 1
    assert [record.outcome for record in ledger] == [u.Outcome.ABORTED]


async def test_leaving_a_stream_closes_the_connection_upstream(emulator: Emulator, stage: Stage) -> None:
    emulator.script("openai", always=Fault.endless(0.005))
    async with stage().stream("Tell me everything.") as stream:
        async for _ in stream.text():
            break
    async with asyncio.timeout(30):
        while not emulator.cancelled("openai"):
            await asyncio.sleep(0.01)
    assert emulator.cancelled("openai") == 1


async def test_every_attempt_counts_in_the_statistics(emulator: Emulator, stage: Stage) -> None:
    emulator.script("openai", [Fault.status(500)])
    manager = stage()
    await ask(manager, streamed=False)
    await ask(manager, streamed=True)
    stats = manager.stats()
    assert (stats.total_requests, stats.successful_requests, stats.failed_requests) == (3, 2, 1)
    assert stats.total_tokens_input > 0
    assert stats.total_tokens_output > 0
    assert stats.calls_of_unknown_cost == 3
    assert manager.providers[0].stats() == stats


async def test_a_provider_alone_has_the_same_retries(emulator: Emulator) -> None:
    emulator.script("groq", [Fault.status(500), Fault.status(503)])
    config = u.ProviderConfig(provider="groq", base_url=emulator.url("groq"), api_key=u.Secret(emulator.key))
    async with u.create_provider(config, fallback=u.FallbackConfig(retry_delay_ms=1)) as groq:
        response = await ask(groq, streamed=False)
    assert kinds(response.attempts) == [("groq", K.SERVER_ERROR), ("groq", K.OVERLOADED), ("groq", None)]


async def test_strict_skips_a_target_that_cannot_express_everything(emulator: Emulator, stage: Stage) -> None:
    manager = stage("anthropic", "ollama", strict=True)
    response = await manager.generate("Hello", seed=7)
    assert kinds(response.attempts) == [("backup", K.UNSUPPORTED), ("local", None)]
    assert emulator.requests("anthropic") == []
    relaxed = await stage("anthropic", "ollama").generate("Hello", seed=7)
    assert relaxed.provider == "backup"
    assert [warning.what for warning in relaxed.warnings] == ["seed"]


async def test_one_manager_survives_several_event_loops(emulator: Emulator, stage: Stage) -> None:
    manager = stage()

    def in_a_loop_of_its_own() -> str:
        async def once() -> str:
            text = (await ask(manager, streamed=False)).text
            await manager.aclose()
            return text

        return asyncio.run(once())

    texts = [await asyncio.to_thread(in_a_loop_of_its_own) for _ in range(2)]
    assert texts[0]
    assert texts[1]


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_an_answer_that_does_not_fit_the_schema_gives_the_next_target_its_chance(
    emulator: Emulator, stage: Stage, streamed: bool
) -> None:
    """Whole answers commit only when they fit; a stream has been shown by then, so it ends in an error."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    emulator.script("openai", always=Fault.bad_output())
    if streamed:
        with pytest.raises(u.InvalidResponse):
            async for _ in stage().stream("Why is the sky blue?", schema=schema):
                pass
    response = await ask(stage(), streamed=streamed, schema=schema)
    assert kinds(response.attempts) == [("primary", K.SCHEMA_MISMATCH), ("backup", None)]
    assert isinstance(response.parsed["city"], str)


async def test_a_stall_is_noticed_by_the_idle_limit_even_where_the_first_content_may_take_long(
    emulator: Emulator, stage: Stage
) -> None:
    emulator.script("openai", always=Fault.stall(after=2))
    patient = {"openai": {"first_event_timeout": 30.0, "idle_timeout": 0.1}}
    with pytest.raises(u.TimedOut, match=r"no further content for 0\.1 s"):
        await asyncio.wait_for(stage("openai", entries=patient).stream("hi").collect(), 25)
