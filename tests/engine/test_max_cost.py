"""What one request may cost: all its attempts together, nothing sent beyond it. Answers cost 2 USD a million tokens."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import understudy as u
from tests.engine.billed import Billing, entry, manager
from tests.engine.fakes import Incoming
from tests.ledger.money import check_money
from understudy.domain.attempts import CostBasis
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.wire.http import HttpRequest
from understudy.wire.json import decode_object, encode

ONCE = u.FallbackConfig(max_retries=1)


async def test_what_fits_is_sent_and_what_does_not_is_not() -> None:
    line = Billing(100)
    made = manager(entry("a", line))
    assert (await made.generate("Hi", max_tokens=5_000, max_cost="0.01")).text == "hello"
    with pytest.raises(u.QuotaExhausted) as caught:
        await made.generate("Hi", max_tokens=5_001, max_cost="0.01")
    assert len(line.bodies) == 1
    failure = caught.value.failure
    assert failure is not None
    assert (failure.code, failure.status, failure.sent, failure.should_retry) == (
        "max_cost_exceeded",
        402,
        False,
        False,
    )
    assert "at a/model this request may cost $0.010002000, and its max_cost is $0.010000000" in str(caught.value)
    assert caught.value.attempts == ()


async def test_what_fits_nowhere_names_the_first_target_with_its_price_and_all_others() -> None:
    dear = entry("b", Billing(), dollars=40.0)
    made = manager(entry("a", Billing()), dear, entry("c", Billing()))
    with pytest.raises(u.QuotaExhausted) as caught:
        await made.generate("Hi", max_tokens=5_001, max_cost="0.01")
    assert "at a/model this request may cost $0.010002000, and its max_cost is $0.010000000" in str(caught.value)
    assert str(caught.value).endswith("; b/model is refused too; c/model is refused too")


@pytest.mark.parametrize("written", ["0.01", 0.01, Decimal("0.01")])
async def test_dollars_may_be_written_in_each_form(written: Any) -> None:
    made = manager(entry("a", Billing()))
    await made.generate("Hi", max_tokens=5_000, max_cost=written)
    with pytest.raises(u.QuotaExhausted):
        await made.generate("Hi", max_tokens=5_001, max_cost=written)


@pytest.mark.parametrize("wrong", [0, -1, "", "cheap", True, float("nan"), "1e-10", [1], b"1"])
async def test_anything_else_is_a_mistake_of_the_caller(wrong: Any) -> None:
    line = Billing()
    made = manager(entry("a", line))
    with pytest.raises(u.Misuse, match=r"max_cost must be .*; it is in US dollars"):
        await made.generate("Hi", max_cost=wrong)
    assert line.bodies == []


async def test_streams_and_embeddings_have_it_too() -> None:
    made = manager(entry("a", Billing(), embedding_model="e"))
    with pytest.raises(u.QuotaExhausted, match="max_cost"):
        await made.stream("Hi", max_tokens=5_001, max_cost="0.01").collect()
    dear = u.create_provider(
        u.ProviderConfig(
            provider="openai",
            base_url="http://127.0.0.1:1/v1",
            api_key="k",
            embedding_model="e",
            price=u.Price.per_million(input=1_000, output=0),
        ),
        transport=Billing(),
    )
    with pytest.raises(u.QuotaExhausted, match=r"may cost \$0.005000000, and its max_cost is \$0.004000000"):
        await dear.embed("Hello", max_cost="0.004")


class Vectors:
    """Answers embeddings, which used a token for each byte."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        texts: list[str] = decode_object(request.body or b"")["input"]
        self.sizes.append(len(texts))
        used = sum(map(len, texts))
        data = [{"object": "embedding", "index": at, "embedding": [0.5]} for at in range(len(texts))]
        usage = {"prompt_tokens": used, "total_tokens": used}
        return Incoming("application/json", encode({"data": data, "model": "e", "usage": usage}))

    async def aclose(self) -> None:
        return None


