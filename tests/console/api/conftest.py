"""A gateway whose ledger has some requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.conftest import CALLER, CONSOLE, NAMES, PRICE, bearer
from tests.gateway.asgi import Asgi
from tests.gateway.conftest import entries
from understudy.client.ledger import open_ledger
from understudy.config import parse
from understudy.emulator import Emulator, Fault
from understudy.gateway.application import Gateway, app

HI = {"model": "openai", "messages": [{"role": "user", "content": "hi"}]}
SESSION = "conversation/1"


class Kept:
    """A gateway with a ledger, and who asks it."""

    def __init__(self, caller: Asgi, gateway: Gateway, emulator: Emulator, ledger: Any) -> None:
        self.caller = caller
        self.gateway = gateway
        self.emulator = emulator
        self.ledger = ledger

    async def ask(self, **body: Any) -> str:
        """Send a request of a caller, and return its id, once its attempts are in the ledger."""
        answer = await self.caller.post("/v1/chat/completions", {**HI, **body}, bearer(CALLER))
        self.ledger.flush()
        return answer.headers["x-understudy-request-id"]


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    """Return a gateway whose ledger is empty."""
    path = tmp_path / "ledger.db"
    ledger = open_ledger(parse(f'[[llm.providers]]\nprovider = "ollama"\n[llm.ledger]\npath = "{path}"\n', environ={}))
    assert ledger is not None
    async with Emulator(NAMES) as emulator:
        llm = {
            "providers": [{**each, "price": PRICE} for each in entries(emulator, NAMES)],
            "routes": [{"name": "main", "targets": list(NAMES)}],
            "console": CONSOLE,
            "gateway": {"keys": [{"name": "carol", "key": CALLER}], "key_pepper": "a-pepper-0123456789abcdef"},
            "ledger": {"path": str(path)},
            "budgets": [{"name": "team", "max": 5, "period": "month"}],
        }
        gateway = app({"llm": llm}, sink=ledger, file=path)
        yield Kept(Asgi(gateway), gateway, emulator, ledger)
        await gateway.aclose()
        ledger.close()


@pytest.fixture
async def used(kept: Kept) -> Kept:
    """Return a gateway whose ledger has an answer, one after a fallback, and a failure."""
    await kept.ask()
    kept.emulator.script("openai", [Fault.status(400), Fault.status(503), Fault.status(503), Fault.status(503)])
    await kept.ask(user="nobody")
    await kept.ask(model="main")
    return kept
