"""Random histories of reservations and ends, over each store, against a model that is nothing but lists."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.ledger.made import NOON, ended, start
from tests.ledger.money import check_money
from understudy.domain.attempts import AttemptStart, CostBasis
from understudy.domain.money import NOT_BILLED, Cost, Money
from understudy.domain.usage import Usage
from understudy.ledger.holds import Claim, Unit
from understudy.ledger.memory_holds import MemoryHolds
from understudy.ledger.sqlite.store import SqliteLedger

_T = TypeVar("_T")
BUDGETS = {"a": 100, "b": 40, "c": 1_000}


class Machine(RuleBasedStateMachine):
    """One store and its model: what each attempt holds, and what each was charged."""

    unit = Unit.MONEY

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store: Any = self.make()
        self.open: list[tuple[AttemptStart, dict[str, int]]] = []
        self.over: list[tuple[AttemptStart, dict[str, int]]] = []
        self.count = 0

    def make(self) -> Any:
        return MemoryHolds()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.loop.run_until_complete(work)

    def used(self, budget: str) -> tuple[int, int]:
        spent = sum(charged.get(budget, 0) for _, charged in self.over)
        return spent, sum(held.get(budget, 0) for _, held in self.open)

    @rule(wanted=st.dictionaries(st.sampled_from(sorted(BUDGETS)), st.integers(0, 60), min_size=1))
    def reserve(self, wanted: dict[str, int]) -> None:
        self.count += 1
        begun = start(self.count, started=NOON)
        claims = [
            Claim(budget=name, subject="", unit=self.unit, amount=amount, ceiling=BUDGETS[name], if_unknown=amount)
            for name, amount in wanted.items()
        ]
        fits = all(not amount or sum(self.used(name)) + amount <= BUDGETS[name] for name, amount in wanted.items())
        assert (self.run(self.store.reserve(begun, claims, durable=False)) is None) == fits
        if fits:
            self.open.append((begun, wanted))

    @rule(data=st.data(), share=st.integers(0, 120), basis=st.sampled_from(["cost", "unknown", "not sent"]))
    def end(self, data: st.DataObject, share: int, basis: str) -> None:
        if not self.open:
            return
        begun, held = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        cost = max(held.values()) * share // 100
        match basis:
            case "cost":
                fields: dict[str, Any] = {"cost": Cost(amount=Money(cost), source="test"), "usage": Usage(output=cost)}
                charged = dict.fromkeys(held, cost)
            case "unknown":
                fields, charged = {"cost": None, "cost_basis": CostBasis.UNKNOWN, "usage": Usage()}, held
            case _:
                fields, charged = {"cost": NOT_BILLED, "cost_basis": CostBasis.NOT_SENT}, {}
        self.store.record(ended(begun, **fields))
        self.over.append((begun, charged))

    @rule(data=st.data())
    def end_again(self, data: st.DataObject) -> None:
        if self.over:
            begun, _ = self.over[data.draw(st.integers(0, len(self.over) - 1))]
            self.store.record(ended(begun, cost=Cost(amount=Money(7), source="test")))

    @rule(data=st.data())
    def reserve_again(self, data: st.DataObject) -> None:
        if self.open:
            begun, held = self.open[data.draw(st.integers(0, len(self.open) - 1))]
            claims = [
                Claim(budget=name, subject="", unit=self.unit, amount=amount, ceiling=0)
                for name, amount in held.items()
            ]
            assert self.run(self.store.reserve(begun, claims, durable=False)) is None

    @invariant()
    def balances_are_the_sums(self) -> None:
        self.settle()
        for found in self.run(self.store.balances([(name, "", self.unit, 0) for name in BUDGETS])):
            assert (found.spent, found.reserved) == self.used(found.budget)

    def settle(self) -> None:
        """Wait until what was recorded is kept."""

    def teardown(self) -> None:
        self.loop.close()


class FileMachine(Machine):
    """The same over a file, whose laws are checked after each history."""

    def make(self) -> Any:
        self.folder = tempfile.TemporaryDirectory()
        return SqliteLedger(Path(self.folder.name) / "ledger.db")

    def settle(self) -> None:
        self.store.flush()

    def teardown(self) -> None:
        try:
            check_money(self.store.path, BUDGETS)
        finally:
            self.store.close()
            self.folder.cleanup()
            super().teardown()


@pytest.mark.parametrize("machine", [Machine, FileMachine], ids=["memory", "sqlite"])
def test_any_history_of_reservations_and_ends(machine: type[Machine], request: pytest.FixtureRequest) -> None:
    """`--deep`: 10⁴ steps over each store."""
    deep = request.config.getoption("--deep")
    examples, steps = (200, 50) if deep else (40, 20) if machine is Machine else (5, 15)
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    )
