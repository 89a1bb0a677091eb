"""A gateway with a ledger in front of emulated providers, and a browser that is signed in to its console."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.console.conftest import CALLER, CONSOLE, Browser, bearer
from tests.console.pages.html import faults, read
from tests.gateway.asgi import Asgi
from understudy.emulator import Emulator
from understudy.gateway.application import Gateway, app
from understudy.ledger.sqlite.store import SqliteLedger

ROUTE = {"name": "chat", "targets": ["main", "backup"]}


class Served(msgspec.Struct, frozen=True):
    """What is open in a test."""

    browser: Browser
    caller: Asgi
    emulator: Emulator
    gateway: Gateway
    ledger: SqliteLedger

    async def ask(self, model: str = "chat", headers: Mapping[str, str] | None = None, **fields: Any) -> int:
        """Send a request as a caller of the gateway, wait until it is in the ledger, and return the status."""
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], **fields}
        answer = await self.caller.post("/v1/chat/completions", body, {**bearer(CALLER), **(headers or {})})
        self.ledger.flush()
        return answer.status

    async def page(self, path: str, status: int = 200) -> Any:
        """Open a page that must be faultless and small, and return its document."""
        answer = await self.browser.get(path)
        assert answer.status == status, answer.text
        assert faults(answer.text) == []
        assert len(answer.body) < 150_000
        return read(answer.text)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """Serve `main`, with `backup` behind it: both cost 1 USD for a million tokens in, 10 for a million out."""
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(Emulator(("openai", "groq")))
        given: dict[str, Any] = {"api_key": emulator.key, "price": {"input": 1.0, "output": 10.0}}
        names = {"main": ("openai", "gpt-4.1-mini", 10), "backup": ("groq", "llama-3.3-70b-versatile", 20)}
        providers = [
            {
                "name": name,
                "provider": kind,
                "text_model": model,
                "priority": place,
                "base_url": emulator.url(kind),
                **given,
            }
            for name, (kind, model, place) in names.items()
        ]
        ledger = SqliteLedger(tmp_path / "ledger.db")
        stack.callback(ledger.close)
        llm = {
            "providers": providers,
            "routes": [ROUTE],
            "console": CONSOLE,
            "gateway": {"keys": [{"name": "carol", "key": CALLER}]},
            "ledger": {"path": str(tmp_path / "ledger.db")},
        }
        gateway = app({"llm": llm}, sink=ledger, file=tmp_path / "ledger.db")
        stack.push_async_callback(gateway.aclose)
        caller = Asgi(gateway)
        browser = Browser(caller)
        await browser.sign_in("manage")
        yield Served(browser, caller, emulator, gateway, ledger)
