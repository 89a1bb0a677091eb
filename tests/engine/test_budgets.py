"""Budgets and limits through the public API: what is reserved, refused, lowered and counted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import understudy as u
from tests.engine.billed import CENT, Billing, entry, manager
from tests.engine.fakes import Incoming
from tests.ledger.money import check_money
from understudy.ledger.holds import Balance, LedgerUnavailable, Unit
from understudy.ledger.memory_holds import MemoryHolds
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.settings.budgets import Budget, Limit
from understudy.wire.http import HttpRequest
from understudy.wire.json import decode_object, encode

TEAM = Budget(name="team", max=0.01, period="total")
"""A cent: 5,000 tokens of answers."""


async def balance(made: u.ProviderManager, budget: str = "team", subject: str = "") -> Balance:
    holds = made._engine.admission.holds  # type: ignore[union-attr]  # pyright: ignore
    found: list[Balance] = await holds.balances([(budget, subject, Unit.MONEY, 0)])
    return found[0]


async def test_what_a_request_costs_is_spent() -> None:
    made = manager(entry("a", Billing(100)), budgets=(TEAM,))
    await made.generate("Hi", max_tokens=1_000)
    now = await balance(made)
    assert (now.spent, now.reserved) == (200_000, 0)


async def test_the_most_that_a_request_can_cost_is_reserved_before_it_is_sent() -> None:
    line = Billing(5_000)
    made = manager(entry("a", line), budgets=(TEAM,))
    await made.generate("Hi", max_tokens=5_000)
    with pytest.raises(
        u.QuotaExhausted, match=r"the budget team is exceeded: of \$0.010* .*\$0.010* are spent"
    ) as caught:
        await made.generate("Hi", max_tokens=1)
    assert len(line.bodies) == 1
    assert caught.value.failure is not None
    assert (caught.value.failure.code, caught.value.failure.status) == ("budget_exceeded", 402)
    assert caught.value.attempts == ()


async def test_a_budget_that_resets_says_when() -> None:
    made = manager(entry("a", Billing()), budgets=(Budget(name="daily", max=0.000001, period="day"),))
    with pytest.raises(u.QuotaExhausted, match=r"resets at 20.* 00:00 UTC") as caught:
        await made.generate("Hi", max_tokens=1_000)
    assert caught.value.failure is not None
    assert caught.value.failure.status == 429
    assert 0 < (caught.value.retry_after or 0) <= 86_400


async def test_retries_and_fallbacks_are_reserved_too() -> None:
    """Each attempt holds what it can cost; one whose cost is unknown keeps all of it."""
    broken, backup = Billing(status=500), Billing(100)
    made = manager(entry("a", broken), entry("b", backup, priority=20), budgets=(TEAM,))
    made.fallback = u.FallbackConfig(max_retries=1)
    answer = await made.generate("Hi", max_tokens=1_000)
    now = await balance(made)
    known = sum(each.cost.amount.nano_usd for each in answer.attempts if each.cost is not None)
    unknown = sum(each.cost is None for each in answer.attempts)
    assert now.spent == known + unknown * 2_000_000
    assert now.reserved == 0


async def test_a_request_is_refused_and_no_other_target_asked() -> None:
    dear, cheap = Billing(), Billing()
    made = manager(entry("a", dear), entry("b", cheap, dollars=0.1, priority=20), budgets=(TEAM,))
    with pytest.raises(u.QuotaExhausted):
        await made.generate("Hi", max_tokens=10_000)
    assert (dear.bodies, cheap.bodies) == ([], [])


async def test_a_cheaper_target_answers_what_the_budget_has_no_room_for() -> None:
    dear, cheap = Billing(), Billing()
    budget = Budget(name="team", max=0.01, period="total", on_exceeded="cheaper")
    made = manager(entry("a", dear), entry("b", cheap, dollars=0.1, priority=20), budgets=(budget,))
    answer = await made.generate("Hi", max_tokens=10_000)
    assert answer.provider == "b"
    assert dear.bodies == []
    assert (await balance(made)).spent == 10_000


async def test_a_budget_of_one_provider_leaves_the_others() -> None:
    budget = Budget(name="team", max=0.01, per="provider", only=("a",), period="total")
    made = manager(entry("a", Billing()), entry("b", Billing(), priority=20), budgets=(budget,))
    assert (await made.generate("Hi", max_tokens=10_000)).provider == "b"


async def test_a_soft_budget_refuses_once_it_is_spent() -> None:
    budget = Budget(name="team", max=0.01, period="total", hard=False)
    made = manager(entry("a", Billing(9_000)), budgets=(budget,))
    await made.generate("Hi", max_tokens=100_000)
    assert (await balance(made)).spent == 18_000_000
    with pytest.raises(u.QuotaExhausted):
        await made.generate("Hi")


async def test_beyond_a_soft_budget_the_cheapest_target_is_asked() -> None:
    budget = Budget(name="team", max=0.01, period="total", hard=False, on_exceeded="cheaper")
    dear, cheap = Billing(9_000), Billing(9_000)
    made = manager(entry("a", dear), entry("b", cheap, dollars=0.1, priority=20), budgets=(budget,))
    assert (await made.generate("Hi")).provider == "a"
    assert (await made.generate("Hi")).provider == "b"
    assert (await made.generate("Hi")).provider == "b"
    assert (await balance(made)).spent == 18_000_000 + 2 * 900_000


async def test_a_free_target_is_always_allowed() -> None:
    made = manager(entry("a", Billing(), dollars=0), budgets=(Budget(name="team", max=1e-9, period="total"),))
    assert (await made.generate("Hi")).text == "hello"


async def test_an_unknown_price_is_refused_unless_the_budget_allows_it() -> None:
    made = manager(entry("a", Billing(), dollars=None), budgets=(TEAM,))
    with pytest.raises(u.InvalidRequest, match="the price of a/model is unknown") as caught:
        await made.generate("Hi")
    assert caught.value.failure is not None
    assert (caught.value.failure.status, caught.value.failure.code) == (400, "price_unknown")
    lenient = Budget(name="team", max=0.01, period="total", unpriced="allow")
    made = manager(entry("a", Billing(), dollars=None), budgets=(lenient,))
    assert (await made.generate("Hi")).cost is None


async def test_max_tokens_is_lowered_to_what_is_left() -> None:
    line = Billing(10)
    budget = Budget(name="team", max=0.01, period="total", fit_max_tokens=True)
    made = manager(entry("a", line), budgets=(budget,))
    answer = await made.generate("Hi", max_tokens=8_000)
    assert line.bodies[0]["max_completion_tokens"] == 5_000
    assert [f"{each.what}: {each.why}" for each in answer.warnings] == [
        "max_tokens: lowered to 5000 by the budget team"
    ]
    await made.generate("Hi")
    assert line.bodies[1]["max_completion_tokens"] == 4_096


@pytest.mark.parametrize("per", ["key", "session", "tag:team"])
async def test_each_subject_has_a_balance_of_its_own(per: str) -> None:
    made = manager(entry("a", Billing(5_000)), budgets=(Budget(name="team", max=0.01, per=per, period="total"),))
    labels = {"key": "key", "tag:team": "team"}

    async def ask(subject: str) -> None:
        options: Any = {"session": subject} if per == "session" else {"labels": {labels[per]: subject}}
        await made.generate("Hi", max_tokens=5_000, **options)

    await ask("one")
    await ask("two")
    with pytest.raises(u.QuotaExhausted, match="team of one"):
        await ask("one")
    assert (await made.generate("Hi", max_tokens=5_000)).text == "hello", "without a subject it is not concerned"


async def test_a_request_meets_all_its_budgets_or_none() -> None:
    wide, narrow = Budget(name="wide", max=1, period="total"), Budget(name="narrow", max=0.001, period="total")
    made = manager(entry("a", Billing()), budgets=(wide, narrow))
    with pytest.raises(u.QuotaExhausted, match="narrow"):
        await made.generate("Hi", max_tokens=5_000)
    assert (await balance(made, "wide")).reserved == 0


async def test_five_hundred_at_once_spend_exactly_what_is_allowed(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    made = manager(entry("a", Billing(100)), budgets=(Budget(name="team", max=0.01, period="total"),), sink=ledger)
    results = await asyncio.gather(*(made.generate("Hi", max_tokens=100) for _ in range(200)), return_exceptions=True)
    answered = sum(isinstance(each, u.GenerationResponse) for each in results)
    refused = sum(isinstance(each, u.QuotaExhausted) for each in results)
    ledger.flush()
    now = await balance(made)
    assert (answered, refused) == (50, 150)
    assert (now.spent, now.reserved, now.overrun) == (CENT, 0, 0)
    check_money(ledger.path, {"team": CENT})
    ledger.close()


async def test_a_caller_who_leaves_keeps_nothing_reserved(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    made = manager(entry("a", Billing(100, delay=60)), budgets=(TEAM,), sink=ledger)
    tasks = [asyncio.ensure_future(made.generate("Hi", max_tokens=1_000)) for _ in range(4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0.2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    ledger.flush()
    now = await balance(made)
    assert now.reserved == 0
    assert now.spent <= CENT
    check_money(ledger.path, {"team": CENT})
    ledger.close()


# ---- limits ----


async def test_requests_at_once_are_limited() -> None:
    made = manager(entry("a", Billing(delay=0.05)), limits=(Limit(concurrent=2),))
    results = await asyncio.gather(*(made.generate("Hi") for _ in range(5)), return_exceptions=True)
    refused = [each for each in results if isinstance(each, u.RateLimited)]
    assert len(refused) == 3
    assert "the limit of 2 requests at once for all is reached" in str(refused[0])
    assert (await made.generate("Hi")).text == "hello"


async def test_requests_a_minute_are_limited() -> None:
    made = manager(entry("a", Billing()), limits=(Limit(per="session", requests_per_minute=3),))
    for _ in range(3):
        await made.generate("Hi", session="one")
    with pytest.raises(u.RateLimited, match="3 requests a minute for the session one") as caught:
        await made.generate("Hi", session="one")
    assert 0 < (caught.value.retry_after or 0) <= 60
    await made.generate("Hi", session="two")


async def test_tokens_a_minute_are_limited() -> None:
    made = manager(entry("a", Billing(90)), limits=(Limit(tokens_per_minute=100),))
    await made.generate("Hi", max_tokens=90)
    with pytest.raises(u.RateLimited, match="100 tokens a minute"):
        await made.generate("Hi", max_tokens=90)


# ---- a ledger that cannot be written ----


class Broken(MemoryHolds):
    """Keeps nothing."""

    async def reserve(self, *_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("the disk is full")


async def test_without_a_ledger_nothing_is_sent() -> None:
    line = Billing()
    made = manager(entry("a", line), budgets=(TEAM,), sink=Broken())
    with pytest.raises(u.Overloaded, match="the disk is full") as caught:
        await made.generate("Hi", max_tokens=10)
    assert line.bodies == []
    assert caught.value.failure is not None
    assert (caught.value.failure.status, caught.value.failure.code) == (503, "ledger_unavailable")


class Claude(Billing):
    """Answers as Anthropic does, after one search."""

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        self.bodies.append(decode_object(request.body or b"{}"))
        usage = {"input_tokens": 50, "output_tokens": 10, "server_tool_use": {"web_search_requests": 1}}
        answer: dict[str, Any] = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "usage": usage}
        answer |= {"content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn", "stop_sequence": None}
        return Incoming("application/json", encode(answer))


def searching(budget: Budget, line: Claude, **fields: Any) -> u.ProviderManager:
    """Return a manager whose model has a window of 1,000 tokens at a nano-dollar each, and writes at 10; a search costs
    a thousandth of a dollar."""
    price = u.Price.per_million(input="0.001", output="0.01", fees={"web_search": "0.001"})
    config = u.ProviderConfig(
        provider="anthropic", name="a", base_url="http://127.0.0.1:1", api_key="sk-ant-test", text_model="claude",
        price=price, context_window=1_000, whole="plain", **fields,
    )  # fmt: skip
    return manager(u.create_provider(config, transport=line), budgets=(budget,))


def search(**fields: Any) -> u.OpaqueTool:
    return u.OpaqueTool("anthropic", {"type": "web_search_20250305", "name": "web_search", **fields}, effects=False)


async def test_a_search_without_a_bound_is_refused_by_a_hard_budget() -> None:
    line = Claude()
    with pytest.raises(u.InvalidRequest, match="without a bound, and the budget team"):
        await searching(Budget(name="team", max=100, period="total"), line).generate("Hi", tools=[search()])
    assert line.bodies == []


async def test_a_search_with_a_bound_reserves_its_fees_and_all_that_it_may_read() -> None:
    """Three searches: 3 · 1,000,000 for their fees, and five times a window of 1,000 and an answer of 100 at 10."""
    line = Claude()
    worst = 3 * 1_000_000 + 5 * (1_000 + 100 * 10)
    for amount, fits in ((worst, True), (worst - 1, False)):
        made = searching(Budget(name="team", max=f"{amount / 1e9:.9f}", period="total"), line)
        asked = made.generate("Hi", tools=[search(max_uses=3)], max_tokens=100)
        if fits:
            assert (await asked).cost is not None
            now = await balance(made)
            assert (now.spent, now.reserved, now.overrun) == (1_000_000 + 50 + 10 * 10, 0, 0)
        else:
            with pytest.raises(u.QuotaExhausted, match=r"may cost \$0\.003010000"):
                await asked
    assert len(line.bodies) == 1


async def test_a_soft_budget_needs_the_fee_of_a_search_and_no_bound() -> None:
    soft = Budget(name="team", max=1, period="total", hard=False)
    line = Claude()
    made = searching(soft, line)
    await made.generate("Hi", tools=[search()])
    assert (await balance(made)).spent == 1_000_000 + 50 + 10 * 10
    unknown = u.OpaqueTool("anthropic", {"type": "code_execution_20250825", "name": "code_execution"})
    with pytest.raises(u.InvalidRequest, match="price"):
        await made.generate("Hi", tools=[unknown])
