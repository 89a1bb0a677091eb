"""A gateway with a console, in front of emulated providers, and browsers that keep cookies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.gateway.asgi import Answer, Asgi
from tests.gateway.conftest import entries
from understudy.emulator import Emulator
from understudy.gateway.application import Gateway, app

KEYS = {
    "read": "admin-read-0123456789abcdef",
    "operate": "admin-operate-0123456789abcdef",
    "manage": "admin-manage-0123456789abcdef",
}
"""An admin key of each scope, whose name is the scope."""
CALLER = "caller-0123456789abcdef"
CONSOLE = {"keys": [{"name": scope, "key": key, "scope": scope} for scope, key in KEYS.items()]}
GATEWAY = {"keys": [{"name": "carol", "key": CALLER}]}
NAMES = ("openai", "anthropic")
"""The entries, which are emulators."""
PRICE = {"input": 1, "output": 2}
"""Dollars per million tokens, at each of them."""
FORM = "application/x-www-form-urlencoded"


def bearer(key: str) -> dict[str, str]:
    """Return the header that holds a key."""
    return {"authorization": f"Bearer {key}"}


class Browser:
    """Keeps the cookie of a session, follows no redirect, and sends what browsers send with a form."""

    def __init__(self, caller: Asgi, host: str = "127.0.0.1:8484") -> None:
        self.caller = caller
        self.headers = {"host": host}
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Open a page."""
        return self._kept(await self.caller.get(path, {**self.sent(), **(headers or {})}))

    async def post(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        """Send a form, as a page of this very site does."""
        own = {"content-type": FORM, "origin": f"http://{self.headers['host']}", "sec-fetch-site": "same-origin"}
        body = urlencode(fields).encode()
        return self._kept(await self.caller.post(path, body, {**self.sent(), **own, **(headers or {})}))

    async def sign_in(self, scope: str) -> Answer:
        """Sign in with the admin key of a scope."""
        answer = await self.post("/console/sign-in", {"key": KEYS[scope]})
        assert answer.status == 303, answer.text
        return answer

    def sent(self) -> dict[str, str]:
        """Return the headers of a request without a body."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {**self.headers, **({"cookie": cookies} if cookies else {})}

    def _kept(self, answer: Answer) -> Answer:
        if (cookie := answer.headers.get("set-cookie")) is not None:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return answer


OpenConsole = Callable[..., Awaitable[tuple[Asgi, Gateway]]]


@pytest.fixture
async def operated() -> AsyncIterator[OpenConsole]:
    """Open gateways with a console: `await operated(console={...})`; without more, it has a key of each scope and no
    ledger. `sink` and `file` are those of `app`."""
    async with AsyncExitStack() as stack:

        async def open_(sink: Any = None, file: Path | None = None, **tables: Any) -> tuple[Asgi, Gateway]:
            emulator = await stack.enter_async_context(Emulator(NAMES))
            given = {"console": CONSOLE, "gateway": GATEWAY, "ledger": {"enabled": False}, **tables}
            providers = [{**each, "price": PRICE} for each in entries(emulator, NAMES)]
            gateway = app({"llm": {"providers": providers, **given}}, sink=sink, file=file)
            stack.push_async_callback(gateway.aclose)
            return Asgi(gateway), gateway

        yield open_
