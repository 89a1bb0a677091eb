"""Server-sent events: what is sent, to whom, what those that come back get, and what ends the stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from msgspec.structs import replace

from tests.console.api.conftest import Kept
from tests.console.conftest import KEYS, bearer
from tests.console.hostile.corpus import RAW
from understudy.console import news
from understudy.reports.now import read_now
from understudy.settings.console import ConsoleConfig

READ = bearer(KEYS["read"])


class Watcher:
    """A connection to the events."""

    def __init__(self, kept: Kept, query: str = "", headers: dict[str, str] | None = None) -> None:
        self.pieces: list[bytes] = []
        self.leaving = asyncio.Event()
        path, given = f"/admin/v1/events{query}", {**READ, **(headers or {})}
        self.task = asyncio.create_task(
            kept.caller.send("GET", path, b"", given, leave=self.leaving, pieces=self.pieces)
        )

    @property
    def events(self) -> list[dict[str, str]]:
        """The events so far, parsed as the HTML standard says."""
        found = []
        for block in b"".join(self.pieces).decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
            if "data" in fields:
                found.append(fields)
        return found

    def of(self, kind: str) -> list[Any]:
        """Return the data of the events of a kind."""
        return [json.loads(each["data"]) for each in self.events if each["event"] == kind]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is true."""
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)

    async def leave(self) -> None:
        """Close the connection."""
        self.leaving.set()
        await self.task


@asynccontextmanager
async def watching(kept: Kept, query: str = "", headers: dict[str, str] | None = None) -> AsyncIterator[Watcher]:
    """Watch, and leave at the end."""
    watcher = Watcher(kept, query, headers)
    try:
        yield watcher
    finally:
        await watcher.leave()


async def test_a_terminal_interprets_nothing_of_it(used: Kept) -> None:
    """`curl` shows events as they come."""
    hostile = "a\x9b31m\x7f\u202egpj.exe\u2066"
    async with watching(used, "?kinds=request&kinds=now") as watcher:
        await watcher.until(lambda: watcher.of("now"))
        await used.ask(user=hostile, model=f"openai/{hostile}")
        await watcher.until(
            lambda: watcher.of("request") and hostile in json.dumps(watcher.of("now"), ensure_ascii=False)
        )
    assert not RAW.search(b"".join(watcher.pieces).decode())


async def test_requests_orders_and_now_are_sent(used: Kept) -> None:
    async with watching(used) as watcher:
        await watcher.until(lambda: watcher.of("now"))
        assert watcher.of("now")[0]["status"] in ("well", "degraded")
        assert watcher.of("request") == [], "what was before is not new"
        name = await used.ask()
        await watcher.until(lambda: watcher.of("request"))
        assert [each["id"] for each in watcher.of("request")] == [name]
        await used.caller.post("/admin/v1/orders", {"kind": "probe", "entry": "openai"}, bearer(KEYS["operate"]))
        await watcher.until(lambda: watcher.of("order"))
        assert watcher.of("order")[0]["entry"] == "openai"
        await watcher.until(lambda: len(watcher.of("now")) >= 3)
        assert len(watcher.of("request")) == 1


async def test_one_look_serves_all(used: Kept, monkeypatch: Any) -> None:
    looks = 0
    read = read_now

    async def counted(fleet: Any) -> Any:
        nonlocal looks
        looks += 1
        return await read(fleet)

    monkeypatch.setattr(news, "read_now", counted)
    watchers = [Watcher(used, "?kinds=now") for _ in range(10)]
    for each in watchers:
        await each.until(partial(each.of, "now"))
    for each in watchers:
        await each.leave()
    assert looks < 10
    assert {event["event"] for each in watchers for event in each.events} == {"now"}


async def test_whoever_comes_back_gets_what_was_missed(used: Kept) -> None:
    async with watching(used) as stays, watching(used, "?kinds=request") as goes:
        await stays.until(lambda: stays.of("now"))
        first = await used.ask()
        await goes.until(lambda: goes.of("request"))
        last = goes.events[-1]["id"]
        await goes.leave()
        second = await used.ask()
        await stays.until(lambda: len(stays.of("request")) == 2)
        async with watching(used, "?kinds=request", {"last-event-id": last}) as back:
            await back.until(lambda: back.of("request"))
            assert [each["id"] for each in back.of("request")] == [second] != [first]


async def test_it_ends_with_the_key(used: Kept) -> None:
    async with watching(used) as watcher:
        await watcher.until(lambda: watcher.of("now"))
        config = used.gateway.config
        keys = tuple(each for each in config.console.keys if each.name != "read")
        await used.gateway.reload(replace(config, console=ConsoleConfig(keys=keys)))
        answer = await asyncio.wait_for(watcher.task, 20)
        assert answer.is_complete


async def test_it_ends_when_the_gateway_stops(used: Kept) -> None:
    async with watching(used) as watcher:
        await watcher.until(lambda: watcher.of("now"))
        used.gateway.leave()
        answer = await asyncio.wait_for(watcher.task, 20)
        assert answer.is_complete


async def test_nothing_looks_while_no_one_watches(used: Kept) -> None:
    async with watching(used) as watcher:
        await watcher.until(lambda: watcher.of("now"))
    room = used.gateway.operating.console.context.newsroom
    async with asyncio.timeout(20):
        while not room.is_idle:
            await asyncio.sleep(0.01)


async def test_a_caller_who_left_before_the_first_event_is_not_waited_for(used: Kept) -> None:
    room = used.gateway.operating.console.context.newsroom
    kinds: tuple[news.Kind, ...] = ("now",)
    await room.watch(kinds).aclose()
    assert room.is_idle
    assert room.watchers == 0
    watcher = Watcher(used)
    watcher.leaving.set()
    await watcher.task
    async with asyncio.timeout(20):
        while not room.is_idle:
            await asyncio.sleep(0.01)
    assert room.watchers == 0


async def test_connections_are_limited(used: Kept, monkeypatch: Any) -> None:
    monkeypatch.setattr(news, "MOST", 2)
    async with watching(used) as one, watching(used) as other:
        await one.until(lambda: one.of("now"))
        await other.until(lambda: other.of("now"))
        answer = await used.caller.get("/admin/v1/events", READ)
        assert (answer.status, answer.json["error"]["code"]) == (503, "too_many_watchers")


async def test_unknown_kinds_are_refused(used: Kept) -> None:
    answer = await used.caller.get("/admin/v1/events?kinds=all", READ)
    assert (answer.status, answer.json["error"]["where"]) == (400, "kinds[0]")
