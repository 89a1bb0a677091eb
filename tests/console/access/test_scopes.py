"""Every route of the console against every kind of caller: the table is the console's, the expectation is written
here."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlencode

import pytest

from tests.console.access.test_sessions import operator_of
from tests.console.conftest import CALLER, FORM, KEYS, Browser, OpenConsole, bearer
from tests.gateway.asgi import Asgi
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


PAGES = table_of("pages").routes
SESSIONS = ("", *KEYS)


async def browser_of(caller: Asgi, who: str) -> Browser:
    """Return a browser, signed in unless `who` is empty."""
    browser = Browser(caller)
    if who:
        await browser.sign_in(who)
    return browser


@pytest.mark.parametrize("who", SESSIONS)
@pytest.mark.parametrize("route", PAGES, ids=lambda route: f"{route.method} {route.path}")
async def test_pages_admit_whom_their_table_says(route: ConsoleRoute, who: str, operated: OpenConsole) -> None:
    caller, gateway = await operated()
    browser = await browser_of(caller, who)
    leaving, context = asyncio.Event(), gateway.operating.console.context
    leaving.set()  # or the live parts would not end
    headers, body = browser.sent(), b""
    if route.method == "POST":
        token = "" if not who else operator_of(browser, gateway).csrf
        body = urlencode({"csrf": token, "key": "nothing"}).encode()
        headers |= {"content-type": FORM, "origin": "http://127.0.0.1:8484"}
    answer = await caller.send(route.method, path_of(route), body, headers, leave=leaving)
    if route.scope is None:
        assert answer.status in (200, 303, 401, 404)  # the sign-in, with a wrong key, and files
    elif not who:
        assert answer.status == (401 if route.method == "POST" else 303)
        assert route.method == "POST" or answer.headers["location"].startswith("/console/sign-in?next=")
    elif RANK[who] < SCOPES.index(route.scope):
        assert answer.status == 403
    else:
        assert answer.status not in (401, 403, 500), answer.text
    assert context.config.console.keys, "the console was asked with its keys"


CHANGES = [each for each in PAGES if each.method == "POST" and each.scope is not None]


@pytest.mark.parametrize("route", CHANGES, ids=lambda route: route.path)
@pytest.mark.parametrize("fault", ["no token", "another session's token", "another site"])
async def test_no_page_changes_anything_for_another_site(
    route: ConsoleRoute, fault: str, operated: OpenConsole
) -> None:
    caller, gateway = await operated()
    browser, other = await browser_of(caller, "manage"), await browser_of(caller, "manage")
    tokens = {"another session's token": operator_of(other, gateway).csrf}
    tokens["another site"] = operator_of(browser, gateway).csrf
    headers = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"} if fault == "another site" else {}
    fields = {"csrf": tokens[fault]} if fault in tokens else {}
    answer = await browser.post(path_of(route), fields, headers)
    assert answer.status == 403
