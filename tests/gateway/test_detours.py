"""A session that moves to another vendor in the middle of a task, and comes back.

No vendor refuses what it gets, and each gets its own thinking back as it wrote it.
"""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.gateway.conftest import Open
from tests.gateway.wandering import CLIENTS, SCRIPT, thoughts_in
from understudy.domain.content import ToolCall
from understudy.emulator import Emulator

PROVIDERS = ("anthropic", "openai", "google", "groq")
NATIVE = {"anthropic": "anthropic", "responses": "openai", "gemini": "google", "gemini-cli": "google"}
OWN_FACE = {"anthropic": "anthropic", "openai": "responses", "google": "gemini"}
DUMMY = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""Base64 of `skip_thought_signature_validator`: https://ai.google.dev/gemini-api/docs/thought-signatures."""
COURSE = "AABBBAAAA"
"""Who takes which step: the first change is within a tool loop, and so is the second."""


def play(emulator: Emulator, *providers: str) -> None:
    for provider in providers:
        emulator.answers(provider, SCRIPT)


def check_no_refusals(emulator: Emulator, *providers: str) -> None:
    for provider in providers:
        refused = [each.error for each in emulator.requests(provider) if each.status != 200]
        assert not refused


async def thoughts_of(provider: str, opened: Open) -> list[list[tuple[str, str]]]:
    """Return what a model thinks in each step, as its own vendor's client gets it."""
    caller, emulator, _ = await opened(provider)
    play(emulator, provider)
    client = CLIENTS[OWN_FACE[provider]](caller)
    for _ in COURSE:
        await client.turn(provider, stream=False)
    return client.thoughts


def has_calls(step: int) -> bool:
    return any(isinstance(part, ToolCall) for part in SCRIPT[step])


PAIRS = ["-".join(pair) for pair in permutations(PROVIDERS, 2)]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_there_and_back(client: str, pair: str, opened: Open, deep: bool) -> None:
    if not deep and (PAIRS.index(pair) + [*CLIENTS].index(client)) % 3:
        pytest.skip("each pair is tried with two clients; --deep tries all five")
    first, second = pair.split("-")
    caller, emulator, _ = await opened(first, second)
    play(emulator, first, second)
    wanderer = CLIENTS[client](caller)
    for number, who in enumerate(COURSE):
        await wanderer.turn(first if who == "A" else second, stream=number % 2 == 0)
    for provider in (first, second):
        assert not [each.error for each in emulator.requests(provider) if each.status != 200]
    assert [each.step for each in emulator.requests(first)] == [n for n, who in enumerate(COURSE) if who == "A"]
    if first not in OWN_FACE or wanderer.face == "openai":
        return  # this model signs nothing; this client has no place for what another one signs
    last = emulator.requests(first)[-1].body
    steps = await thoughts_of(first, opened)
    if client == "gemini-cli":  # only calls carry something there
        steps = [step if has_calls(number) else [] for number, step in enumerate(steps)]
    expected = [thought for step, who in zip(steps[:-1], COURSE, strict=False) if who == "A" for thought in step]
    assert [thought for thought in thoughts_in(first, last) if thought[1] != DUMMY] == expected
