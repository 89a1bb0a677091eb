"""What one request and one session of a caller may cost: two headers, and `max_cost` of a route."""

from __future__ import annotations

import pytest

from tests.gateway.asgi import Asgi
from understudy.emulator import Emulator
from understudy.gateway.application import Gateway, app

CHAT = {"model": "a", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1_000}
MAX_COST = "x-understudy-max-cost"


def gateway(emulator: Emulator) -> Gateway:
    """Return a gateway whose answers cost 10 USD for a million tokens: a cent for those that `CHAT` allows."""
    entry = {
        "provider": "openai",
        "name": "a",
        "base_url": emulator.url("openai"),
        "api_key": emulator.key,
        "text_model": "gpt-5",
        "embedding_model": "text-embedding-3-small",
        "price": {"input": 0, "output": 10},
        "prices": {"text-embedding-3-small": {"input": 1_000, "output": 0}},
    }
    routes = [{"name": "thrifty", "targets": ["a"], "max_cost": 0.001, "fit_max_tokens": True}]
    tables = {"fallback": {"max_retries": 1}, "routes": routes, "gateway": {"passthrough": ["a/*"]}}
    return app({"llm": {"providers": [entry], **tables}})


@pytest.mark.parametrize("stream", [False, True])
async def test_what_may_cost_more_is_refused_before_it_is_sent(stream: bool) -> None:
    async with Emulator(("openai",)) as emulator:
        served = gateway(emulator)
        caller = Asgi(served)
        body = {**CHAT, "stream": stream}
        assert (await caller.post("/v1/chat/completions", body, {MAX_COST: "0.01"})).status == 200
        refused = await caller.post("/v1/chat/completions", body, {MAX_COST: "0.009999"})
        assert refused.status == 402
        assert refused.json["error"]["code"] == "max_cost_exceeded"
        assert "may cost $0.010000000, and its max_cost is $0.009999000" in refused.json["error"]["message"]
        assert refused.headers["x-should-retry"] == "false"
        assert len(emulator.requests("openai")) == 1
        await served.aclose()


async def test_a_route_lowers_max_tokens_to_what_fits() -> None:
    async with Emulator(("openai",)) as emulator:
        served = gateway(emulator)
        answer = await Asgi(served).post("/v1/chat/completions", {**CHAT, "model": "thrifty"})
        assert answer.status == 200
        assert "lowered to 100 by max_cost" in answer.headers["x-understudy-warnings"]
        (sent,) = emulator.requests("openai")
        assert isinstance(sent.body, dict)
        assert sent.body["max_completion_tokens"] == 100
        await served.aclose()


async def test_embeddings_and_what_is_handed_on() -> None:
    async with Emulator(("openai",)) as emulator:
        served = gateway(emulator)
        caller = Asgi(served)
        body = {"model": "a/text-embedding-3-small", "input": "Hello"}
        assert (await caller.post("/v1/embeddings", body, {MAX_COST: "0.005"})).status == 200
        assert (await caller.post("/v1/embeddings", body, {MAX_COST: "0.004"})).status == 402
        handed = await caller.post("/passthrough/a/v1/chat/completions", CHAT, {MAX_COST: "1"})
        assert (handed.status, handed.json["error"]["code"]) == (400, "price_unknown")
        assert len(emulator.requests("openai")) == 1
        await served.aclose()


SESSION_MAX_COST = "x-understudy-session-max-cost"


async def test_a_session_is_refused_once_its_ceiling_is_spent() -> None:
    """Each session has its own; it ends when that much is spent, not when the most of an answer does not fit."""
    async with Emulator(("openai",)) as emulator:
        served = gateway(emulator)
        caller = Asgi(served)

        async def ask(session: str, ceiling: str = "0.0001", **headers: str) -> tuple[int, str]:
            given = {"x-understudy-session": session, SESSION_MAX_COST: ceiling, **headers}
            answer = await caller.post("/v1/chat/completions", CHAT, given)
            return answer.status, answer.text

        statuses = [(await ask("one"))[0] for _ in range(40)]
        spent = statuses.index(402)
        assert spent > 0
        assert set(statuses[:spent]) == {200}
        assert set(statuses[spent:]) == {402}
        assert (await ask("two"))[0] == 200
        status, text = await ask("one")
        assert status == 402
        assert "the budget session/max_cost of one is exceeded: of $0.000100000 $0.000200000 are spent" in text
        assert "budget_exceeded" in text
        assert (await ask("one", "1"))[0] == 200  # the ceiling is that of the request
        assert (await ask("one", **{"user-agent": "codex_exec/0.171.0"}))[0] == 400  # at which Codex stops
        await served.aclose()


async def test_a_ceiling_needs_a_session() -> None:
    async with Emulator(("openai",)) as emulator:
        served = gateway(emulator)
        caller = Asgi(served)
        body = {"model": "a/text-embedding-3-small", "input": "Hello"}
        refused = await caller.post("/v1/embeddings", body, {SESSION_MAX_COST: "1"})
        assert refused.status == 400
        assert "needs a session" in refused.text
        named = {SESSION_MAX_COST: "1", "x-understudy-session": "one"}
        assert (await caller.post("/v1/embeddings", body, named)).status == 200
        handed = await caller.post("/passthrough/a/v1/chat/completions", CHAT, named)
        assert handed.status == 400
        assert "cannot be kept here" in handed.text
        await served.aclose()
