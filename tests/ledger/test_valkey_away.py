"""Limits in Valkey while the server is down, stalled, restarted without its data, or without its scripts."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.billed import Billing, entry, manager
from tests.ledger.contract.test_holds import cost, money
from tests.ledger.limits import PATIENT, attempt, granted, open_limits, requests, slots, state, tokens
from tests.ledger.made import ended
from tests.ledger.servers import Missing, Valkey, running
from understudy.domain.attempts import AttemptStart, CostBasis, Outcome
from understudy.domain.errors import RateLimited
from understudy.domain.money import NOT_BILLED
from understudy.domain.usage import Usage
from understudy.domain.warnings import WarningKind
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.ledger.valkey.limiter import PATIENCE
from understudy.ledger.valkey.store import ValkeyLimits
from understudy.settings.budgets import Limit

Open = Callable[..., ValkeyLimits]


@pytest.fixture
def server() -> Generator[Valkey]:
    """A server of this test's own, which it may kill."""
    pytest.importorskip("redis", reason="the package redis is not installed: pip install 'understudy[valkey]'")
    try:
        with running("valkey") as made:
            yield made
            made.process.send_signal(signal.SIGCONT)
    except Missing as error:
        pytest.skip(str(error))


@pytest.fixture
def opened(server: Valkey) -> Iterator[Open]:
    found: list[ValkeyLimits] = []

    def open_one(ledger: Any = None, **settings: Any) -> ValkeyLimits:
        found.append(open_limits(server.url, ledger, **({"prefix": "{test}"} | settings)))
        return found[-1]

    yield open_one
    server.process.send_signal(signal.SIGCONT)
    for each in found:
        each.close()


