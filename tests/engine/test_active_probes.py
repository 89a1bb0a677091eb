"""Active probes through the public API, in virtual time: who notices that a provider is back, and who pays for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

import understudy as u
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.testing import EmulatedTransport, Fault, virtual_time
from understudy.transport.base import Incoming, TransportError

PROBED = u.FallbackConfig(active_probes=True, max_retries=1, probe_interval=30.0)
CAP = 10.0
"""Seconds for which a circuit breaker is open at most."""
REFUSED = Failure(kind=FailureKind.CONNECT, message="connection refused", sent=False)
UNAVAILABLE = Fault.status(503)


def now() -> float:
    return asyncio.get_running_loop().time()


def tasks() -> int:
    """Return how many tasks there are beside the test itself."""
    return len(asyncio.all_tasks()) - 1


class Line:
    """An emulated provider behind a network that may be down. Holds what was asked for, and when."""

    def __init__(self, provider: str = "openai", **fields: Any) -> None:
        self.emulated = EmulatedTransport(provider, **fields)
        self.is_down: Callable[[], bool] = lambda: False
        self.sent: list[tuple[float, str]] = []
        self.latency = 0.0
        self.at_once = self.most_at_once = 0

    async def send(self, request: u.HttpRequest, *, connect: float) -> Incoming:
        self.sent.append((now(), f"{request.method} {request.url}"))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.latency)
            if self.is_down():
                raise TransportError(REFUSED)
            return await self.emulated.send(request, connect=connect)
        finally:
            self.at_once -= 1

    async def aclose(self) -> None:
        return None

    def since(self, start: float) -> list[str]:
        """Return what was asked for since a time, by method and the last part of the address."""
        return [
            f"{what.split()[0]} {what.rpartition('/')[2].partition('?')[0]}" for when, what in self.sent if when > start
        ]


def entry(name: str, line: Line, provider: str = "openai", **fields: Any) -> u.LLMProvider:
    fields = {"api_key": "test-key", **fields}
    return u.create_provider(u.ProviderConfig(provider=provider, name=name, **fields), transport=line)


def backup() -> u.LLMProvider:
    """Return an entry at a host of its own."""
    return entry("backup", Line(), base_url="http://backup.test/v1")


def pair(primary: Line, fallback: u.FallbackConfig = PROBED, **fields: Any) -> u.ProviderManager:
    return u.ProviderManager([entry("primary", primary, **fields), backup()], fallback)


async def asked(llm: u.LLMProvider, times: int = 1, every: float = 0.0) -> list[u.GenerationResponse]:
    """Ask some times, in a row."""
    answers = []
    for _ in range(times):
        answers.append(await llm.generate("Hi"))
        await asyncio.sleep(every)
    return answers


# ---- a host that is not reached ----


@virtual_time
async def test_nobody_pays_for_a_host_that_is_down_and_the_next_caller_has_it_back() -> None:
    primary = Line()
    primary.is_down = lambda: now() < 60.0
    async with pair(primary) as llm:
        assert {answer.provider for answer in await asked(llm, 5)} == {"backup"}  # which opens the breaker
        opened = now()
        answers = await asked(llm, 59, every=1.0)
        assert [len(answer.attempts) for answer in answers] == [1] * 59, "every one went to the backup at once"
        assert set(primary.since(opened)) == {"GET models"}
        await asyncio.sleep(60.0 + CAP + 0.1 - now())
        (answer,) = await asked(llm)
        assert answer.provider == "primary"
        assert [attempt.outcome for attempt in answer.attempts] == ["won"]
        await asyncio.sleep(1.0)
        assert tasks() == 0, "nothing is left to be watched"


@virtual_time
async def test_without_it_callers_probe() -> None:
    primary = Line()
    primary.is_down = lambda: now() < 60.0
    async with pair(primary, u.FallbackConfig(max_retries=1)) as llm:
        await asked(llm, 5)
        opened = now()
        paid = [answer for answer in await asked(llm, 59, every=1.0) if len(answer.attempts) > 1]
        assert len(paid) >= 5
        assert set(primary.since(opened)) == {"POST completions"}
        assert tasks() == 0


@virtual_time
async def test_nothing_runs_while_no_target_has_failed() -> None:
    primary = Line()
    async with pair(primary) as llm:
        await asked(llm, 3)
        assert tasks() == 0
        await asyncio.sleep(600.0)
        assert primary.since(-1.0) == ["POST completions"] * 3


@virtual_time
async def test_one_failure_that_closes_nothing_is_not_probed() -> None:
    primary = Line(faults=[UNAVAILABLE])
    async with pair(primary) as llm:
        await asked(llm, 2)
        assert tasks() == 0
        assert primary.since(-1.0) == ["POST completions"] * 2


@virtual_time
async def test_a_provider_that_is_used_alone_is_probed_too() -> None:
    line = Line()
    line.is_down = lambda: now() < 30.0
    config = u.ProviderConfig(provider="openai", api_key="test-key")
    fallback = u.FallbackConfig(active_probes=True, max_retries=1, max_wait=0.0)
    async with u.create_provider(config, fallback=fallback, transport=line) as llm:
        for _ in range(5):
            with pytest.raises(u.ConnectionFailed):
                await llm.generate("Hi")
        await asyncio.sleep(30.0 + CAP)
        assert (await llm.generate("Hi")).attempts[0].outcome == "won"
        assert line.since(0.1)[-3:] == ["GET models", "GET models", "POST completions"]


@virtual_time
async def test_probes_are_made_one_at_a_time_for_all_callers_and_models_of_a_host() -> None:
    primary = Line()
    primary.is_down = lambda: now() < 120.0
    routes = [
        u.Route(name=name, targets=(f"primary/{name}", "backup"), fallback=PROBED) for name in ("gpt-5", "gpt-4.1")
    ]
    providers = [entry("primary", primary), backup()]
    async with u.ProviderManager(providers, PROBED, routes=routes) as llm:
        await asyncio.gather(*(llm.generate("Hi", model=name) for name in ("gpt-5", "gpt-4.1") for _ in range(10)))
        primary.most_at_once, primary.latency, opened = 0, 0.5, now()
        for _ in range(130):
            await asyncio.gather(*(llm.generate("Hi", model=name) for name in ("gpt-5", "gpt-4.1")))
            await asyncio.sleep(0.77)
            if now() < 120.0:
                assert primary.most_at_once <= 1
        assert "GET models" in primary.since(opened)
        assert "GET models" not in primary.since(120.0 + CAP + 2.0)


# ---- a server that fails ----


@virtual_time
async def test_a_list_that_is_served_never_lets_a_failing_model_pass_for_healthy() -> None:
    """The list works, the model does not: each time, a caller must find out. So it costs what it does without."""
    primary = Line(always=UNAVAILABLE, on=Operation.CHAT)
    async with pair(primary) as llm:
        await asked(llm, 5)
        opened = now()
        answers = await asked(llm, 60, every=1.0)
    paid = [answer for answer in answers if len(answer.attempts) > 1]
    assert {answer.provider for answer in answers} == {"backup"}
    assert primary.since(opened).count("POST completions") == len(paid)
    assert 5 <= len(paid) <= 12


@virtual_time
async def test_a_server_that_fails_as_a_whole_is_found_out_without_callers_three_times_of_four() -> None:
    primary = Line(always=UNAVAILABLE)
    async with pair(primary) as llm:
        await asked(llm, 5)
        opened = now()
        answers = await asked(llm, 120, every=1.0)
        paid = [answer for answer in answers if len(answer.attempts) > 1]
        assert primary.since(opened).count("GET models") >= 3 * len(paid)
        assert 1 <= len(paid) <= 6
        # A list that is down by itself keeps no working model out for longer than that.
        primary.emulated.script(always=UNAVAILABLE, on=Operation.MODELS)
        mended = now()
        while (await asked(llm))[0].provider == "backup":
            await asyncio.sleep(1.0)
        assert now() - mended <= 4 * CAP + 1.0


@virtual_time
async def test_a_host_that_answers_anything_was_reached() -> None:
    primary = Line(always=Fault.status(404), on=Operation.MODELS)
    primary.is_down = lambda: now() < 20.0
    async with pair(primary) as llm:
        await asked(llm, 5)
        await asyncio.sleep(20.0 + CAP)
        assert (await asked(llm))[0].provider == "primary"


@virtual_time
async def test_a_host_that_is_silent_shows_nothing_and_is_left_to_callers() -> None:
    primary = Line(always=Fault.slow_headers(), on=Operation.MODELS)
    primary.is_down = lambda: now() < 20.0
    async with pair(primary) as llm:
        await asked(llm, 5)
        await asyncio.sleep(120.0)
        assert tasks() == 0
        assert (await asked(llm))[0].provider == "primary"


# ---- refused keys ----


@virtual_time
async def test_a_refused_key_is_back_when_the_list_accepts_it() -> None:
    primary = Line(always=FailureKind.AUTHENTICATION)
    async with pair(primary) as llm:
        assert (await asked(llm))[0].provider == "backup"
        await asyncio.sleep(100.0)
        assert primary.since(1.0) == ["GET models"] * 3, "every 30 s, more or less"
        primary.emulated.script()
        await asyncio.sleep(34.0)
        assert (await asked(llm))[0].provider == "primary", "without it after five minutes"
        assert tasks() == 0


@virtual_time
async def test_each_refused_key_of_a_pool_is_checked_by_itself() -> None:
    primary = Line(keys=["good"])
    async with pair(primary, api_key=["good", "bad"]) as llm:
        await asked(llm, 6)
        assert not primary.since(0.5)
        await asyncio.sleep(34.0)
        checks = [request for request in primary.emulated.requests if request.operation is Operation.MODELS]
        assert [check.authenticated for check in checks] == [False], "the other key is fine"
        await asked(llm, 6)
        assert [attempt.key for answer in await asked(llm, 6) for attempt in answer.attempts] == ["1 of 2"] * 6


@virtual_time
async def test_an_open_list_proves_no_key() -> None:
    """Hugging Face serves its list to anyone."""
    primary = Line("huggingface", always=FailureKind.AUTHENTICATION, on=Operation.CHAT)
    async with pair(primary, provider="huggingface", text_model="openai/gpt-oss-120b") as llm:
        assert (await asked(llm))[0].provider == "backup"
        await asyncio.sleep(200.0)
        assert (await asked(llm))[0].provider == "backup"
        assert "GET models" not in primary.since(-1.0)
        assert tasks() == 0


@pytest.mark.parametrize("kind", [FailureKind.BILLING, FailureKind.NOT_FOUND, FailureKind.PERMISSION])
def test_a_list_proves_neither_credit_nor_a_model(kind: FailureKind) -> None:
    @virtual_time
    async def asking() -> None:
        primary = Line(always=kind, on=Operation.CHAT)
        async with pair(primary) as llm:
            assert (await asked(llm))[0].provider == "backup"
            await asyncio.sleep(200.0)
            assert (await asked(llm))[0].provider == "backup"
            assert primary.since(-1.0) == ["POST completions"]

    asking()


# ---- bounds ----

MODELS = {
    "ollama": "llama3.2",
    "azure-openai": "gpt-4o",
    "replicate": "meta/meta-llama-3-8b-instruct",
    "huggingface": "openai/gpt-oss-120b",
}
OPENERS = {"host": 5, "target": 5, "key": 1}


@pytest.mark.parametrize("against", OPENERS)
@pytest.mark.parametrize("provider", list(u.ProviderType))
def test_probes_never_send_what_is_billed(provider: u.ProviderType, against: str) -> None:
    @virtual_time
    async def asking() -> None:
        primary = Line(provider)
        if against == "host":
            primary.is_down = lambda: now() < 100.0
        else:
            fault = UNAVAILABLE if against == "target" else FailureKind.AUTHENTICATION
            primary.emulated.script(always=fault)
        address = {"base_url": "http://azure.test"} if provider == "azure-openai" else {}
        records: list[u.AttemptRecord] = []
        first = entry("primary", primary, provider, text_model=MODELS.get(provider), **address)
        async with u.ProviderManager([first, backup()], PROBED, observers=[records.append]) as llm:
            await asked(llm, OPENERS[against])
            opened, written = now(), len(records)
            await asyncio.sleep(95.0)
            primary.emulated.script()
            await asyncio.sleep(65.0)
            probes = primary.since(opened + 0.1)
            assert {probe.split()[0] for probe in probes} <= {"GET"}
            operations = [request.operation for request in primary.emulated.requests][OPENERS[against] :]
            assert set(operations) <= {Operation.MODELS}
            assert probes or (against == "key" and provider in ("huggingface", "ollama"))
            assert len(records) == written
            assert llm.stats().total_requests == written

    asking()


@virtual_time
async def test_closing_ends_the_probes_and_frees_their_place() -> None:
    primary = Line()
    primary.is_down = lambda: True
    llm = pair(primary)
    await asked(llm, 5)
    assert tasks() == 1
    began = now()
    await llm.aclose()
    assert tasks() == 0
    assert now() == began, "closing waits for none of them"
    primary.latency = 5.0
    await asyncio.sleep(CAP)
    await asyncio.gather(asked(llm, 1), asyncio.sleep(CAP))  # a caller probes, and the probes begin anew
    while not primary.at_once:
        await asyncio.sleep(0.1)
    await llm.aclose()  # in the middle of one
    primary.is_down, primary.latency = (lambda: False), 0.0
    await asyncio.sleep(CAP)
    assert (await asked(llm))[0].provider == "primary"
    await llm.aclose()
    assert tasks() == 0


def test_one_manager_is_probed_on_each_of_several_loops() -> None:
    primary = Line()
    primary.is_down = lambda: True
    llm = pair(primary)

    @virtual_time
    async def asking(start: float) -> None:
        """Leave the probes to the end of the loop, as a program without `aclose` does."""
        await asyncio.sleep(start)
        primary.sent.clear()
        await asked(llm, 5)
        await asyncio.sleep(CAP)
        assert "GET models" in primary.since(-1.0)

    asking(0.0)
    asking(60.0)


@virtual_time
async def test_probes_are_logged_without_keys(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "understudy")
    primary = Line()
    primary.is_down = lambda: now() < 3.0
    async with pair(primary) as llm:
        await asked(llm, 5)
        await asyncio.sleep(3.0 + CAP)
    lines = [record.getMessage() for record in caplog.records if "active probe" in record.getMessage()]
    assert "active probe of primary at https://api.openai.com/v1: connect: connection refused" in lines
    assert lines[-1] == "active probe of primary at https://api.openai.com/v1: the free operation succeeded"
    assert "test-key" not in caplog.text


async def test_a_custom_provider_is_never_probed() -> None:
    class Down:
        name, provider_type, priority = "primary", "custom", 1

        async def generate(self, *_: Any, **__: Any) -> u.GenerationResponse:
            raise u.ConnectionFailed("down", failure=REFUSED)

        async def fail(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("it was asked for what may be billed")

        list_models = health_check = is_model_available = fail

    llm = u.ProviderManager([Down(), backup()], PROBED)  # type: ignore[list-item]
    await asked(llm, 6)
    assert tasks() == 0
