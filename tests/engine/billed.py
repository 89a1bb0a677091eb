"""Providers that bill what a test sets, at two dollars for a million tokens of an answer, and managers over them."""

from __future__ import annotations

import asyncio
from typing import Any

import understudy as u
from tests.engine.fakes import Incoming
from understudy.settings.budgets import Allowance, Budget, Limit
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import decode_object, encode

CENT = 10_000_000
"""Nano-USD."""


class Billing:
    """Answers chats with so many tokens of output, or with a status; remembers the bodies."""

    def __init__(self, output: int = 100, *, status: int = 200, delay: float = 0.0, usage: Any = None) -> None:
        self.output, self.status, self.delay = output, status, delay
        self.usage = usage
        self.bodies: list[dict[str, Any]] = []

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        self.bodies.append(decode_object(request.body or b"{}"))
        if self.delay:
            await asyncio.sleep(self.delay)
        usage = {"prompt_tokens": 0, "completion_tokens": self.output, "total_tokens": self.output}
        usage = usage if self.usage is None else self.usage
        message = {"role": "assistant", "content": "hello"}
        answer = {
            "id": "1",
            "model": "gpt-5",
            "usage": usage,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
        incoming = Incoming("application/json", encode(answer if self.status == 200 else {"error": {"message": "no"}}))
        incoming.head = HttpHead(self.status, {"content-type": "application/json"})
        return incoming

    async def aclose(self) -> None:
        return None


def entry(name: str, line: Billing, *, dollars: float | None = 2.0, **fields: Any) -> u.Provider:
    """Return an entry whose prompts are free, and whose answers cost so many dollars for a million tokens."""
    price = None if dollars is None else u.Price.per_million(input=0, output=dollars)
    config = u.ProviderConfig(
        provider="openai",
        base_url="http://127.0.0.1:1/v1",
        name=name,
        api_key="sk-test",
        text_model="model",
        price=price,
        whole="plain",
        **fields,
    )
    return u.create_provider(config, transport=line)


def manager(
    *lines: u.Provider, budgets: tuple[Budget, ...] = (), limits: tuple[Limit, ...] = (), **fields: Any
) -> u.ProviderManager:
    """Return a manager with budgets and limits."""
    return u.ProviderManager(list(lines), allowance=Allowance(budgets=budgets, limits=limits), **fields)
