"""A gateway with hundreds of targets, budgets and keys: every page is small, says what it leaves out, and finds it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.console.conftest import CALLER, CONSOLE, KEYS, Browser, bearer
from tests.console.pages.conftest import Served
from tests.console.pages.html import words_of
from tests.gateway.asgi import Asgi
from understudy.client.keys import open_keys
from understudy.domain.secret import Secret
from understudy.emulator import Emulator
from understudy.gateway.application import app
from understudy.ledger.keys import VirtualKey, make_key, token_of
from understudy.ledger.sqlite.store import SqliteLedger

TARGETS, BUDGETS, CALLERS, PRICES = 130, 120, 60, 2_000


@pytest.fixture
async def crowded(tmp_path: Path) -> AsyncIterator[Served]:
    """Serve 130 entries, of which one has a long price list, with 120 budgets and 60 virtual keys."""
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(Emulator(("openai",)))
        price = {"input": 1.0, "output": 10.0}
        entry: dict[str, Any] = {"provider": "openai", "base_url": emulator.url("openai"), "api_key": emulator.key}
        providers = [
            {
                **entry,
                "name": f"entry-{n:03}",
                "text_model": f"model-{n % 7}" if n else "gpt-6-luna",
                "priority": n + 1,
                "price": price,
            }
            for n in range(TARGETS)
        ]
        providers[0]["prices"] = {f"listed-{n}": price for n in range(PRICES)}
        ledger = SqliteLedger(tmp_path / "ledger.db")
        stack.callback(ledger.close)
        llm = {
            "providers": providers,
            "routes": [{"name": "chat", "targets": ["entry-000", "entry-001"]}],
            "budgets": [{"name": f"budget-{n:03}", "max": n + 1, "hard": False} for n in range(BUDGETS)],
            "console": CONSOLE,
            "gateway": {"keys": [{"name": "carol", "key": CALLER}]},
            "ledger": {"path": str(tmp_path / "ledger.db")},
        }
        gateway = app({"llm": llm}, sink=ledger, file=tmp_path / "ledger.db")
        stack.push_async_callback(gateway.aclose)
        with open_keys(gateway.config) as keys:
            for number in range(CALLERS):
                key = VirtualKey(name=f"caller-{number:03}", created=1.8e9)
                keys.add(key, token_of(make_key(), Secret("pepper-0123456789"), 1.8e9))
        browser = Browser(Asgi(gateway))
        await browser.sign_in("manage")
        yield Served(browser, browser.caller, emulator, gateway, ledger)


async def test_every_page_is_small_and_says_what_it_leaves_out(crowded: Served) -> None:
    assert await crowded.ask() == 200
    expected = {
        "": "Showing 40 of 130 targets: those that are not available, then those that are asked most",
        "providers": "Showing 1–50 of 130 targets",
        "providers?page=3": "Showing 101–130 of 130 targets",
        "providers?page=99": "Showing 101–130 of 130 targets",
        "providers?models=2": "Showing 51–100 of 130 models",
        "providers?q=ENTRY-12+model-1": "Showing 1–2 of 2 targets that match, of 130 in all",
        "providers?q=openai": "Showing 1–50 of 130 targets",
        "providers?q=nothing": "130 targets were searched.",
        "providers/entry-007": "State now",
        "money": "Showing 1–50 of 120 budgets",
        "money?q=budget-11&by=route": "Showing 1–10 of 10 budgets that match, of 120 in all",
        "keys": "Showing 1–50 of 60 keys",
        "keys?page=2": "Showing 51–60 of 60 keys",
        "keys?page=99": "Showing 51–60 of 60 keys",
        "keys?q=CALLER-00": "Showing 1–10 of 10 keys that match, of 60 in all",
        "keys?q=nothing": "The names of 60 keys were searched.",
        "configuration": "Showing 1–25 of 259 tables",
        "configuration?table=llm.budgets": "Showing 1–25 of 120 tables that match, of 259 in all",
        "configuration?q=entry-000": "more characters, which the admin API has",
        "configuration?q=nothing": "259 tables were searched.",
        "try": "Its name; empty: the usual choice",
    }
    for path, words in expected.items():
        page = await crowded.page(f"/console/{path}")
        assert words in words_of(page), path


async def test_the_pages_of_a_list_have_every_row_once(crowded: Served) -> None:
    for start, linked in {
        "/console/providers?window=6h": r"/console/providers/(entry-\d+)$",
        "/console/keys?q=caller": r"/console/keys/(caller-\d+)$",
    }.items():
        found: list[str] = []
        path: str | None = start
        while path is not None:
            page = await crowded.page(path)
            table = next(each for each in page.iter("table"))
            links = (re.search(linked, each.attrib["href"]) for each in table.iter("a"))
            found += [each[1] for each in links if each]
            pages = next(each for each in page.iter("nav") if each.attrib["aria-label"].startswith("Pages of"))
            path = next((each.attrib["href"] for each in pages.iter("a") if each.attrib.get("rel") == "next"), None)
            assert path is None or start.partition("?")[2] in path
        assert len(found) == len(set(found)) == (TARGETS if "providers" in start else CALLERS)


async def test_those_that_are_not_available_are_found_and_come_first_on_now(crowded: Served) -> None:
    answer = await crowded.browser.post("/console/providers/entry-111/open", await guard(crowded))
    assert answer.status == 303
    rows = next((await crowded.page("/console/providers?state=away")).iter("tbody"))
    assert [words_of(each)[:9] for each in rows] == ["entry-111"]
    now = words_of(await crowded.page("/console/")).partition("Targets")[2]
    assert now.index("entry-111") < now.index("entry-000")
    answer = await crowded.browser.get("/console/providers?state=asleep")
    assert (answer.status, "must be one of" in answer.text) == (400, True)


async def test_the_api_has_everything(crowded: Served) -> None:
    headers = bearer(KEYS["read"])
    for path, name, number in (
        ("targets", "targets", TARGETS),
        ("providers", "entries", TARGETS),
        ("budgets", "budgets", BUDGETS),
        ("keys", "virtual_keys", CALLERS),
        ("configuration", "tables", 259),
    ):
        assert len((await crowded.caller.get(f"/admin/v1/{path}", headers)).json[name]) == number, path
    tables = (await crowded.caller.get("/admin/v1/configuration", headers)).json["tables"]
    prices = next(each["value"] for each in tables[0]["settings"] if each["key"] == "prices")
    assert len(prices) == PRICES


async def guard(served: Served) -> dict[str, str]:
    """Return the field that a form of the session must hold."""
    text = (await served.browser.get("/console/try")).text
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found
    return {"csrf": found[1]}
