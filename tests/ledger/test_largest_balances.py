"""The balances of which the most is taken, without reading those of everybody and of former periods."""

from __future__ import annotations

import asyncio

from tests.ledger.contract.stores import Store
from tests.ledger.limits import attempt
from tests.ledger.made import ended
from understudy.domain.attempts import CostBasis
from understudy.domain.money import Cost, Money
from understudy.ledger.holds import Claim, Unit


def money(budget: str, subject: str, start: int, amount: int, unit: Unit = Unit.MONEY) -> Claim:
    return Claim(budget=budget, subject=subject, unit=unit, start=start, amount=amount, ceiling=10**9)


async def test_those_with_the_most_taken_come_first_of_each_budget_and_period(store: Store) -> None:
    ledger = store.open()
    claims = [money("each", f"s{number}", 60, number) for number in range(1, 8)]
    claims += [money("each", "s9", 0, 900), money("each", "s8", 60, 5_000, Unit.TOKENS), money("team", "", 0, 5)]
    assert await ledger.reserve(attempt(), claims, durable=True) is None  # type: ignore[attr-defined]
    paid = attempt()
    assert await ledger.reserve(paid, [money("each", "s2", 60, 0)], durable=True) is None  # type: ignore[attr-defined]
    ledger.record(ended(paid, cost=Cost(amount=Money(100), source="test"), cost_basis=CostBasis.EXACT))
    await asyncio.to_thread(ledger.flush)
    with store.read() as reader:
        found = reader.largest_balances([("each", 60), ("team", 0), ("gone", 0)], 3)
        assert reader.largest_balances([], 3) == []
    assert [(each.budget, each.subject, each.spent, each.reserved) for each in found] == [
        ("each", "s2", 100, 2),
        ("each", "s7", 0, 7),
        ("each", "s6", 0, 6),
        ("team", "", 0, 5),
    ]
    await asyncio.to_thread(ledger.close)
