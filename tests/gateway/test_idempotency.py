"""`Idempotency-Key`: a request is answered once, and its repetitions get the same bytes, at whichever process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.gateway.asgi import Answer, Asgi
from tests.gateway.serving.serving import serving
from tests.ledger.contract.stores import Store
from understudy.emulator import Emulator, Fault, server
from understudy.gateway.application import Gateway, app
from understudy.gateway.idempotency import HEADER, REPLAYED

KEY = "order-66"
_HI: list[Any] = [{"role": "user", "content": "hi"}]
_PART: dict[str, Any] = {"role": "user", "parts": [{"text": "hi"}]}
FACES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/chat/completions", {"model": "main", "messages": _HI}),
    "openai, streamed": ("/v1/chat/completions", {"model": "main", "messages": _HI, "stream": True}),
    "completions": ("/v1/completions", {"model": "main", "prompt": "hi"}),
    "responses": ("/v1/responses", {"model": "main", "input": "hi"}),
    "responses, streamed": ("/v1/responses", {"model": "main", "input": "hi", "stream": True}),
    "vectors": ("/v1/embeddings", {"model": "main", "input": "hi"}),
    "anthropic": ("/v1/messages", {"model": "main", "messages": _HI, "max_tokens": 50}),
    "anthropic, streamed": ("/v1/messages", {"model": "main", "messages": _HI, "max_tokens": 50, "stream": True}),
    "gemini": ("/v1beta/models/main:generateContent", {"contents": [_PART]}),
    "gemini, streamed": ("/v1beta/models/main:streamGenerateContent?alt=sse", {"contents": [_PART]}),
    "cohere": ("/v2/chat", {"model": "main", "messages": _HI}),
    "ollama": ("/api/chat", {"model": "main", "messages": _HI, "stream": False}),
    "ollama, streamed": ("/api/chat", {"model": "main", "messages": _HI}),
}


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(("openai",)) as running:
        yield running


@pytest.fixture
async def caller(emulator: Emulator, store: Store) -> AsyncIterator[Asgi]:
    gateway = opened(emulator, store)
    yield Asgi(gateway)
    await gateway.aclose()


def opened(emulator: Emulator, store: Store | None) -> Gateway:
    """Return a gateway over a ledger; it stands for one process of several."""
    entry = {
        "name": "main",
        "provider": "openai",
        "base_url": emulator.url("openai"),
        "api_key": emulator.key,
        "text_model": "gpt-4.1-mini",
        "embedding_model": "text-embedding-3-small",
    }
    keys = [{"name": name, "key": f"{name}-0123456789abcdef"} for name in ("alice", "bob")]
    fallback = {"max_attempts": 1, "whole": "plain"}
    config = {"llm": {"providers": [entry], "fallback": fallback, "gateway": {"keys": keys}}}
    return app(config, **(store.place if store is not None else {}))


def headers(key: str | None = KEY, name: str = "alice") -> dict[str, str]:
    own = {"authorization": f"Bearer {name}-0123456789abcdef"}
    return own if key is None else {**own, HEADER: key}


async def ask(caller: Asgi, face: str = "openai", key: str | None = KEY, name: str = "alice", **more: Any) -> Answer:
    path, body = FACES[face]
    return await caller.post(path, {**body, **more}, headers(key, name))


@pytest.mark.parametrize("face", FACES)
async def test_a_repeated_request_gets_the_same_bytes(caller: Asgi, emulator: Emulator, face: str) -> None:
    first = await ask(caller, face)
    assert (first.status, REPLAYED in first.headers) == (200, False), first.text
    again = await ask(caller, face)
    assert (again.status, again.body) == (200, first.body)
    assert {**first.headers, REPLAYED: "true"} == again.headers
    assert len(emulator.requests("openai")) == 1
    other = await ask(caller, face, user="another") if "gemini" not in face else await ask(caller, face, x=[])
    assert other.status == 422
    assert "was used for another request" in other.text
    assert len(emulator.requests("openai")) == 1


async def test_what_differs_in_nothing_is_the_same_request(caller: Asgi, emulator: Emulator) -> None:
    path, body = FACES["openai"]
    first = await caller.post(path, body, headers())
    turned = json.dumps(dict(reversed(body.items())), indent=3).encode()
    assert (await caller.post(path, turned, headers())).body == first.body
    assert (await caller.post(path, body, {**headers(), "x-understudy-timeout": "9"})).status == 422
    assert len(emulator.requests("openai")) == 1


async def test_keys_and_routes_share_nothing(caller: Asgi, emulator: Emulator) -> None:
    for face, name in (("openai", "alice"), ("openai", "bob"), ("responses", "alice"), ("vectors", "alice")):
        answer = await ask(caller, face, name=name)
        assert (answer.status, REPLAYED in answer.headers) == (200, False)
    assert REPLAYED not in (await ask(caller, key="another")).headers
    assert REPLAYED not in (await ask(caller, key=None)).headers
    assert len(emulator.requests("openai")) == 6


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Have a provider that waits for ever (`Fault.slow_headers()`) wait until this is set."""
    event = asyncio.Event()
    monkeypatch.setattr(server, "_wait_for_disconnect", event.wait)
    return event


