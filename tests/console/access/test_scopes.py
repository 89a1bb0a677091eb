"""Every route of the console against every kind of caller: the table is the console's, the expectation is written
here."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.console.conftest import CALLER, KEYS, OpenConsole, bearer
from understudy.console.routes import ConsoleRoute, table_of
from understudy.settings.console import SCOPES

API = table_of("api").routes
RANK = {"": -1, "caller": -1, "read": 0, "operate": 1, "manage": 2}
HEADERS = {"": {}, "caller": bearer(CALLER), **{scope: bearer(key) for scope, key in KEYS.items()}}


def path_of(route: ConsoleRoute) -> str:
    """Return a path of a route, about things that do not exist."""
    return re.sub(r"\{\w+\}", "nothing", route.path)


@pytest.mark.parametrize("who", RANK)
@pytest.mark.parametrize("route", API, ids=lambda route: f"{route.method} {route.path}")
async def test_the_api_admits_whom_its_table_says(route: ConsoleRoute, who: str, operated: OpenConsole) -> None:
    caller, _ = await operated()
    leaving = asyncio.Event()
    leaving.set()  # or the events would not end
    answer = await caller.send(route.method, path_of(route), b"", HEADERS[who], leave=leaving)
    if route.scope is not None and RANK[who] < 0:
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    elif route.scope is not None and RANK[who] < SCOPES.index(route.scope):
        assert answer.status == 403
        assert answer.json["error"]["code"] == "scope"
    else:
        assert answer.status not in (401, 403, 500)


@pytest.mark.parametrize("scope", KEYS)
async def test_an_admin_key_asks_no_model(scope: str, operated: OpenConsole) -> None:
    caller, _ = await operated()
    body = {"model": "openai", "messages": [{"role": "user", "content": "hi"}]}
    assert (await caller.post("/v1/chat/completions", body, bearer(KEYS[scope]))).status == 401
    assert (await caller.post("/v1/chat/completions", body, bearer(CALLER))).status == 200