@pytest.fixture
def nowhere() -> Generator[str]:
    """The URL of a port at which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"redis://:hunter2@127.0.0.1:{bound.getsockname()[1]}/0"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT):
        while not condition():
            await asyncio.sleep(0.02)


async def count(limits: ValkeyLimits, tries: int, *claims: Any) -> int:
    """Return how many of several attempts are granted."""
    return sum([await granted(limits, *claims) is not None for _ in range(tries)])


# ---- away from the beginning ----


async def test_whether_the_ledger_works_is_its_own_affair(nowhere: str, tmp_path: Path) -> None:
    alone, kept = open_limits(nowhere), open_limits(nowhere, SqliteLedger(tmp_path / "ledger.db"))
    await until(lambda: alone.trouble is not None and kept.trouble is not None)
    assert kept.unwritable is None
    assert not hasattr(alone, "unwritable")
    alone.close()
    kept.close()


async def test_each_process_has_its_share_of_each_limit(nowhere: str) -> None:
    limits = open_limits(nowhere, processes=4)
    await until(lambda: limits.trouble is not None)
    assert await count(limits, 10, requests(10)) == 2
    assert await count(limits, 10, slots(3)) == 1, "one, if there are fewer than processes"
    assert await count(limits, 10, tokens(100, 1_000)) == 2
    assert await count(limits, 10, tokens(900, 1_000, budget="b")) == 1, "as much as a share, if it is larger"
    limits.close()


async def test_a_share_is_used_again_once_it_is_given_back(nowhere: str) -> None:
    limits = open_limits(nowhere, processes=2)
    await until(lambda: limits.trouble is not None)
    first = await granted(limits, slots(2), tokens(300, 1_000))
    assert first is not None
    assert await granted(limits, slots(2)) is None
    limits.record(ended(first, usage=Usage(output=450)))
    assert await granted(limits, slots(2), tokens(100, 1_000)) is None
    assert await granted(limits, slots(2), tokens(50, 1_000)) is not None
    assert await state(limits, tokens(0, 1_000)) == (450, 50)
    limits.close()


async def test_a_refusal_and_an_answer_say_so(nowhere: str) -> None:
    limits = open_limits(nowhere, processes=4)
    await until(lambda: limits.trouble is not None)
    made = manager(entry("a", Billing(100)), limits=(Limit(requests_per_minute=4),), sink=limits)
    answer = await made.generate("Hi")
    (warning,) = answer.warnings
    assert (warning.kind, warning.what) == (WarningKind.DEGRADED, "limits")
    assert "each of 4 processes keeps its share" in warning.why
    with pytest.raises(RateLimited, match=r"the limit of 4 requests a minute .* each of 4 processes") as caught:
        await made.generate("Hi")
    assert caught.value.failure is not None
    assert caught.value.failure.limit is not None
    assert caught.value.failure.limit.remaining == 0
    limits.close()


async def test_budgets_are_not_affected(nowhere: str, tmp_path: Path) -> None:
    limits, begun = open_limits(nowhere, SqliteLedger(tmp_path / "ledger.db"), processes=4), attempt()
    await until(lambda: limits.trouble is not None)
    assert await limits.reserve(begun, [money(60), slots(8)], durable=True) is None
    assert await granted(limits, money(60), slots(8)) is None, "the budget of a hundred is not shared out"
    limits.record(ended(begun, **cost(25)))
    assert await granted(limits, money(75), slots(8)) is not None
    limits.flush()
    assert await state(limits, money(0)) == (25, 75)
    assert await state(limits, slots(8)) == (0, 1)
    limits.close()


async def test_it_is_logged_once_and_without_the_password(nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    limits = open_limits(nowhere)
    await until(lambda: limits._limiter._tries > 2)  # pyright: ignore[reportPrivateUsage]
    limits.close()
    told = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(told) == 1
    assert "does not keep the limits" in told[0]
    assert "hunter2" not in caplog.text


# ---- lost and found again ----


async def test_a_server_that_is_killed_and_comes_back_empty_learns_what_was_taken(opened: Open, server: Valkey) -> None:
    """Each process states what it holds and has spent, before and while the server was away."""
    here, there = opened(lease=3.0), opened(lease=3.0)
    await until(lambda: here.processes == there.processes == 2)
    early = [await granted(each, requests(10), slots(6)) for each in (here, there)]
    here.record(ended(early[0]))  # type: ignore[arg-type]
    server.stop(signal.SIGKILL)
    for each in (here, there):
        assert await granted(each, requests(1)) is None
    await until(lambda: here.trouble is not None and there.trouble is not None)
    assert await count(here, 9, requests(10), slots(6)) == 3, "two slots of its own are taken, of its share of three"
    late = await count(there, 9, requests(10), slots(6))
    assert late == 2
    there.record(ended(early[1]))  # type: ignore[arg-type]
    assert server.start()
    await until(lambda: here.trouble is None and there.trouble is None)
    for each in (here, there):
        assert await state(each, requests(10)) == (2, 5)
        assert await state(each, slots(6)) == (0, 5)
    assert await count(here, 3, requests(10), slots(6)) == 1, "all that is left of the limit, not of a share"


async def test_scripts_that_are_flushed_are_not_noticed(opened: Open, server: Valkey) -> None:
    import redis

    limits, other = opened(), redis.Redis.from_url(server.url)
    for _ in range(10):
        begun = await granted(limits, slots(1))
        assert begun is not None
        assert limits.limited_alone(begun.attempt_id) is None
        other.script_flush()
        limits.record(ended(begun))
    assert await state(limits, slots(1)) == (0, 0)
    assert limits.trouble is None


async def test_data_that_is_lost_without_the_connection_is_stated_again(opened: Open, server: Valkey) -> None:
    import redis

    limits, other = opened(), redis.Redis.from_url(server.url)
    begun = await granted(limits, slots(2), requests(5))
    assert begun is not None
    other.flushall()
    assert await granted(limits, slots(2), requests(5)) is not None
    assert await granted(limits, slots(2), requests(5)) is None
    limits.record(ended(begun))
    assert await state(limits, requests(5)) == (1, 1)
    assert limits.trouble is None


async def test_a_server_that_refuses_to_write_is_away(opened: Open, server: Valkey) -> None:
    """As after a failover, when the former primary is a replica."""
    import redis

    limits, other = opened(processes=1), redis.Redis.from_url(server.url)
    assert await granted(limits, slots(2)) is not None
    other.replicaof("127.0.0.1", 1)
    begun = await granted(limits, slots(2))
    assert begun is not None
    assert limits.limited_alone(begun.attempt_id) is not None
    assert limits.trouble is not None
    assert await granted(limits, slots(2)) is None
    other.replicaof("NO", "ONE")
    await until(lambda: limits.trouble is None)
    assert await state(limits, slots(2)) == (0, 2)


async def test_what_a_storm_took_is_known_when_the_server_was_killed_in_the_middle(
    opened: Open, server: Valkey
) -> None:
    """Five hundred attempts of four processes. Those that were decided without the server had a share of a quarter."""
    import redis

    limits = [opened(patience=PATIENCE, lease=3.0) for _ in range(4)]
    await until(lambda: all(each.processes == 4 for each in limits))

    async def one(number: int) -> bool:
        await asyncio.sleep(number / 400)
        return await granted(limits[number % 4], requests(100), slots(400)) is not None

    async def faults() -> bool:
        await asyncio.sleep(0.1)
        await asyncio.to_thread(server.stop, signal.SIGKILL)
        await asyncio.sleep(0.4)
        assert await asyncio.to_thread(server.start)
        with redis.Redis.from_url(server.url) as other:
            other.script_flush()
        return False

    async with asyncio.timeout(PATIENT):
        held = sum(await asyncio.gather(faults(), *map(one, range(500))))
    await until(lambda: all(each.trouble is None for each in limits))
    assert 100 <= held <= 200
    for each in limits:
        await _is(each, requests(100), (0, held))
        await _is(each, slots(400), (0, held))


# ---- stalled ----


async def test_nothing_waits_for_a_server_that_stalls_and_nothing_is_lost(opened: Open, server: Valkey) -> None:
    limits = opened(patience=PATIENCE)
    await until(lambda: limits.processes == 1 and limits._limiter._until > 0)  # pyright: ignore[reportPrivateUsage]
    server.process.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(PATIENT):
        found = await asyncio.gather(*(granted(limits, slots(50), requests(200)) for _ in range(100)))
        assert sum(each is not None for each in found) == 50
        gone, kept = found[0], [each for each in found[1:] if each is not None]
        assert gone is not None
        assert limits.limited_alone(gone.attempt_id) is not None
        limits.record(ended(gone))
    server.process.send_signal(signal.SIGCONT)
    await until(lambda: limits.trouble is None)
    await _is(limits, slots(50), (0, len(kept)))
    await _is(limits, requests(200), (1, len(kept)))


async def test_requests_that_are_given_up_while_it_stalls_leave_nothing(opened: Open, server: Valkey) -> None:
    limits = opened(patience=PATIENCE)
    await until(lambda: limits._limiter._until > 0)  # pyright: ignore[reportPrivateUsage]
    server.process.send_signal(signal.SIGSTOP)
    begun = [attempt() for _ in range(10)]
    waiting = [asyncio.create_task(limits.reserve(each, [slots(50)], durable=False)) for each in begun]
    await asyncio.sleep(0)
    for task, each in zip(waiting, begun, strict=True):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        limits.record(ended(each, Outcome.ABORTED, cost=NOT_BILLED, cost_basis=CostBasis.NOT_SENT))
    await until(lambda: limits.trouble is not None)
    server.process.send_signal(signal.SIGCONT)
    await until(lambda: limits.trouble is None)
    await _is(limits, slots(50), (0, 0))


async def _decide_late(limits: ValkeyLimits, server: Valkey, claim: Any) -> list[AttemptStart]:
    """Make two attempts whose answers come too late; return those that the process has granted by itself. The thread
    waits for the answers all the same."""
    limits._limiter._patience = 0.01  # pyright: ignore[reportPrivateUsage]
    server.process.send_signal(signal.SIGSTOP)
    found = [await granted(limits, claim) for _ in range(2)]
    server.process.send_signal(signal.SIGCONT)
    limits._limiter._patience = PATIENT  # pyright: ignore[reportPrivateUsage]
    return [each for each in found if each is not None]


async def test_what_is_granted_too_late_and_was_refused_is_given_back(opened: Open, server: Valkey) -> None:
    here, there, claim = opened(lease=1.5), opened(lease=1.5), slots(3)
    assert await granted(here, claim) is not None
    await until(lambda: here.processes == there.processes == 2)
    assert await _decide_late(here, server, claim) == []
    await _is(there, claim, (0, 1))


async def test_what_is_refused_too_late_and_was_granted_counts(opened: Open, server: Valkey) -> None:
    here, there, claim = opened(lease=1.5), opened(lease=1.5), slots(3)
    assert await count(there, 3, claim) == 3
    await until(lambda: here.processes == there.processes == 2)
    (begun,) = await _decide_late(here, server, claim)
    await _is(there, claim, (0, 4))
    here.record(ended(begun))
    await _is(there, claim, (0, 3))


async def test_what_has_ended_before_the_server_refuses_it_has_ended(opened: Open, server: Valkey) -> None:
    here, there, claim = opened(lease=1.5), opened(lease=1.5), requests(3)
    assert await count(there, 3, claim) == 3
    await until(lambda: here.processes == there.processes == 2)
    here._limiter._patience = 0.01  # pyright: ignore[reportPrivateUsage]
    server.process.send_signal(signal.SIGSTOP)
    begun = await granted(here, claim)
    assert begun is not None
    here.record(ended(begun))
    server.process.send_signal(signal.SIGCONT)
    await _is(there, claim, (1, 3))
    assert await state(here, claim) == (1, 3)


async def _is(limits: ValkeyLimits, claim: Any, expected: tuple[int, int]) -> None:
    """Fail unless the server comes to that state, and not only this process."""
    async with asyncio.timeout(PATIENT):
        while limits.trouble is not None or await state(limits, claim) != expected:
            await asyncio.sleep(0.02)
