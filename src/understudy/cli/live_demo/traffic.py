"""Who asks the gateway of the live demo, and what: applications with keys, tags and streams, and coding agents."""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp
import msgspec

from understudy.cli.live_demo.stage import KEYS, Stage
from understudy.domain.content import ToolCall

_PATIENCE = aiohttp.ClientTimeout(total=60)
_TOOLS = ("read_file", "edit_file", "run_tests")
_RULES = "You are a coding agent. Work in small steps, read before you edit, and run the tests. " * 40
"""Long, as an agent's instructions are: what a session costs is mostly its prompt."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """An application that asks again and again."""

    key: str
    model: str
    per_minute: float
    prompts: tuple[str, ...]
    tags: str = ""
    streams: bool = False
    path: str = "/v1/chat/completions"
    sessions: int = 0
    """Conversations that it has at once; 0: its requests have nothing to do with each other."""


CALLERS = (
    Caller(
        key="search",
        model="cheap",
        per_minute=80,
        tags="app=web, feature=query-rewrite",
        prompts=("Rewrite for a search engine: shoes that do not hurt", "Rewrite: cheap flights to Lisbon in May"),
    ),
    Caller(
        key="support",
        model="chat",
        per_minute=50,
        tags="app=helpdesk, tier=gold",
        streams=True,
        sessions=8,
        prompts=(
            "A customer asks where order 4711 is. Answer in three friendly sentences.",
            "Summarize this ticket: the invoice of October was charged twice, and the refund never came.",
            "Translate into French: your parcel will arrive tomorrow between nine and noon.",
        ),
    ),
    Caller(
        key="support",
        model="gpt-4.1",
        per_minute=20,
        tags="app=helpdesk, tier=free",
        streams=True,
        prompts=("What are your opening hours?", "How do I return a pair of shoes?"),
    ),
    Caller(key="mobile", model="chat", per_minute=20, streams=True, prompts=("Which shoes go with a blue suit?",)),
    Caller(
        key="ci", model="lab", per_minute=10, tags="job=nightly-evaluation", prompts=("Grade this answer: 4 + 4 = 9",)
    ),
    Caller(key="ci", model="unknown-model", per_minute=1, tags="job=old-script", prompts=("Hello",)),
    Caller(
        key="search",
        model="primary",
        per_minute=20,
        tags="app=indexer",
        path="/v1/embeddings",
        prompts=("Running shoes, size 44, blue", "A guide to the cafés of Lisbon"),
    ),
)
_ASKED = ("backup", "primary")
"""The entries of the route that agents ask."""
AGENTS = 3
"""Coding agents that work at once."""


def prepare(stage: Stage) -> None:
    """Give the models that agents ask their part: a tool loop of five steps, which any of them can go on with."""
    steps = (
        ToolCall(id="read", name="read_file", arguments='{"path": "src/cart.py"}'),
        ToolCall(id="edit", name="edit_file", arguments='{"path": "src/cart.py", "text": "total += item.price"}'),
        ToolCall(id="test", name="run_tests", arguments='{"path": "tests"}'),
        ToolCall(id="read", name="read_file", arguments='{"path": "tests/test_cart.py"}'),
        "The sum of the cart is right now, and all tests pass.",
    )
    for provider, emulator in stage.speaking(*_ASKED):
        emulator.answers(provider, steps)


class Asking(NamedTuple):
    """How callers ask."""

    keys: Mapping[str, str]
    """Those of all callers, by name."""
    chance: random.Random
    pace: float = 1.0
    """Multiplies how often."""


async def traffic(url: str, asking: Asking) -> None:
    """Ask the gateway at a URL until cancelled."""
    async with aiohttp.ClientSession(base_url=url, timeout=_PATIENCE) as http, asyncio.TaskGroup() as group:
        for caller in CALLERS:
            group.create_task(_ask_again(http, caller, asking))
        for number in range(AGENTS):
            group.create_task(_work(http, asking, number))


async def _ask_again(http: aiohttp.ClientSession, caller: Caller, asking: Asking) -> None:
    """Ask at random times (a Poisson process), without waiting for the answers."""
    keys, chance, pace = asking
    sessions = [uuid.uuid4().hex for _ in range(caller.sessions)]
    async with asyncio.TaskGroup() as group:
        while True:
            await asyncio.sleep(chance.expovariate(caller.per_minute * pace / 60))
            headers = {"authorization": f"Bearer {keys[caller.key]}"}
            headers |= {"x-understudy-labels": caller.tags} if caller.tags else {}
            headers |= {"x-understudy-session": chance.choice(sessions)} if sessions else {}
            group.create_task(_send(http, caller.path, _body(caller, chance), headers))


def _body(caller: Caller, chance: random.Random) -> dict[str, Any]:
    prompt = chance.choice(caller.prompts)
    if caller.path.endswith("embeddings"):
        return {"model": caller.model, "input": prompt}
    context = "Context of this request. " * chance.randrange(5, 200)
    messages = [{"role": "system", "content": context}, {"role": "user", "content": prompt}]
    return {"model": caller.model, "messages": messages, "stream": caller.streams}


async def _work(http: aiohttp.ClientSession, asking: Asking, number: int) -> None:
    """Work as a coding agent does: sessions of several turns, each a loop of tool calls."""
    _, chance, pace = asking
    await asyncio.sleep(number * 2)
    while True:
        session = str(uuid.uuid4())
        messages: list[dict[str, Any]] = []
        for turn in range(chance.randrange(2, 5)):
            messages.append({"role": "user", "content": f"Task {turn + 1}: the cart's total is wrong; find out why."})
            while (answer := await _step(http, session, messages)) is not None:
                messages.append({"role": "assistant", "content": answer})
                await asyncio.sleep(chance.uniform(0.3, 1.5) / pace)
                calls = [part for part in answer if part.get("type") == "tool_use"]
                if not calls:
                    break
                messages.append({"role": "user", "content": [_result(call) for call in calls]})
            if messages[-1]["role"] == "user":
                break  # no answer: the agent gives up, as one does
            await asyncio.sleep(chance.uniform(1, 5) / pace)


def _result(call: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call["id"], "content": "def total(cart): ...\n" * 60}


async def _step(
    http: aiohttp.ClientSession, session: str, messages: list[dict[str, Any]]
) -> list[dict[str, Any]] | None:
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 4096,
        "system": _RULES,
        "messages": messages,
        "tools": [
            {"name": name, "description": f"Use {name}.", "input_schema": {"type": "object", "properties": {}}}
            for name in _TOOLS
        ],
    }
    headers = {"x-api-key": KEYS["agents"], "x-claude-code-session-id": session, "anthropic-version": "2023-06-01"}
    answered = await _send(http, "/v1/messages", body, headers)
    content = answered.get("content") if isinstance(answered, dict) else None
    return content if isinstance(content, list) else None


async def _send(http: aiohttp.ClientSession, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    """Send a request and return its answer, `None` if it is a stream or there is none: failures are part of the demo,
    and the gateway reports them."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with http.post(path, json=body, headers=headers) as answer:
            data = await answer.read()
            return msgspec.json.decode(data) if answer.content_type == "application/json" else None
    return None