async def test_all_batches_of_an_embedding_together() -> None:
    """Batches of 64 texts of ten bytes each, at a thousand nano-dollars a token: 640,000 a batch."""
    line = Vectors()
    config = u.ProviderConfig(
        provider="together", api_key="k", embedding_model="e", price=u.Price.per_million(input=1, output=0)
    )
    made = u.create_provider(config, transport=line)
    texts = ["0123456789"] * 192
    assert len((await made.embed(texts, max_cost="0.00192")).embeddings) == 192
    line.sizes.clear()
    with pytest.raises(
        u.QuotaExhausted, match=r"may cost \$0.000640000, and its max_cost is \$0.001900000, of which its"
    ):
        await made.embed(texts, max_cost="0.0019", concurrency=1)
    assert line.sizes == [64, 64]


async def test_retries_count_with_all_that_they_can_cost() -> None:
    """What a failed attempt has cost is not known: of three tries at half a cent each, a cent has room for two."""
    broken = Billing(status=500)
    made = manager(entry("a", broken), fallback=u.FallbackConfig(max_retries=3, retry_delay_ms=0))
    with pytest.raises(u.LLMError) as caught:
        await made.generate("Hi", max_tokens=2_500, max_cost="0.01")
    assert len(broken.bodies) == len(caught.value.attempts) == 2
    assert "of which its other attempts may have used $0.010000000" in str(caught.value)


async def test_fallbacks_count_too() -> None:
    broken, backup = Billing(status=500), Billing(100)
    made = manager(entry("a", broken), entry("b", backup, priority=20), fallback=ONCE)
    assert (await made.generate("Hi", max_tokens=2_500, max_cost="0.01")).provider == "b"
    with pytest.raises(u.LLMError):
        await made.generate("Hi", max_tokens=2_501, max_cost="0.01")
    assert (len(broken.bodies), len(backup.bodies)) == (2, 1)


async def test_hedged_attempts_count_while_they_run() -> None:
    rules = u.FallbackConfig(max_retries=1, hedge=True, hedge_after=0.01)
    for most, answering, asked in ((2_501, "a", 0), (2_500, "b", 1)):
        slow, fast = Billing(100, delay=0.2), Billing(100)
        made = manager(entry("a", slow), entry("b", fast, priority=20), fallback=rules)
        answer = await made.generate("Hi", max_tokens=most, max_cost="0.01")
        assert (answer.provider, len(fast.bodies)) == (answering, asked)


async def test_a_target_that_is_too_dear_leaves_the_others() -> None:
    dear, cheap = Billing(), Billing()
    made = manager(entry("a", dear), entry("b", cheap, dollars=0.1, priority=20))
    assert (await made.generate("Hi", max_tokens=10_000, max_cost="0.01")).provider == "b"
    assert dear.bodies == []


async def test_a_free_target_always_fits_and_an_unknown_price_never() -> None:
    free = manager(entry("a", Billing(), dollars=0))
    assert (await free.generate("Hi", max_cost="0.000000001")).text == "hello"
    line = Billing()
    unknown = manager(entry("a", line, dollars=None))
    with pytest.raises(u.InvalidRequest, match=r"price of a/model is unknown .* its max_cost allows") as caught:
        await unknown.generate("Hi", max_cost="100")
    assert caught.value.failure is not None
    assert (caught.value.failure.code, caught.value.failure.status, line.bodies) == ("price_unknown", 400, [])


async def test_max_tokens_is_lowered_where_the_configuration_allows_that() -> None:
    line = Billing()
    made = manager(entry("a", line), fallback=u.FallbackConfig(fit_max_tokens=True))
    answer = await made.generate("Hi", max_tokens=8_000, max_cost="0.01")
    assert line.bodies[0]["max_completion_tokens"] == 5_000
    assert [f"{each.what}: {each.why}" for each in answer.warnings] == ["max_tokens: lowered to 5000 by max_cost"]
    with pytest.raises(u.QuotaExhausted):
        await made.generate("Hi", max_tokens=8_000, max_cost="0.00003")  # 15 tokens are no answer


async def test_max_tokens_is_lowered_to_what_a_budget_leaves_as_well() -> None:
    line = Billing()
    team = u.Budget(name="team", max=0.01, period="total")
    made = manager(entry("a", line), budgets=(team,), fallback=u.FallbackConfig(fit_max_tokens=True))
    await made.generate("Hi", max_tokens=8_000)
    assert line.bodies[0]["max_completion_tokens"] == 5_000


