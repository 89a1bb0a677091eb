"""Secrets of a gateway, sought in every answer of the console and in its log."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any

import pytest

from tests.console.api.conftest import Kept, kept, used
from tests.console.conftest import CALLER, KEYS, Browser, OpenConsole, bearer
from understudy.console.routes import table_of
from understudy.gateway.access_log import AccessRecord, line_of

__all__ = ["kept", "used"]

SECRETS = (*KEYS.values(), CALLER, "a-pepper-0123456789abcdef")


async def test_no_answer_and_no_log_has_a_secret(used: Kept, caplog: pytest.LogCaptureFixture) -> None:
    records: list[AccessRecord] = []
    used.gateway.access_log = records.append
    secrets = [*SECRETS, used.emulator.key]
    made = await used.caller.post("/admin/v1/keys", {"name": "alice"}, bearer(KEYS["manage"]))
    secrets.append(made.json["key"])
    listed = (await used.caller.get("/admin/v1/requests", bearer(KEYS["read"]))).json["requests"]
    names = {"id": listed[0]["id"], "name": "alice", "session": "nothing", "entry": "openai"}
    browser = Browser(used.caller)
    with caplog.at_level(logging.DEBUG, "understudy"):
        await browser.sign_in("manage")
        seen = 0
        for kind in ("api", "pages", "metrics"):
            for route in table_of(kind).routes:
                if route.method != "GET":
                    continue
                path = re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], "x"), route.path)
                headers = browser.sent() if kind == "pages" else bearer(KEYS["manage"])
                leaving = asyncio.Event()
                leaving.set()
                answer = await used.caller.send("GET", path, b"", headers, leave=leaving)
                assert answer.status < 500, path
                found = [each for each in secrets if each in answer.text + str(answer.headers)]
                assert found == [], (path, found)
                seen += 1
        assert seen > 30
    logged = caplog.text + "".join(line_of(each).decode() for each in records)
    (cookie,) = browser.cookies.values()
    assert [each for each in (*secrets, cookie) if each in logged] == []


async def test_the_access_log_names_operators(operated: OpenConsole) -> None:
    caller, gateway = await operated()
    records: list[AccessRecord] = []
    gateway.access_log = records.append
    await caller.get("/admin/v1/self", bearer(KEYS["read"]))
    await caller.get("/metrics", bearer(KEYS["read"]))
    await caller.post("/admin/v1/keys", {"name": "x"}, bearer(KEYS["read"]))
    await caller.get("/admin/v1/self", bearer(CALLER))
    await caller.get("/v1/models", bearer(CALLER))
    browser = Browser(caller)
    await browser.get("/console/")
    await browser.sign_in("operate")
    await browser.get("/console/providers")
    await browser.get("/console/nothing")
    assert [(each.route, each.status, each.operator, each.key) for each in records] == [
        ("/admin/v1/self", 200, "read", None),
        ("/metrics", 200, "read", None),
        ("/admin/v1/keys", 403, "read", None),
        ("/admin/v1/self", 401, None, None),
        ("/v1/models", 200, None, "carol"),
        ("/console/", 303, None, None),
        ("/console/sign-in", 303, "operate", None),
        ("/console/providers", 200, "operate", None),
        (None, 404, "operate", None),
    ]


async def test_the_access_log_has_patterns_and_no_values(used: Kept) -> None:
    records: list[AccessRecord] = []
    used.gateway.access_log = records.append
    key = bearer(KEYS["read"])
    await used.caller.get("/admin/v1/keys/somebody?x=value-0123456789", key)
    await used.caller.get("/console/sign-in?code=code-0123456789&next=/console/x")
    await used.caller.get("/console/nothing-0123456789", key)
    await used.caller.get("/admin/v1/self", bearer("wrong-0123456789"))
    lines: list[dict[str, Any]] = [json.loads(line_of(each)) for each in records]
    assert [(each["route"], each["status"], each["outcome"]) for each in lines] == [
        ("/admin/v1/keys/{name}", 404, "refused"),
        ("/console/sign-in", 403, "refused"),
        (None, 404, "refused"),
        ("/admin/v1/self", 401, "refused"),
    ]
    assert "0123456789" not in str(lines)
