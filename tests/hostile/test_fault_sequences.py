"""Faults that take more than one request to see: what is remembered of them, and what is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import understudy as u
from tests.hostile.answers.all import DIALECTS
from tests.hostile.answers.base import TEXT
from tests.hostile.clients import CHATTING, EMBEDDING, cast, tried, until
from tests.hostile.framing import response
from tests.hostile.server import Close, HostileServer, Request, Reset, Script


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with HostileServer() as running:
        yield running


# ---- connections ----


async def test_a_connection_that_closes_while_it_is_kept_costs_one_immediate_retry(server: HostileServer) -> None:
    """A server may close an idle connection at any time (RFC 9112, 9.3.1): the request on it is repeated at once."""

    def respond(request: Request) -> Script | None:
        return (Close(),) if request.nth == 2 else None

    async def one(dialect: str, operation: str) -> None:
        # With a back-off of eight seconds, none is waited for.
        async with cast(server, dialect, respond, operation=operation, retry_delay_ms=8000) as made:
            await made.ask()
            answer = await made.ask()
            assert tried(answer.attempts) == [("primary", "stale_connection"), ("primary", "ok")], dialect
            assert answer.attempts[1].waited < 0.5
            assert answer.attempts[0].cost_basis is u.CostBasis.UNKNOWN
            assert len(made.hits()) == 3
            assert made.hits()[2].nth == 1

    # Replicate's connections are closed after each step, so none is kept.
    cells = [(name, "generate") for name in CHATTING if name != "replicate"]
    cells += [("openai", "stream"), ("ollama", "stream"), *((name, "embed") for name in EMBEDDING)]
    await asyncio.gather(*(one(*each) for each in cells))


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with a backup"])
@pytest.mark.parametrize("dialect", ["openai", "ollama"])
async def test_a_connection_that_is_reset_under_a_long_request_is_tried_again(
    server: HostileServer, dialect: str, alone: bool
) -> None:
    async with cast(server, dialect, lambda _: (Reset(),), alone=alone) as made:
        made.primary.impatient = True
        prompt = "Why? " * 2_000_000
        attempts: tuple[u.AttemptRecord, ...]
        try:
            answer = await made.manager.generate(prompt)
            attempts = answer.attempts
            assert answer.provider == "backup"
            assert answer.text == TEXT
        except u.Unavailable as error:
            attempts = error.attempts
            assert alone
        lost = [each for each in attempts if each.failure is not None]
        assert len(lost) == 3
        assert {kind for _, kind in tried(tuple(lost))} <= {"write_failed", "disconnected"}
        assert all(each.cost_basis is u.CostBasis.UNKNOWN for each in lost)


# ---- what is remembered ----


@pytest.mark.parametrize("meaning", ["billing", "authentication", "permission", "not_found"])
async def test_what_the_vendor_refuses_for_good_is_not_asked_again_by_the_next_call(
    server: HostileServer, meaning: str
) -> None:
    async def one(dialect: str) -> None:
        answers = DIALECTS[dialect]
        for refusal in answers.refusals.get(meaning, ()):
            async with cast(server, dialect, lambda _, refusal=refusal: (refusal.wire(),)) as made:
                first, second = await made.ask(), await made.ask()
                assert tried(first.attempts) == [("primary", meaning), ("backup", "ok")], (dialect, refusal)
                assert tried(second.attempts) == [("backup", "ok")], (dialect, refusal)
                assert len(made.hits()) == 1

    await asyncio.gather(*map(one, CHATTING))


async def test_an_hour_that_a_vendor_asks_for_is_given_to_it(server: HostileServer) -> None:
    """The next calls go to the other target at once; where there is none they fail at once, and say for how long."""
    limited = response(429, b'{"error":{"message":"slow down"}}', headers={"Retry-After": "3600"})
    async with cast(server, "openai", lambda _: (limited,)) as made:
        assert tried((await made.ask()).attempts) == [("primary", "rate_limited"), ("backup", "ok")]
        for _ in range(5):
            assert tried((await made.ask()).attempts) == [("backup", "ok")]
        assert len(made.hits()) == 1
    async with cast(server, "openai", lambda _: (limited,), alone=True) as made:
        first = await made.lost()
        assert isinstance(first, u.RateLimited)
        assert len(first.attempts) == 1
        # One probe finds out whether it is still so; ten callers do not each send one.
        errors = await asyncio.gather(*(made.lost() for _ in range(10)))
        assert all(isinstance(each, u.Unavailable) for each in errors)
        assert all(3500 < (each.retry_after or 0) <= 3600 for each in (first, *errors))
        assert len(made.hits()) <= 2


async def test_callers_wait_for_a_short_cooldown_instead_of_failing(server: HostileServer) -> None:
    limited = response(429, b'{"error":{"message":"slow down"}}', headers={"Retry-After-Ms": "400"})
    made_it = 0

    def respond(request: Request) -> Script | None:
        nonlocal made_it
        made_it += 1
        return (limited,) if made_it == 1 else None

    async with cast(server, "openai", respond, alone=True) as made:
        first = asyncio.create_task(made.ask())
        await until(made.hits)
        await asyncio.sleep(0.05)
        others = await asyncio.gather(*(made.ask() for _ in range(10)))
        assert [answer.text for answer in (await first, *others)] == [TEXT] * 11
        assert len(made.hits()) == 12


async def test_a_primary_that_was_down_costs_little_and_is_used_again_soon_after_it_is_back(
    server: HostileServer,
) -> None:
    down = True
    async with cast(server, "openai", lambda _: (response(503, b""),) if down else None) as made:
        for _ in range(50):
            assert (await made.ask()).provider == "backup"
        assert len(made.primary.requests) < 20
        down = False
        async with asyncio.timeout(30):  # a guard: its breaker is open for ten seconds at most
            while (await made.ask()).provider != "primary":
                await asyncio.sleep(0.1)


async def test_an_answer_that_does_not_fit_the_schema_is_replaced_by_one_that_does(server: HostileServer) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

    async def one(dialect: str) -> None:
        async with cast(server, dialect, lambda _: None) as made:
            fitting = made.other.plain.replace(TEXT.encode(), rb"{\"city\":\"Lisbon\"}")
            made.backup.respond = lambda request: made.other.good("generate", request, fitting)
            answer = await made.ask(schema=schema)
            assert tried(answer.attempts) == [("primary", "schema_mismatch"), ("backup", "ok")], dialect
            assert answer.parsed == {"city": "Lisbon"}
            assert answer.attempts[0].cost_basis is u.CostBasis.EXACT

    await asyncio.gather(*map(one, CHATTING))
