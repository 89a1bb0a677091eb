"""What a virtual key may ask for, what it may spend and how often it may ask, in each wire format."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.gateway.asgi import Answer, Asgi
from tests.ledger.contract.stores import Store
from understudy.domain.secret import Secret
from understudy.emulator import Emulator
from understudy.gateway.application import app
from understudy.ledger.keys import VirtualKey, make_key, token_of
from understudy.ledger.selection import LedgerSelection

PEPPER = Secret("pepper-0123456789abcdef01234567")
FACES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/chat/completions", {"model": "main", "messages": [{"role": "user", "content": "hi"}]}),
    "anthropic": (
        "/v1/messages",
        {"model": "main", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50},
    ),
    "gemini": ("/v1beta/models/main:generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    "cohere": ("/v2/chat", {"model": "main", "messages": [{"role": "user", "content": "hi"}]}),
    "ollama": ("/api/chat", {"model": "main", "messages": [{"role": "user", "content": "hi"}], "stream": False}),
    "responses": ("/v1/responses", {"model": "main", "input": "hi"}),
    "vectors": ("/v1/embeddings", {"model": "main", "input": "hi"}),
}


class Keyed:
    """A gateway over a ledger, and the keys that are made in it."""

    def __init__(self, caller: Asgi, emulator: Emulator, store: Store) -> None:
        self.caller = caller
        self.emulator = emulator
        self.store = store

    def key(self, name: str, **grants: Any) -> str:
        made = make_key()
        with self.store.keys() as keys:
            keys.add(VirtualKey(name=name, created=time.time(), **grants), token_of(made, PEPPER, time.time()))
        return made.reveal()

    async def ask(self, key: str, face: str = "openai") -> Answer:
        path, body = FACES[face]
        return await self.caller.post(path, body, {"x-api-key": key})


@pytest.fixture
async def keyed(store: Store) -> AsyncIterator[Keyed]:
    async with Emulator(("openai",)) as emulator:
        entry = {
            "name": "main",
            "provider": "openai",
            "base_url": emulator.url("openai"),
            "api_key": emulator.key,
            "text_model": "gpt-4.1-mini",
            "embedding_model": "text-embedding-3-small",
            "prices": {name: {"input": 0.4, "output": 1.6} for name in ("gpt-4.1-mini", "text-embedding-3-small")},
        }
        routes = [{"name": "small", "targets": ["main"]}]
        gateway = {"key_pepper": PEPPER.reveal()}
        config = {"llm": {"providers": [entry], "fallback": {"max_attempts": 1}, "routes": routes, "gateway": gateway}}
        ledger = await asyncio.to_thread(store.open)
        application = app(config, **store.place, sink=ledger)
        yield Keyed(Asgi(application), emulator, store)
        await application.aclose()
        await asyncio.to_thread(store.close)


def message_of(answer: Answer) -> str:
    """Return the message of an error, in whichever form it has."""
    error = answer.json.get("error") or answer.json["message"]
    return str(error["message"] if isinstance(error, dict) else error)


@pytest.mark.parametrize("face", FACES)
async def test_what_a_key_may_not_ask_for_is_named(keyed: Keyed, face: str) -> None:
    refused = await keyed.ask(keyed.key("narrow", routes=("small",), models=("other/*",)), face)
    assert refused.status == 403
    assert message_of(refused) == "the key 'narrow' may not use 'main': it may use other/*, small"
    assert not keyed.emulator.requests("openai")
    assert (await keyed.ask(keyed.key("wide", models=("ma*",)), face)).status == 200


LISTS = {
    "/openai/v1/models": ("data", "id"),
    "/anthropic/v1/models": ("data", "id"),
    "/gemini/v1beta/models": ("models", "name"),
    "/cohere/v1/models": ("models", "name"),
    "/api/tags": ("models", "name"),
}


@pytest.mark.parametrize("path", LISTS)
async def test_lists_show_what_a_key_may_ask_for(keyed: Keyed, path: str) -> None:
    key = keyed.key("narrow", routes=("small",))
    answer = await keyed.caller.get(path, {"x-api-key": key})
    items, name = LISTS[path]
    assert [each[name].removeprefix("models/").removesuffix(":latest") for each in answer.json[items]] == ["small"]
    wide = await keyed.caller.get(path, {"x-api-key": keyed.key("wide")})
    assert len(wide.json[items]) > 1


@pytest.mark.parametrize("face", FACES)
async def test_a_key_without_money_is_refused_and_no_provider_is_asked(keyed: Keyed, face: str) -> None:
    poor = keyed.key("poor", budgets=({"name": "day", "max": "0.000000001", "period": "day"},))
    refused = await keyed.ask(poor, face)
    assert 400 <= refused.status < 500, refused.text
    message = message_of(refused)
    assert message.startswith("the budget key:poor/day is exceeded")
    assert "resets at" in message
    assert not keyed.emulator.requests("openai")
    assert (await keyed.ask(keyed.key("rich"), face)).status == 200


async def test_each_key_has_a_balance_of_its_own(keyed: Keyed) -> None:
    budget = {"name": "total", "max": "1", "period": "total"}
    alice, bob = (keyed.key(name, budgets=(budget,)) for name in ("alice", "bob"))
    for key in (alice, alice, bob):
        assert (await keyed.ask(key)).status == 200
    spent = await asyncio.to_thread(sums, keyed.store)
    assert spent["alice"] == 2 * spent["bob"] > 0


def sums(store: Store) -> dict[str, int]:
    """Return what the keys cost, once everything is written."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with store.read() as reader:
            found = reader.usage("key")
        if sum(each.requests for each in found.values()) == 3:
            return {name: each.cost for name, each in found.items()}
        time.sleep(0.02)
    raise AssertionError("the requests were not written")


