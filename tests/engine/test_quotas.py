"""Quotas that providers report with their answers: a target is left before its 429."""

from __future__ import annotations

import understudy as u
from tests.engine.fakes import Incoming
from tests.pricing import wires
from understudy.wire.http import HttpHead, HttpRequest

ANSWER = wires.whole(wires.Answer(provider="openai", model="gpt-5", usage={}))


class Counting:
    """A provider with a limit of requests, which it reports."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.asked = 0

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        self.asked += 1
        self.left -= 1
        incoming = Incoming(ANSWER.content_type, ANSWER.body)
        limits = {
            "x-ratelimit-limit-requests": "100",
            "x-ratelimit-remaining-requests": str(self.left),
            "x-ratelimit-reset-requests": "1m0s",
        }
        incoming.head = HttpHead(200, {**incoming.head.headers, **limits})
        return incoming

    async def aclose(self) -> None:
        return None


def manager(first: Counting, second: Counting, leave_quota: float | None = None) -> u.ProviderManager:
    made = [
        u.create_provider(
            u.ProviderConfig(provider="openai", name=name, api_key="sk-x", text_model="gpt-5", priority=place),
            transport=transport,
        )
        for place, (name, transport) in enumerate((("first", first), ("second", second)))
    ]
    return u.ProviderManager(made, u.FallbackConfig(whole="plain", leave_quota=leave_quota))


async def test_a_target_is_left_before_its_limit_ends() -> None:
    first, second = Counting(7), Counting(100)
    llm = manager(first, second, leave_quota=0.05)
    providers = [(await llm.generate("Hi")).provider for _ in range(6)]
    assert providers == ["first"] * 3 + ["second"] * 3, "with 4 of 100 left the other one is asked"
    why = llm.explain("Hi").steps[1].why
    assert why == "only 4 of 100 requests left, so behind the others (priority 0)"


async def test_without_the_option_the_order_stays() -> None:
    first, second = Counting(7), Counting(100)
    llm = manager(first, second)
    assert {(await llm.generate("Hi")).provider for _ in range(6)} == {"first"}
