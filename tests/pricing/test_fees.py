"""What a cost includes besides tokens: fees of hosted tools, requests to several models, credits."""

from __future__ import annotations

from typing import Any

import pytest

import understudy as u
from tests.engine.fakes import Incoming
from tests.pricing import wires
from understudy.domain.prices import Price
from understudy.domain.usage import ModelUsage, Usage
from understudy.wire.http import HttpRequest

PRICE = Price.per_million(input=1, output=2, fees={"web_search": "0.01"})


class Answering:
    """A transport that answers with one body."""

    def __init__(self, wire: wires.Wire) -> None:
        self.wire = wire

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        return Incoming(self.wire.content_type, self.wire.body)

    async def aclose(self) -> None:
        return None


def test_a_tool_costs_its_fee_for_every_call() -> None:
    cost = PRICE.cost(Usage(input=1, output=1, tools={"web_search": 3}))
    assert cost is not None
    assert cost.amount.nano_usd == 3_000 + 3 * 10_000_000


def test_a_tool_without_a_known_fee_makes_the_cost_unknown() -> None:
    assert PRICE.cost(Usage(input=1, output=1, tools={"web_search": 1, "code_interpreter": 1})) is None


def test_what_is_charged_by_model_and_by_tool_adds_up() -> None:
    first = Usage(input=1, output=1, tools={"web_search": 1}, by_model=(ModelUsage(model="a", usage=Usage(input=1)),))
    both = first + Usage(input=2, output=2, tools={"web_search": 2, "file_search": 1})
    assert both.tools == {"web_search": 3, "file_search": 1}
    assert both.by_model == (*first.by_model, ModelUsage(model=None, usage=Usage(input=2, output=2)))


ANTHROPIC: dict[str, Any] = {"provider": "anthropic", "api_key": "sk-x", "text_model": "claude-opus-4-8"}


async def cost_of(usage: dict[str, Any], *, stop: str = "end_turn", **fields: Any) -> u.GenerationResponse:
    answer = wires.Answer(provider="anthropic", model="claude-opus-4-8", usage=usage)
    wire = wires.whole(answer)
    wire = wires.Wire(wire.content_type, wire.body.replace(b'"end_turn"', f'"{stop}"'.encode()))
    config = u.ProviderConfig(**ANTHROPIC, price=PRICE, **fields)
    llm = u.create_provider(config, transport=Answering(wire), fallback=u.FallbackConfig(max_retries=1))
    return await llm.generate("hello")


async def test_a_refusal_before_any_output_is_not_charged() -> None:
    counts = {"input_tokens": 400, "output_tokens": 0}
    refused = await cost_of(counts, stop="refusal")
    assert refused.cost is not None
    assert refused.cost.amount.nano_usd == 0
    assert refused.usage.input == 400


async def test_a_refusal_after_some_output_is_charged() -> None:
    refused = await cost_of({"input_tokens": 400, "output_tokens": 5}, stop="refusal")
    assert refused.cost is not None
    assert refused.cost.amount.nano_usd == 400_000 + 10_000


async def test_a_redeemed_fallback_credit_makes_the_cost_an_estimate() -> None:
    counts = {"input_tokens": 400, "output_tokens": 5}
    for status, estimated in (("redeemed", True), ("not_applied", False)):
        response = await cost_of({**counts, "fallback_credit": {"status": {"type": status}}})
        assert response.cost is not None
        assert response.cost.estimated is estimated
        assert any(warning.what == "usage" for warning in response.warnings) is estimated


async def test_broken_counts_of_an_iteration_are_not_added() -> None:
    iterations = [{"type": "message", "input_tokens": 1, "output_tokens": -1}, {"type": "message"}]
    response = await cost_of({"input_tokens": 400, "output_tokens": 5, "iterations": iterations})
    assert response.usage.by_model == ()
    assert response.cost is not None
    assert response.cost.estimated


async def test_a_record_has_the_tier_that_answered() -> None:
    response = await cost_of({"input_tokens": 1, "output_tokens": 1, "service_tier": "batch"})
    assert response.attempts[0].service_tier == "batch"


async def test_fees_of_the_entry_come_first() -> None:
    counts = {"input_tokens": 1, "output_tokens": 1, "server_tool_use": {"web_search_requests": 2}}
    response = await cost_of(counts, fees={"web_search": "0.5"})
    assert response.cost is not None
    assert response.cost.amount.nano_usd == 3_000 + 2 * 500_000_000


@pytest.mark.parametrize("fees", [{"web_search": -1}, {"web_search": "much"}, {1: 1}, "0.5"])
def test_invalid_fees_are_refused(fees: Any) -> None:
    with pytest.raises(u.ConfigError, match="fees"):
        u.ProviderConfig(**ANTHROPIC, fees=fees)