async def test_a_key_that_asks_too_often_is_refused(keyed: Keyed) -> None:
    alice, bob = (keyed.key(name, limits=({"requests_per_minute": 1},)) for name in ("alice", "bob"))
    assert (await keyed.ask(alice)).status == 200
    refused = await keyed.ask(alice)
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) > 0
    assert (await keyed.ask(bob)).status == 200


async def test_a_repetition_costs_nothing(keyed: Keyed) -> None:
    key = keyed.key("alice", limits=({"requests_per_minute": 1},))
    path, body = FACES["openai"]
    headers = {"x-api-key": key, "idempotency-key": "one"}
    first = await keyed.caller.post(path, body, headers)
    assert first.status == 200
    assert (await keyed.caller.post(path, body, headers)).body == first.body
    assert (await keyed.ask(key)).status == 429


async def test_tags_are_added_up(keyed: Keyed) -> None:
    key = keyed.key("alice", labels={"team": "search", "client": "cron"})
    for _ in range(3):
        assert (await keyed.ask(key)).status == 200
    assert (await asyncio.to_thread(sums, keyed.store)).keys() == {"alice"}
    with keyed.store.read() as reader:
        assert reader.usage("tag").keys() == {"team=search"}
        assert reader.usage("agent").keys() == {"cron"}


AUXILIARY = {"x-claude-code-session-id": "s1", "x-claude-code-request-class": "auxiliary"}


async def test_classes_are_added_up_and_have_budgets(keyed: Keyed) -> None:
    """A main request of an agent states no class; one of no agent has none."""
    budget = {
        "name": "side",
        "max": "0.0000001",
        "period": "total",
        "per": "class",
        "only": ["auxiliary"],
        "hard": False,
    }
    key = keyed.key("alice", budgets=(budget,))
    path, body = FACES["anthropic"]
    asked: tuple[dict[str, str], ...] = ({"x-claude-code-session-id": "s1"}, AUXILIARY, {})
    for headers in asked:
        assert (await keyed.caller.post(path, body, {"x-api-key": key, **headers})).status == 200
    assert (await asyncio.to_thread(sums, keyed.store)).keys() == {"alice"}
    with keyed.store.read() as reader:
        assert {name: each.requests for name, each in reader.usage("class").items()} == {"main": 1, "auxiliary": 1}
        (entry,) = reader.entries(LedgerSelection(request_class="auxiliary"))
        assert reader.usage("tag") == {}
    assert entry.start.labels == {"key": "alice", "client": "claude-code", "request_class": "auxiliary"}
    refused = await keyed.caller.post(path, body, {"x-api-key": key, **AUXILIARY})
    assert (refused.status, "key:alice/side of auxiliary" in message_of(refused)) == (402, True)
    assert (await keyed.caller.post(path, body, {"x-api-key": key, **asked[0]})).status == 200
