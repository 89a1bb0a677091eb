"""Long sessions that move between vendors and home: of a thousand turns no thought is dropped, doubled or misplaced.

What a vendor must get back is what it wrote in a session that never left it. Home is asked at each turn of three, or
so, in no regular order; the others in between, within loops of tools as well as between them.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.gateway.conftest import Open
from tests.gateway.test_detours import DUMMY, OWN_FACE
from tests.gateway.wandering import CLIENTS, thoughts_in
from understudy.domain.content import Thinking, ToolCall

VENDORS = ("anthropic", "openai", "google")
HOMES = {"anthropic": "anthropic", "responses": "openai", "gemini": "google"}
"""The clients that get signed or encrypted thinking, and their own vendors."""
TURNS, DEEP_TURNS, DEEP_SESSIONS = 18, 40, 25


def script(turns: int) -> list[list[Any]]:
    """Return answers that all differ: of three, one has a call, one has two, and one is a text."""
    found: list[list[Any]] = []
    for turn in range(turns):
        thought = Thinking(f"Thought {turn}.")
        first, second = (ToolCall(id="", name="look", arguments=f'{{"n":{turn * 2 + each}}}') for each in (0, 1))
        match turn % 3:
            case 0:
                found.append([thought, first])
            case 1:
                found.append([thought, f"Now {turn}.", first, second] if turn % 2 else [thought, first, second])
            case _:
                found.append([thought, f"Done {turn}."])
    return found


def course(turns: int, home: str, session: int) -> list[str]:
    """Return who is asked in which turn; the first and the last are home."""
    dice, others = random.Random(f"{home} {session}"), [each for each in VENDORS if each != home]
    return [home, *(dice.choice((home, *others)) for _ in range(turns - 2)), home]


async def at_home(opened: Open, provider: str, turns: int) -> list[list[tuple[str, str]]]:
    """Return what a model thinks in each turn of a session that never leaves it, as its own client sees it."""
    caller, emulator, _ = await opened(provider)
    emulator.answers(provider, script(turns))
    client = CLIENTS[OWN_FACE[provider]](caller)
    for _ in range(turns):
        await client.turn(provider, stream=False)
    return client.thoughts


@pytest.mark.parametrize("client", HOMES)
async def test_no_thought_is_lost_on_the_way(client: str, opened: Open, deep: bool) -> None:
    turns = DEEP_TURNS if deep else TURNS
    thoughts = {provider: await at_home(opened, provider, turns) for provider in VENDORS}
    for session in range(DEEP_SESSIONS if deep else 1):
        caller, emulator, _ = await opened(*VENDORS)
        for provider in VENDORS:
            emulator.answers(provider, script(turns))
        wanderer = CLIENTS[client](caller)
        asked = course(turns, HOMES[client], session)
        for turn, provider in enumerate(asked):
            await wanderer.turn(provider, stream=turn % 2 == 0)
        assert [each for each in wanderer.warnings if "sealed" in each or "no longer valid" in each] == []
        for provider in VENDORS:
            requests = emulator.requests(provider)
            assert [each.error for each in requests if each.status != 200] == []
            assert [each.step for each in requests] == [turn for turn, who in enumerate(asked) if who == provider]
            before = [turn for turn, who in enumerate(asked) if who == provider][:-1]
            expected = [thought for turn in before for thought in thoughts[provider][turn]]
            assert expected
            assert [each for each in thoughts_in(provider, requests[-1].body) if each[1] != DUMMY] == expected
