"""Random histories over limits in Valkey, of two processes, against the model that the other stores are held against.

Scripts, connections and data are lost in between: the limits hold all the same.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from tests.ledger.limits import open_limits
from tests.ledger.test_holds_machine import BUDGETS, Machine
from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.holds import Balance, Claim, Shortage, Unit
from understudy.ledger.valkey.store import ValkeyLimits


class Both:
    """Two processes that share limits: an attempt belongs to the one that was asked for it."""

    def __init__(self, url: str) -> None:
        self.prefix = f"{{{uuid.uuid4().hex}}}"
        self.processes = [open_limits(url, prefix=self.prefix) for _ in range(2)]
        self.turn = 0
        self._owners: dict[str, ValkeyLimits] = {}

    async def reserve(self, start: AttemptStart, claims: list[Claim], *, durable: bool) -> Shortage | None:
        owner = self._owners.setdefault(start.attempt_id, self.processes[self.turn])
        return await owner.reserve(start, claims, durable=durable)

    def record(self, attempt: AttemptRecord) -> None:
        self._owners[attempt.attempt_id].record(attempt)

    async def balances(self, keys: list[tuple[str, str, Unit, int]]) -> list[Balance]:
        first, second = [await each.balances(keys) for each in self.processes]
        assert await self.processes[0].balances(keys) == second, (first, second)
        return second


class ValkeyMachine(Machine):
    """Tokens of two processes in one server."""

    unit = Unit.TOKENS
    url: str

    def make(self) -> Any:
        import redis

        self.server = redis.Redis.from_url(self.url)
        return Both(self.url)

    @rule(turn=st.integers(0, 1))
    def turn(self, turn: int) -> None:
        self.store.turn = turn

    @rule()
    def lose_scripts(self) -> None:
        self.server.script_flush()

    @rule()
    def lose_data(self) -> None:
        """As after a failover; each process is asked for something soon."""
        if names := self.server.keys(f"?{self.store.prefix[1:-1]}?*"):
            self.server.delete(*names)
        for each in self.store.processes:
            self.run(each.balances([(name, "", self.unit, 0) for name in BUDGETS]))

    @rule(share=st.integers(0, 2))
    def lose_some_data(self, share: int) -> None:
        """As after a failover to a replica that lags."""
        names = sorted(self.server.keys(f"?{self.store.prefix[1:-1]}?*"))[share::3]
        if names:
            self.server.delete(*names)
        self.server.delete(f"{self.store.prefix}:processes")
        for each in self.store.processes:
            self.run(each.balances([(name, "", self.unit, 0) for name in BUDGETS]))

    def teardown(self) -> None:
        for each in self.store.processes:
            assert each.trouble is None
            each.close()
        self.server.close()
        super().teardown()


def test_any_history_of_reservations_and_ends(valkey_url: str, request: pytest.FixtureRequest) -> None:
    """`--deep`: 10⁴ steps."""
    machine = type("AtServer", (ValkeyMachine,), {"url": valkey_url})
    examples, steps = (200, 50) if request.config.getoption("--deep") else (8, 20)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
