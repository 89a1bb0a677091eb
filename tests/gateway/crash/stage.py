"""A primary that fails in every way that matters behind the gateway, and callers of every face.

Whatever becomes of the primary, a caller gets the whole right answer, or learns in its own wire format that it failed:
never a part that looks complete.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from tests.gateway.crash.callers import FINISHED, Callers, Seen, calling
from tests.gateway.serving.behind import Behind
from tests.gateway.serving.serving import serving
from tests.hostile.answers.all import DIALECTS
from tests.hostile.answers.base import TEXT, Answers
from tests.hostile.failover import PAIRS, SCENARIOS, SHORT, Pair, Scenario, Scene
from tests.hostile.server import HostileServer, Party, Request, Script
from understudy.gateway.application import Gateway, app
from understudy.gateway.asgi import Message, Receive, Send

CALLERS = ("openai", "opencode", "completions", "responses", "anthropic", "claude-code", "gemini", "cohere", "ollama")
WAYS = ("plain", "surface", "hold", "restart", "continue")
"""How the answer is asked for: as a whole, or as a stream with one of the modes."""
PATIENCE = 60.0


class Plot(msgspec.Struct, frozen=True):
    """One scenario of one pair, as one caller meets it."""

    scenario: Scenario
    pair: Pair
    caller: str
    way: str

    @property
    def name(self) -> str:
        """The plot in a few words."""
        return f"{self.scenario.name}, {self.pair.name}, {self.caller}, {self.way}"


def plots() -> list[Plot]:
    """Return all plots."""
    scenarios = [each for each in SCENARIOS if each.requests == 1]
    return [
        Plot(scenario, pair, caller, way)
        for scenario in scenarios
        for way in WAYS
        for caller in CALLERS
        for pair in PAIRS
        if scenario.applies(DIALECTS[pair.primary])
    ]


class Stage:
    """An application that hands each request to the gateway of its plot, whose number is the name of the model."""

    def __init__(self, server: HostileServer) -> None:
        self.server = server
        self.gateways: dict[str, Gateway] = {}
        self.tally: Counter[tuple[str, str]] = Counter()
        """How often which way ended how."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        found = re.search(rb"plot\d+", scope["raw_path"] + body)
        assert found is not None
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return whole.pop() if whole else await receive()

        await self.gateways[found[0].decode()](scope, again, send)

    def leave(self) -> None:
        """Nothing is to be done: see `serving`."""

    async def drain(self, seconds: float) -> None:
        """Close what the gateways opened."""
        await asyncio.gather(*(each.aclose() for each in self.gateways.values()))

    async def play(self, plot: Plot, callers: Callers) -> list[str]:
        """Act a plot out, and return what is wrong."""
        name = f"plot{len(self.gateways)}"
        primary, backup = DIALECTS[plot.pair.primary], DIALECTS[plot.pair.backup]
        parties: list[Party] = []

        def fail(request: Request) -> Script:
            return plot.scenario.act(Scene(primary, request, len(parties[0].requests), SHORT))

        parties += (
            self.server.party(f"p{name}", fail),
            self.server.party(f"b{name}", lambda request: backup.good("generate", request)),
        )
        models = (plot.pair.primary_model, plot.pair.backup_model)
        entries = [
            self._entry(f"{which}-{name}", answers, party, model)
            for which, answers, party, model in zip(("p", "b"), (primary, backup), parties, models, strict=True)
        ]
        entries[0] |= SHORT.limits
        mode = {} if plot.way == "plain" else {"on_midstream_error": plot.way}
        route = {"name": name, "targets": [each["name"] for each in entries], **SHORT.fallback, **mode}
        self.gateways[name] = gateway = app({"llm": {"providers": entries, "routes": [route]}})
        try:
            async with asyncio.timeout(PATIENCE):
                seen = await callers.ask(plot.caller, name, plot.way != "plain")
        except TimeoutError:
            return [f"{plot.name}: it hangs"]
        finally:
            await gateway.aclose()
        self.tally[plot.way, "complete" if seen.finish in FINISHED else "broken" if seen.text else "failed"] += 1
        return [f"{plot.name}: {each}: {seen}" for each in judged(plot, seen)]

    def _entry(self, name: str, answers: Answers, party: Party, model: str) -> dict[str, Any]:
        base = {"provider": answers.provider, "base_url": party.url + answers.base, "text_model": model}
        return {"name": name, "api_key": f"key-of-{name}", "proxy": "none", **base}


def judged(plot: Plot, seen: Seen) -> Iterator[str]:
    """Yield what is wrong with what a caller has seen."""
    finished = seen.finish in FINISHED
    if not TEXT.startswith(seen.text):
        yield "what was shown is not the answer"
    if finished and seen.error:
        yield "complete, and an error"
    if plot.scenario.refused:
        if finished or seen.text:
            yield "the filter refused, but an answer was shown"
        return
    if finished and seen.text != TEXT:
        yield "a part passes for the whole"
    if not finished and not seen.error:
        yield "neither complete nor an error"
    if seen.error and (plot.way in ("plain", "hold") or not seen.text):
        yield "the backup was well, and nothing was shown yet"


@asynccontextmanager
async def staged() -> AsyncIterator[tuple[Stage, Callers]]:
    """Open the stage behind the server of `understudy serve`, and the callers."""
    async with HostileServer() as server:
        stage = Stage(server)
        async with (
            serving(Behind(stage), drain=1.0) as running,
            calling(f"http://127.0.0.1:{running.port}") as callers,
        ):
            yield stage, callers