@pytest.mark.parametrize("face", [each for each in FACES if "streamed" not in each])
async def test_two_at_once(store: Store, emulator: Emulator, answering: asyncio.Event, face: str) -> None:
    """Two processes, and one answer."""
    emulator.script("openai", [Fault.slow_headers()])
    one, two = opened(emulator, store), opened(emulator, store)
    answers = asyncio.as_completed([ask(Asgi(each), face) for each in (one, two, one, two)], timeout=30)
    refused = [await next(answers) for _ in range(3)]
    answering.set()
    first = await next(answers)
    assert first.status == 200
    for each in refused:
        assert each.status == (503 if face == "gemini" else 409), "Google's clients do not try again after 409"
        assert "is being answered" in each.text
        assert face == "gemini" or each.headers["retry-after"] == "1"
    assert (await ask(Asgi(two), face)).body == first.body
    assert len(emulator.requests("openai")) == 1
    await asyncio.gather(one.aclose(), two.aclose())


async def test_what_failed_or_was_refused_is_tried_anew(caller: Asgi, emulator: Emulator) -> None:
    for status in (500, 429, 400):
        emulator.script("openai", [Fault.status(status)])
        assert (await ask(caller)).status >= 400
    emulator.script("openai", [Fault.cut(1)])
    broken = await ask(caller, "openai, streamed", KEY + "-streamed")
    assert not broken.is_complete or b"[DONE]" not in broken.body
    assert (await ask(caller, model="nowhere")).status == 404
    assert (await ask(caller, messages="none")).status == 400
    assert (await ask(caller, name="carol")).status == 401
    good = await ask(caller)
    assert (good.status, REPLAYED in good.headers) == (200, False)


async def test_a_caller_who_leaves_finds_the_answer_later(caller: Asgi, emulator: Emulator) -> None:
    emulator.script("openai", [Fault.slow_headers(0.3)])
    path, body = FACES["openai, streamed"]
    left = asyncio.Event()
    asked = asyncio.create_task(caller.send("POST", path, json.dumps(body).encode(), headers(), leave=left))
    async with asyncio.timeout(30):
        while not emulator.requests("openai"):
            await asyncio.sleep(0.01)
    left.set()
    await asked
    again = await ask(caller, "openai, streamed")
    assert again.headers[REPLAYED] == "true"
    assert b"[DONE]" in again.body
    assert len(emulator.requests("openai")) == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "\xe9", "a\tb"])
async def test_a_key_that_is_invalid_is_refused(caller: Asgi, emulator: Emulator, key: str) -> None:
    answer = await ask(caller, "anthropic", key)
    assert answer.status == 400
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert "Idempotency-Key must be" in answer.text
    assert not emulator.requests("openai")


async def test_without_a_ledger_a_key_means_nothing(emulator: Emulator) -> None:
    gateway = opened(emulator, None)
    for _ in range(2):
        assert (await ask(Asgi(gateway))).status == 200
    assert len(emulator.requests("openai")) == 2
    await gateway.aclose()


async def test_a_caller_of_our_own_server_who_leaves_finds_the_answer_later(emulator: Emulator, store: Store) -> None:
    emulator.script("openai", [Fault.slow_headers(0.3)])
    gateway = opened(emulator, store)
    data = json.dumps(FACES["openai"][1]).encode()
    fields = {"host": "localhost", **headers(), "content-length": str(len(data))}
    lines = ["POST /v1/chat/completions HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    request = "\r\n".join(lines).encode() + data
    async with serving(gateway) as running, asyncio.timeout(20):
        peer = await running.connect()
        peer.writer.write(request)
        while not emulator.requests("openai"):
            await asyncio.sleep(0.01)
        peer.writer.close()
        status, head, again = 409, b"", await running.connect()
        while status == 409:  # as long as it is being answered
            again.writer.write(request)
            status, head, _ = await again.response()
    assert (status, b"idempotent-replayed: true" in head) == (200, True)
    assert len(emulator.requests("openai")) == 1
