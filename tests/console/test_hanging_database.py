"""A database that accepts connections and answers nothing: pages and orders say so soon, and orders hold at once."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.console.conftest import CALLER, KEYS, Browser, OpenConsole, bearer
from tests.console.pages.test_own_pages import token
from tests.gateway.asgi import Asgi
from understudy.console import readers
from understudy.fleet import fleet as module
from understudy.fleet.postgres import PostgresFleet
from understudy.gateway.application import Gateway
from understudy.ledger.postgres import connecting

HI = {"model": "openai", "messages": [{"role": "user", "content": "hi"}]}
SOON = 30.0
"""Seconds, of patience that is cut to a fifth; a connection alone, or what must not be waited for, takes 600."""


@pytest.fixture
def url() -> Iterator[str]:
    """Return the URL of a server whose system accepts connections, and which never looks at them."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield f"postgresql://understudy@127.0.0.1:{listening.getsockname()[1]}/understudy"


@pytest.fixture
async def hung(
    operated: OpenConsole, url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Asgi, Gateway, asyncio.Task[None]]]:
    """Return a gateway that shares what it knows in such a database."""
    for each, name in ((module, "PATIENCE"), (module, "LOOKING"), (module, "READING"), (readers, "PATIENCE")):
        monkeypatch.setattr(each, name, getattr(each, name) / 5)
    monkeypatch.setattr(connecting, "CONNECTING", 600.0)
    caller, gateway = await operated(ledger={"url": url})
    gateway.share(PostgresFleet(url), "one")
    reporting = asyncio.create_task(gateway.fleet.run())
    yield caller, gateway, reporting
    reporting.cancel()
    await asyncio.gather(reporting, return_exceptions=True)


class Watch:
    """Measures how long each answer takes."""

    def __init__(self, caller: Any) -> None:
        self._caller = caller
        self.longest = 0.0

    async def __call__(self, method: str, *given: Any) -> Any:
        begins = time.monotonic()
        try:
            return await getattr(self._caller, method)(*given)
        finally:
            self.longest = max(self.longest, time.monotonic() - begins)


async def test_orders_hold_at_once_and_state_that_others_do_not_know_of_them(
    hung: tuple[Asgi, Gateway, asyncio.Task[None]],
) -> None:
    caller, gateway, _ = hung
    watch = Watch(caller)
    operate = bearer(KEYS["operate"])
    ordered = await watch("post", "/admin/v1/orders", {"kind": "open", "entry": "openai"}, operate)
    assert (ordered.status, ordered.json["number"], ordered.json["is_stored"]) == (201, 0, False)
    answer = await caller.post("/v1/chat/completions", HI, bearer(CALLER))
    assert answer.headers["x-understudy-provider"] == "anthropic"
    probed = await watch("post", "/admin/v1/orders", {"kind": "probe", "entry": "anthropic"}, operate)
    assert probed.json["probe"]["ok"] is True
    listed = await watch("get", "/admin/v1/orders", operate)
    assert (listed.status, listed.json["error"]["code"]) == (503, "fleet_unavailable")
    assert list(gateway.fleet.standing) == ["openai"]
    await watch("post", "/admin/v1/orders", {"kind": "close", "entry": "openai"}, operate)
    assert not gateway.fleet.standing
    assert watch.longest < SOON


async def test_what_needs_the_database_says_so_soon_and_the_rest_is_shown(
    hung: tuple[Asgi, Gateway, asyncio.Task[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, read = Watch(hung[0]), bearer(KEYS["read"])
    with monkeypatch.context() as patch:
        for each, name in ((module, "PATIENCE"), (module, "READING"), (readers, "PATIENCE")):
            patch.setattr(each, name, 2400.0)  # a quarter of which is waited for while the database is away
        now = await watch("get", "/admin/v1/now", read)
    assert (now.status, now.json["status"]) == (200, "degraded")
    assert "other processes are not known: no answer in time" in now.json["problems"]
    assert watch.longest < SOON, "it waits for nothing but what others report now"
    for path in ("/admin/v1/requests", "/admin/v1/usage?by=model", "/admin/v1/sessions", "/admin/v1/keys"):
        answer = await watch("get", path, bearer(KEYS["manage"]))
        assert (answer.status, answer.json["error"]["code"]) == (503, "ledger_unavailable"), path
        assert "does not answer at the moment" in answer.json["error"]["message"]
    assert (await watch("get", "/admin/v1/providers", read)).status == 200
    assert watch.longest < SOON


async def test_pages_of_providers_work_without_the_database(hung: tuple[Asgi, Gateway, asyncio.Task[None]]) -> None:
    browser = Browser(hung[0])
    await browser.sign_in("operate")
    watch = Watch(browser)
    assert (await watch("get", "/console/")).status == 200
    assert (await watch("get", "/console/providers")).status == 200
    form = token((await watch("get", "/console/providers/openai")).text)
    ordered = await watch("post", "/console/providers/openai/drain", form)
    assert ordered.status == 303, ordered.text
    page = await watch("get", ordered.headers["location"])
    assert page.status == 200
    assert "Only this process obeys it so far" in page.text
    asked = await watch("get", "/console/requests")
    assert asked.status == 503
    assert "does not answer at the moment" in asked.text
    assert watch.longest < SOON
