"""Limits in Valkey while all is well: several processes, the scripts themselves, and budgets beside them."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.billed import Billing, entry, manager
from tests.ledger.contract.test_holds import cost, money
from tests.ledger.limits import PATIENT, attempt, granted, open_limits, requests, slots, state, tokens
from tests.ledger.made import ended
from understudy.domain.attempts import CostBasis, Outcome
from understudy.domain.capture import Capture
from understudy.domain.errors import ConfigError, RateLimited
from understudy.domain.money import NOT_BILLED
from understudy.domain.usage import Usage
from understudy.ledger.holds import Unit
from understudy.ledger.memory_holds import MemoryHolds
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.ledger.valkey.commands import Commands, State
from understudy.ledger.valkey.link import Link
from understudy.ledger.valkey.store import ValkeyLimits
from understudy.settings.budgets import Allowance, Limit

Open = Callable[..., ValkeyLimits]


@pytest.fixture
def prefix() -> str:
    return f"{{{uuid.uuid4().hex}}}"


@pytest.fixture
def opened(valkey_url: str, prefix: str) -> Iterator[Open]:
    """Open limits as one more process would."""
    found: list[ValkeyLimits] = []

    def open_one(ledger: Any = None, **settings: Any) -> ValkeyLimits:
        found.append(open_limits(valkey_url, ledger, prefix=prefix, **settings))
        return found[-1]

    yield open_one
    for each in found:
        each.close()


def client(url: str) -> Any:
    import redis

    return redis.Redis.from_url(url, decode_responses=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT):
        while not condition():
            await asyncio.sleep(0.02)


# ---- several processes ----


async def test_processes_share_a_limit(opened: Open) -> None:
    here, there, claim = opened(), opened(), slots(2)
    first = await granted(here, claim)
    assert first is not None
    assert await granted(there, claim) is not None
    assert await granted(here, claim) is None
    assert await granted(there, claim) is None
    here.record(ended(first))
    assert await state(here, claim) == (0, 1)
    assert await granted(there, claim) is not None


async def test_what_a_killed_process_held_is_free_when_its_lease_is_over(
    opened: Open, valkey_url: str, prefix: str
) -> None:
    killed = opened()
    begun = await granted(killed, slots(1), requests(10))
    assert begun is not None
    (name,) = client(valkey_url).zrange(f"{prefix}:processes", 0, -1)
    other = opened()
    assert await granted(other, slots(1)) is None
    client(valkey_url).zadd(f"{prefix}:processes", {name: 1})
    assert await granted(other, slots(1)) is not None
    assert await state(other, requests(10)) == (1, 0), "what it has used is not known, so it counts"
    killed.record(ended(begun))
    assert await state(killed, slots(1)) == (0, 1), "it is heard of again, and its attempt is over"
    assert await state(other, requests(10)) == (1, 0)


async def test_processes_are_counted(opened: Open) -> None:
    first, second = opened(processes=7, lease=0.6), opened(lease=0.6)
    await until(lambda: first.processes == second.processes == 2)
    second.close()
    await until(lambda: first.processes == 1)


async def test_a_process_that_leaves_with_something_under_way_keeps_its_lease(opened: Open) -> None:
    left, other = opened(), opened()
    assert await granted(left, slots(1)) is not None
    left.close()
    assert await granted(other, slots(1)) is None


@pytest.mark.parametrize("ahead", [-3_600, 0, 3_600])
async def test_the_clock_of_the_server_decides_which_minute_it_is(opened: Open, valkey_url: str, ahead: float) -> None:
    limits = opened(clock=lambda: time.time() + ahead)
    assert await granted(limits, slots(1)) is not None
    seconds, _ = client(valkey_url).time()
    assert seconds - 1 <= limits.limits_clock() <= seconds + PATIENT


async def test_all_keys_begin_with_the_prefix_and_expire(opened: Open, valkey_url: str, prefix: str) -> None:
    limits, server = opened(), client(valkey_url)
    assert await granted(limits, slots(5), requests(5), tokens(3, 5)) is not None
    keys = server.keys(f"{prefix.replace('{', '?').replace('}', '?')}*")
    assert len(keys) == 6
    assert all(0 < server.ttl(key) <= 300 for key in keys)


# ---- the scripts ----


@pytest.fixture
def link(valkey_url: str) -> Iterator[Link]:
    made = Link(valkey_url, PATIENT)
    yield made
    made.drop()


def joined(link: Link, prefix: str, session: int = 1) -> Commands:
    commands = Commands(prefix, "process", 30)
    commands.session = session
    assert link.run([commands.join(State([], []))])[0][0] == 1
    return commands


def test_each_script_does_the_same_if_it_is_repeated(link: Link, prefix: str) -> None:
    commands, claims = joined(link, prefix), [slots(3), tokens(5, 100)]
    keys = [(each.budget, each.subject, each.unit.value, each.start) for each in claims]
    from understudy.ledger.accounts import BalanceKey

    read = commands.read([BalanceKey(*key) for key in keys])
    reserve, settle = commands.reserve("a", claims), commands.settle("a", claims, [0, 7])
    steps = [reserve, reserve, read, settle, settle, read, commands.release("a", claims), read]
    replies = link.run(steps)
    assert [each[3:] for each in replies if len(each) > 3] == [[2, 95], [0, 1, 0, 5], [0, 0, 7, 0], [0, 0, 7, 0]]
    again = [commands.reserve("b", claims), commands.release("b", claims), commands.release("b", claims), read]
    assert link.run(again)[-1][3:] == [0, 0, 7, 0]


def test_what_an_earlier_connection_sends_late_is_not_carried_out(link: Link, prefix: str) -> None:
    former = joined(link, prefix)
    late = [
        former.reserve("a", [slots(3)]),
        former.settle("a", [slots(3)], [0]),
        former.release("a", [slots(3)]),
        former.renew([]),
        former.leave(),
        former.join(State(["a"], [])),
    ]
    joined(link, prefix, session=2)
    assert [reply[0] for reply in link.run(late)] == [-1] * len(late)


def test_scripts_that_were_flushed_are_sent_again_in_their_order(link: Link, valkey_url: str, prefix: str) -> None:
    commands, claims = joined(link, prefix), [slots(1)]
    steps = [
        commands.reserve("a", claims),
        commands.settle("a", claims, [0]),
        commands.reserve("b", claims),
        commands.reserve("c", claims),
    ]
    client(valkey_url).script_flush()
    assert [each[0] for each in link.run(steps)] == [1, 1, 1, 0]
    client(valkey_url).script_flush()
    link.run([commands.settle("x", claims, [0])])  # one of the scripts is known again
    steps = [commands.settle("b", claims, [0]), commands.reserve("d", claims), commands.settle("d", claims, [0])]
    assert [each[0] for each in link.run(steps)] == [1, 1, 1]


async def test_an_estimate_of_no_tokens_is_granted_and_settled(opened: Open) -> None:
    limits, begun, claim = opened(), attempt(), tokens(0, 10)
    assert await limits.reserve(begun, [claim], durable=False) is None
    limits.record(ended(begun, usage=Usage(output=10)))
    assert await state(limits, claim) == (10, 0)


@pytest.mark.parametrize("subject", ["a:b", "a", "{x}", "ä\ud800", "", "%3A"])
async def test_any_subject_has_a_balance_of_its_own(opened: Open, subject: str) -> None:
    limits = opened()
    other = requests(1, subject=f"{subject}:b", budget="x")
    assert await granted(limits, requests(1, subject=subject, budget="x")) is not None
    assert await granted(limits, other) is not None
    assert await granted(limits, other) is None


# ---- budgets beside them ----


async def test_a_budget_that_refuses_leaves_nothing_of_a_limit(opened: Open, tmp_path: Path) -> None:
    limits, slot = opened(SqliteLedger(tmp_path / "ledger.db")), slots(5)
    assert await granted(limits, money(60), slot) is not None
    assert await granted(limits, money(60), slot) is None
    assert await state(limits, slot) == (0, 1)


async def test_a_limit_that_refuses_leaves_nothing_of_a_budget(opened: Open, tmp_path: Path) -> None:
    limits = opened(SqliteLedger(tmp_path / "ledger.db"))
    assert await granted(limits, money(10), slots(1)) is not None
    assert await granted(limits, money(10), slots(1)) is None
    limits.flush()
    assert await state(limits, money(10)) == (0, 10)
    with LedgerReader(tmp_path / "ledger.db") as reader:
        assert len(reader.entries()) == 1


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "in a file"])
async def test_both_are_settled_by_one_record(opened: Open, tmp_path: Path, kept: bool) -> None:
    limits = opened(SqliteLedger(tmp_path / "ledger.db") if kept else None)
    begun, claim = attempt(), tokens(50, 100)
    assert await limits.reserve(begun, [money(60), claim], durable=True) is None
    for _ in range(2):
        limits.record(ended(begun, usage=Usage(output=30), **cost(25)))
    limits.flush()
    assert await state(limits, money(60)) == (25, 0)
    assert await state(limits, claim) == (30, 0)


async def test_an_attempt_without_a_limit_is_kept_in_the_ledger(opened: Open, tmp_path: Path) -> None:
    limits, begun = opened(SqliteLedger(tmp_path / "ledger.db")), attempt()
    assert await limits.reserve(begun, [slots(None)], durable=False) is None
    limits.record(ended(begun))
    limits.begin(attempt())
    limits.close()
    with LedgerReader(tmp_path / "ledger.db") as reader:
        assert len(reader.entries()) == 2


class Stuck(MemoryHolds):
    """A ledger in which a budget is never granted."""

    reached: asyncio.Event

    async def reserve(self, *_: Any, **__: Any) -> None:
        self.reached.set()
        await asyncio.get_running_loop().create_future()


async def test_a_request_that_is_given_up_between_both_leaves_nothing(opened: Open) -> None:
    ledger = Stuck()
    ledger.reached = asyncio.Event()
    limits, begun, slot = opened(ledger), attempt(), slots(1)
    waiting = asyncio.create_task(limits.reserve(begun, [slot, money(1)], durable=True))
    await ledger.reached.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    limits.record(ended(begun, Outcome.ABORTED, cost=NOT_BILLED, cost_basis=CostBasis.NOT_SENT))
    assert await state(limits, slot) == (0, 0)


async def test_requests_that_are_given_up_at_any_moment_leave_nothing(opened: Open) -> None:
    limits, slot = opened(), slots(40)

    async def give_up(turns: int) -> None:
        begun = attempt()
        waiting = asyncio.create_task(limits.reserve(begun, [slot], durable=False))
        for _ in range(turns):
            await asyncio.sleep(0.0005 if turns % 3 else 0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        limits.record(ended(begun, Outcome.ABORTED, cost=NOT_BILLED, cost_basis=CostBasis.NOT_SENT))

    for _ in range(5):
        await asyncio.gather(*map(give_up, range(30)))
    await until(lambda: not len(limits._limiter._own))  # pyright: ignore[reportPrivateUsage]
    assert await state(limits, slot) == (0, 0)


@pytest.mark.parametrize("must_keep", [False, True])
async def test_what_must_be_kept_before_it_is_sent_is_asked_of_the_ledger(
    opened: Open, tmp_path: Path, must_keep: bool
) -> None:
    limits = opened(SqliteLedger(tmp_path / "ledger.db", must_keep=must_keep))
    assert limits.must_keep is must_keep
    assert opened().must_keep is False
    for claims in ([], [slots(5)]):
        assert await limits.reserve(attempt(), claims, durable=must_keep) is None
        if must_keep:
            with LedgerReader(tmp_path / "ledger.db") as reader:
                assert reader.entries()


async def test_prompts_and_answers_are_kept_by_the_ledger_beside_it(opened: Open, tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    limits = opened(ledger)
    limits.capture = Capture()
    assert ledger.capture is limits.capture
    async with manager(entry("a", Billing(100)), sink=limits) as made:
        (attempt,) = (await made.generate("What is kept?")).attempts
    limits.flush()
    with LedgerReader(tmp_path / "ledger.db") as reader:
        assert list(reader.captured([attempt.attempt_id])) == [attempt.attempt_id]
    alone = opened()
    alone.capture = Capture()
    assert alone.capture is None


# ---- through the public API ----


async def test_a_manager_refuses_as_it_does_with_limits_in_memory(opened: Open) -> None:
    """The same words, time to wait, what is left, and when it resets, within the same second."""
    seen = []
    for sink in (None, opened()):
        made = manager(
            entry("a", Billing(100)), limits=(Limit(requests_per_minute=2, tokens_per_minute=10**6),), sink=sink
        )
        for _ in range(2):
            assert not (await made.generate("Hi")).warnings
        with pytest.raises(RateLimited) as caught:
            await made.generate("Hi")
        assert caught.value.failure is not None
        limit = caught.value.failure.limit
        assert limit is not None
        assert limit.resets_in is not None
        assert 0 < limit.resets_in <= 60
        assert 0 < (caught.value.retry_after or 0) <= 60
        seen.append(
            (caught.value.failure.code, limit.unit, limit.limit, limit.remaining, str(caught.value).split(";")[0])
        )
    assert seen[0] == seen[1]


async def test_slots_are_free_again_when_requests_end(opened: Open) -> None:
    limits = opened()
    allowance = Allowance(limits=(Limit(concurrent=1),))
    made = manager(entry("a", Billing(100)), limits=allowance.limits, sink=limits)
    for _ in range(3):
        await made.generate("Hi")
    (now,) = await limits.balances([("all", "", Unit.CONCURRENT, 0)])
    assert now.reserved == 0


async def test_the_first_request_meets_the_limits_of_all(opened: Open) -> None:
    """A command makes one request and ends: it must not be decided before the connection is there."""
    assert await granted(opened(), slots(1)) is not None
    for _ in range(5):
        limits = opened()
        assert limits.processes > 1, "it has joined the others"
        assert await granted(limits, slots(1)) is None


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "redis://127.0.0.1:port/0", "redis://u:hunter2@h:99999999/0", "nothing"]
)
def test_an_invalid_url_is_a_mistake_of_the_configuration(url: str) -> None:
    with pytest.raises(ConfigError, match="write it as redis://") as caught:
        ValkeyLimits(url)
    assert "hunter2" not in str(caught.value)
