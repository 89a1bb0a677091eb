"""What every store of budgets and limits does: claims are granted together or not at all, and settled once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.ledger.limits import open_limits
from tests.ledger.made import NOON, ended, start
from understudy.domain.attempts import AttemptStart, CostBasis, Outcome
from understudy.domain.money import NOT_BILLED, Cost, Money
from understudy.domain.usage import Usage
from understudy.ledger.holds import Balance, Claim, Holds, Unit
from understudy.ledger.memory_holds import MemoryHolds
from understudy.ledger.postgres.store import PostgresLedger
from understudy.ledger.sqlite.store import SqliteLedger


@pytest.fixture(params=["memory", "postgres", "sqlite", "valkey"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Holds]:
    match request.param:
        case "memory":
            yield MemoryHolds()
        case "sqlite":
            ledger = SqliteLedger(tmp_path / "ledger.db")
            yield ledger
            ledger.close()
        case "valkey":
            limits = open_limits(request.getfixturevalue("valkey_url"))
            yield limits
            limits.close()
        case _:
            yield request.getfixturevalue("postgres").open()


def money(amount: int, ceiling: int | None = 100, *, budget: str = "team", subject: str = "", **fields: Any) -> Claim:
    return Claim(budget=budget, subject=subject, amount=amount, ceiling=ceiling, if_unknown=amount, **fields)


def attempt() -> AttemptStart:
    return start(uuid.uuid4().int % 2**60, started=NOON)


def cost(nano_usd: int) -> dict[str, Any]:
    return {"cost": Cost(amount=Money(nano_usd), source="test")}


async def balance(store: Holds, claim: Claim) -> Balance:
    if isinstance(store, (SqliteLedger, PostgresLedger)):
        await asyncio.to_thread(store.flush)
    (found,) = await store.balances([(claim.budget, claim.subject, claim.unit, claim.start)])
    return found


async def test_what_an_attempt_can_cost_is_held_and_what_it_did_cost_is_spent(store: Holds) -> None:
    begun, claim = attempt(), money(60)
    assert await store.reserve(begun, [claim], durable=True) is None
    assert (await balance(store, claim)).reserved == 60
    store.record(ended(begun, **cost(25)))
    now = await balance(store, claim)
    assert (now.spent, now.reserved, now.overrun) == (25, 0, 0)


async def test_what_is_left_once_all_is_held_is_returned(store: Holds) -> None:
    minute: dict[str, Any] = {"unit": Unit.REQUESTS, "start": 600, "if_unknown": 1, "is_bound": False}
    for number in range(1, 4):
        left: list[int] = []
        claims = [
            Claim(budget="calls", subject="a\0b", amount=1, ceiling=10, **minute),
            money(20),
            money(1, None, budget="x"),
        ]
        assert await store.reserve(attempt(), claims, durable=False, left=left) is None
        assert left == [10 - number, 100 - 20 * number, 0]
    left = []
    later = Claim(budget="calls", subject="a\0b", amount=1, ceiling=10, previous_share=500, **{**minute, "start": 660})
    assert await store.reserve(attempt(), [later], durable=False, left=left) is None
    assert left == [9], "nothing of the minute before is spent yet"
    left = []
    assert await store.reserve(attempt(), [money(90)], durable=False, left=left) is not None
    assert left == [], "nothing is held"


async def test_what_does_not_fit_is_refused_with_what_is_left(store: Holds) -> None:
    first, claim = attempt(), money(60)
    assert await store.reserve(first, [claim], durable=True) is None
    shortage = await store.reserve(attempt(), [money(41)], durable=True)
    assert shortage is not None
    assert (shortage.spent, shortage.reserved, shortage.left) == (0, 60, 40)
    assert await store.reserve(attempt(), [money(40)], durable=True) is None


async def test_claims_are_granted_together_or_not_at_all(store: Holds) -> None:
    small, large = money(30, 10, budget="key"), money(30, 100)
    shortage = await store.reserve(attempt(), [large, small], durable=True)
    assert shortage is not None
    assert shortage.claim.budget == "key"
    assert (await balance(store, large)).reserved == 0


async def test_two_claims_of_one_balance_add_up(store: Holds) -> None:
    assert await store.reserve(attempt(), [money(60), money(60)], durable=True) is not None


async def test_to_reserve_twice_holds_once(store: Holds) -> None:
    begun, claim = attempt(), money(60)
    for _ in range(2):
        assert await store.reserve(begun, [claim], durable=True) is None
    assert (await balance(store, claim)).reserved == 60


async def test_to_settle_twice_spends_once(store: Holds) -> None:
    begun, claim = attempt(), money(60)
    await store.reserve(begun, [claim], durable=True)
    for nano_usd in (25, 50):
        store.record(ended(begun, **cost(nano_usd)))
    now = await balance(store, claim)
    assert (now.spent, now.reserved) == (25, 0)


async def test_what_was_not_sent_costs_nothing(store: Holds) -> None:
    begun, claim = attempt(), money(60)
    await store.reserve(begun, [claim], durable=True)
    store.record(ended(begun, Outcome.ABORTED, cost=NOT_BILLED, cost_basis=CostBasis.NOT_SENT))
    now = await balance(store, claim)
    assert (now.spent, now.reserved) == (0, 0)


async def test_an_unknown_cost_is_the_most_that_it_can_be(store: Holds) -> None:
    begun, claim = attempt(), money(60)
    await store.reserve(begun, [claim], durable=True)
    store.record(ended(begun, Outcome.FAILED, cost=None, cost_basis=CostBasis.UNKNOWN))
    now = await balance(store, claim)
    assert (now.spent, now.reserved) == (60, 0)


async def test_what_goes_beyond_the_hold_is_an_overrun(store: Holds) -> None:
    begun, claim = attempt(), money(60)
    await store.reserve(begun, [claim], durable=True)
    store.record(ended(begun, **cost(75)))
    now = await balance(store, claim)
    assert (now.spent, now.overrun) == (75, 15)


async def test_a_claim_of_nothing_is_always_granted(store: Holds) -> None:
    await store.reserve(attempt(), [money(100)], durable=True)
    assert await store.reserve(attempt(), [money(0)], durable=True) is None
    assert await store.reserve(attempt(), [money(1)], durable=True) is not None


async def test_without_a_ceiling_it_is_only_counted(store: Holds) -> None:
    begun, claim = attempt(), money(500, None)
    assert await store.reserve(begun, [claim], durable=False) is None
    store.record(ended(begun, **cost(400)))
    assert (await balance(store, claim)).spent == 400


async def test_subjects_and_periods_have_balances_of_their_own(store: Holds) -> None:
    for claim in (money(100, subject="alice"), money(100, subject="bob"), money(100, subject="bob", start=86_400)):
        assert await store.reserve(attempt(), [claim], durable=True) is None


async def test_attempts_at_once_are_counted_until_they_end(store: Holds) -> None:
    claim = Claim(budget="limit", subject="", unit=Unit.CONCURRENT, amount=1, ceiling=2)
    first, second = attempt(), attempt()
    assert await store.reserve(first, [claim], durable=False) is None
    assert await store.reserve(second, [claim], durable=False) is None
    assert await store.reserve(attempt(), [claim], durable=False) is not None
    store.record(ended(first))
    assert await store.reserve(attempt(), [claim], durable=False) is None


async def test_requests_and_tokens_count_for_their_minute(store: Holds) -> None:
    requests = Claim(budget="limit", subject="", unit=Unit.REQUESTS, start=60, amount=1, ceiling=2)
    tokens = Claim(budget="limit", subject="", unit=Unit.TOKENS, start=60, amount=70, ceiling=100, if_unknown=70)
    begun = attempt()
    assert await store.reserve(begun, [requests, tokens], durable=False) is None
    store.record(ended(begun, usage=Usage(input=20, output=10)))
    assert (await balance(store, tokens)).spent == 30
    assert (await balance(store, requests)).spent == 1
    assert await store.reserve(attempt(), [requests, tokens], durable=False) is None
    refused = await store.reserve(attempt(), [requests, tokens], durable=False)
    assert refused is not None


async def test_a_share_of_the_minute_before_still_counts(store: Holds) -> None:
    before = Claim(budget="limit", subject="", unit=Unit.REQUESTS, start=60, amount=1, ceiling=10)
    for _ in range(10):
        begun = attempt()
        assert await store.reserve(begun, [before], durable=False) is None
        store.record(ended(begun))

    def now(share: int) -> Claim:
        return msgspec.structs.replace(before, start=120, previous_share=share)

    assert (await balance(store, before)).spent == 10
    shortage = await store.reserve(attempt(), [now(1_000)], durable=False)
    assert shortage is not None
    assert shortage.spent == 10
    assert await store.reserve(attempt(), [now(899)], durable=False) is None
    assert await store.reserve(attempt(), [now(899)], durable=False) is not None


async def test_many_at_once_never_exceed_a_budget(store: Holds) -> None:
    claim = money(7, 700)

    async def one() -> bool:
        begun = attempt()
        if await store.reserve(begun, [claim], durable=True) is not None:
            return False
        await asyncio.sleep(0)
        store.record(ended(begun, **cost(7)))
        return True

    admitted = sum(await asyncio.gather(*(one() for _ in range(500))))
    now = await balance(store, claim)
    assert (admitted, now.spent, now.reserved) == (100, 700, 0)