async def test_the_configuration_and_the_call_both_hold() -> None:
    line = Billing()
    cheap = u.Route(name="cheap", targets=("a",), fallback=u.FallbackConfig(max_cost="0.001"))
    made = manager(entry("a", line), fallback=u.FallbackConfig(max_cost=0.01), routes=(cheap,))
    for model, most in (("a", 5_000), ("cheap", 500)):
        await made.generate("Hi", model=model, max_tokens=most)
        await made.generate("Hi", model=model, max_tokens=most, max_cost=1)
        with pytest.raises(u.QuotaExhausted, match="max_cost"):
            await made.generate("Hi", model=model, max_tokens=most + 1)
        with pytest.raises(u.QuotaExhausted, match="max_cost"):
            await made.generate("Hi", model=model, max_tokens=most + 1, max_cost=1)
    with pytest.raises(u.QuotaExhausted):
        await made.generate("Hi", max_tokens=2, max_cost="0.000002")
    assert len(line.bodies) == 4


async def test_it_is_read_from_a_file() -> None:
    config = {
        "providers": [{"provider": "openai", "name": "a", "text_model": "m", "api_key": "sk-test"}],
        "fallback": {"max_cost": 0.25, "fit_max_tokens": True},
        "routes": [{"name": "r", "targets": ["a"], "max_cost": 0.5}, {"name": "s", "targets": ["a"]}],
    }
    made = u.from_config({"llm": config})
    assert isinstance(made, u.ProviderManager)
    rules = (made.fallback, *(route.fallback for route in made.routes))
    assert [(each.max_cost, each.fit_max_tokens) for each in rules] == [(0.25, True), (0.5, True), (0.25, True)]
    with pytest.raises(u.ConfigError, match="max_cost"):
        u.from_config({"llm": {**config, "fallback": {"max_cost": 0}}})
    with pytest.raises(u.ConfigError, match="max_cost must be"):
        u.FallbackConfig(max_cost="cheap")


async def test_what_a_budget_refuses_is_given_back() -> None:
    """The first target has no room in its budget: the second may use the whole of the request's own ceiling."""
    budget = u.Budget(name="of a", max="0.001", per="provider", only=("a",), period="total")
    first, second = Billing(), Billing()
    made = manager(entry("a", first), entry("b", second, priority=20), budgets=(budget,))
    assert (await made.generate("Hi", max_tokens=5_000, max_cost="0.01")).provider == "b"
    assert first.bodies == []


async def test_the_steps_of_a_tool_loop_share_it() -> None:
    class Calling(Billing):
        async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
            incoming = await super().send(request, connect=connect)
            call = {"id": f"c{len(self.bodies)}", "type": "function", "function": {"name": "now", "arguments": "{}"}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
            usage = {"prompt_tokens": 0, "completion_tokens": 1_000, "total_tokens": 1_000}
            choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
            answer = Incoming(
                "application/json", encode({"id": "1", "model": "m", "usage": usage, "choices": [choice]})
            )
            answer.head = incoming.head
            return answer

    def now() -> str:
        """Tell the time."""
        return "noon"

    line = Calling()
    made = manager(entry("a", line))
    with pytest.raises(u.QuotaExhausted, match=r"other attempts may have used \$0.006000000") as caught:
        await made.run_tools("Hi", tools=[now], max_tokens=2_500, max_cost="0.01")
    assert len(line.bodies) == 3
    assert caught.value.run is not None
    assert len(caught.value.run.steps) == 3


async def test_many_at_once_keep_their_own_ceilings_and_the_budget(tmp_path: Path) -> None:
    """In a ledger: no request costs more than its ceiling, and the sums of the ledger are those of the records."""
    seen: list[u.AttemptRecord] = []
    ledger = SqliteLedger(tmp_path / "ledger.db")
    team = u.Budget(name="team", max="0.05", period="total")
    made = manager(
        *(entry(name, Billing(2_000), priority=place) for place, name in enumerate("ab")),
        budgets=(team,),
        sink=ledger,
        observers=[seen.append],
    )
    asked = [made.generate("Hi", max_tokens=1_000 + 250 * at, max_cost="0.005") for at in range(12)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    await made.aclose()
    ledger.close()
    sent = [each for each in seen if each.cost_basis is not CostBasis.NOT_SENT]
    assert {each.failure.code for each in found if isinstance(each, u.LLMError) and each.failure} == {
        "max_cost_exceeded"
    }
    assert sum(isinstance(each, u.GenerationResponse) for each in found) == len(sent) == 7
    check_money(tmp_path / "ledger.db")
