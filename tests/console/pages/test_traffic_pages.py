"""The pages of what the gateway did, after real requests to emulated providers that fail and recover."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs
from xml.etree.ElementTree import Element

import msgspec
import pytest

from tests.console.conftest import Browser, OpenConsole
from tests.console.pages.conftest import Served
from tests.console.pages.examples import HOSTILE
from tests.console.pages.html import faults, read_part, words_of
from understudy.client.ledger import read_ledger
from understudy.console.pages import live
from understudy.console.pages.requests import why_not_kept
from understudy.domain.capture import CaptureMode
from understudy.emulator import Fault
from understudy.ledger import questions

PAGES = ("/console/", "/console/requests", "/console/money", "/console/sessions")


def rows(document: Element, caption: str) -> list[str]:
    """Return the words of each row below the head of a table."""
    for table in document.iter("table"):
        if words_of(next(table.iter("caption"))).startswith(caption):
            return [words_of(row) for row in next(table.iter("tbody")).iter("tr")]
    return []


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_without_traffic_says_what_to_do(served: Served, path: str) -> None:
    document = await served.page(path)
    assert any("empty" in each.attrib.get("class", "") for each in document.iter())


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_without_a_ledger_file_says_what_to_do(operated: OpenConsole, tmp_path: Path, path: str) -> None:
    caller, _ = await operated(ledger={"path": str(tmp_path / "none.db")})
    browser = Browser(caller)
    await browser.sign_in("read")
    page = await browser.get(path)
    assert page.status == 200
    assert faults(page.text) == []
    assert "/console/try" in page.text


async def test_a_request_is_found_from_now_to_its_waterfall(served: Served) -> None:
    await served.ask()
    now = await served.page("/console/")
    assert "All is well" in words_of(next(now.iter("section")))
    link = first_request(now)
    request = await served.page(link)
    assert words_of(next(request.iter("h1"))) == "main answered"
    assert len(rows(request, "Attempts in order")) == 1
    explained = await served.page(f"{link}?explain=1")
    assert rows(explained, "Targets in the order")[0].startswith("1main/gpt-4.1-mini")


async def test_a_request_that_cannot_be_made_any_more_is_shown_with_why(served: Served) -> None:
    await served.ask()
    link = first_request(await served.page("/console/requests"))
    await served.gateway.reload(msgspec.structs.replace(served.gateway.config, routes=()))
    page = words_of(await served.page(f"{link}?explain=1"))
    assert "No target would be asked" in page
    assert "chat" in page


async def test_tokens_and_costs_are_of_classes_that_were_used(served: Served) -> None:
    await served.ask()
    found = rows(
        await served.page(first_request(await served.page("/console/requests"))), "Tokens and cost of each attempt"
    )
    assert [re.sub(r"[\d,.$ ]+", "", each) for each in found] == ["maininput", "mainoutput"]


@pytest.mark.parametrize(
    ("capture", "outcome", "why"),
    [
        ("off", "started", "capture is off"),
        ("off", "answered", "capture is off"),
        ("all", "started", "once the request has ended"),
        ("errors", "answered", "attempts that failed"),
        ("all", "answered", "capture was off then"),
    ],
)
def test_why_there_is_no_prompt(capture: CaptureMode, outcome: str, why: str) -> None:
    assert why in why_not_kept(capture, outcome)


async def test_a_fallback_is_told_with_its_reasons(served: Served) -> None:
    served.emulator.script("openai", always=Fault.status(500))
    assert await served.ask() == 200
    request = await served.page(first_request(await served.page("/console/requests?outcome=recovered")))
    assert words_of(next(request.iter("h1"))) == "main failed 3 times, backup answered"  # max_retries is 3
    attempts = rows(request, "Attempts in order")
    assert "server error" in attempts[0]
    assert "fall back to backup" in " ".join(attempts)
    assert "answered" in attempts[-1]


async def test_filters_narrow_the_log_and_its_csv(served: Served) -> None:
    await served.ask()
    await served.ask("backup")
    assert len(rows(await served.page("/console/requests"), "Requests")) == 2
    found = rows(await served.page("/console/requests?target=backup&since=1h&outcome=answered"), "Requests")
    assert len(found) == 1
    assert "backup" in found[0]
    none = await served.page("/console/requests?key=nobody")
    assert rows(none, "Requests") == []
    assert "No request matches" in words_of(none)
    answer = await served.browser.get("/console/requests.csv?target=backup")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert [each["provider"] for each in csv.DictReader(answer.text.splitlines())] == ["backup"]


async def test_a_csv_has_one_header_however_far_its_requests_are_apart(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for model in ("backup", "main", "main"):
        await served.ask(model)
    monkeypatch.setattr(questions, "LOOKED_AT", 1)
    text = (await served.browser.get("/console/requests.csv?target=backup")).text
    assert text.count("id,started") == 1
    assert [each["provider"] for each in csv.DictReader(text.splitlines())] == ["backup"]


@pytest.mark.parametrize("query", ["since=tomorrow", "outcome=fine", "tag=team", "failure=x", "since=%ff"])
async def test_an_invalid_filter_is_refused_in_words(served: Served, query: str) -> None:
    await served.page(f"/console/requests?{query}", 400)


async def test_an_id_leads_to_its_request(served: Served) -> None:
    await served.ask()
    link = first_request(await served.page("/console/requests"))
    answer = await served.browser.get(f"/console/requests?id={link.rpartition('/')[2]}")
    assert (answer.status, answer.headers["location"]) == (303, link)


@pytest.mark.parametrize("path", ["/console/requests/00000000", "/console/requests/%00", "/console/sessions/nobody"])
async def test_what_is_not_there_is_said_to_be_missing(served: Served, path: str) -> None:
    await served.page(path, 404)


async def test_money_is_what_the_ledger_adds_up_to(served: Served) -> None:
    for _ in range(3):
        await served.ask()
    with read_ledger(served.gateway.config) as queries:
        tokens = [each.record.usage for each in queries.entries() if each.record is not None]
    nano = sum(1_000 * (each.input_total or 0) + 10_000 * (each.output_total or 0) for each in tokens)
    money = await served.page("/console/money?by=key")
    values = [each.attrib["value"] for each in money.iter("data")]
    assert values[0] == f"{Decimal(nano).scaleb(-9).normalize():f}"
    assert rows(money, "Cost by key")[0].startswith("carol")


@pytest.mark.parametrize("by", ["model", "provider", "key", "agent", "class", "session", "route", "task", "tag"])
async def test_what_money_is_split_by_leads_to_its_requests(served: Served, by: str) -> None:
    """Each value of the table is a link to the requests that it is the sum of."""
    agent = {"x-understudy-session": "s1", "x-claude-code-request-class": "main", "user-agent": "claude-cli/2.0"}
    assert await served.ask(headers=agent) == 200
    assert await served.ask() == 200
    money = await served.page(f"/console/money?by={by}")
    if by == "tag":
        assert "No request of this time has a tag" in words_of(money)
        return
    table = next(each for each in money.iter("table") if words_of(next(each.iter("caption"))).startswith("Cost by"))
    links = [each.attrib["href"] for each in table.iter("a")]
    assert bool(links) == (by != "task")  # which these requests have not
    for link in links:
        assert rows(await served.page(link), "Requests"), link


async def test_a_filter_stays_from_page_to_page(served: Served) -> None:
    page = await served.page("/console/requests?class=main&outcome=answered&since=1h")
    link = next(each.attrib["href"] for each in page.iter("a") if ".csv" in each.attrib["href"])
    assert parse_qs(link.partition("?")[2]) == {"class": ["main"], "outcome": ["answered"], "since": ["1h"]}
    assert (await served.browser.get(link)).status == 200


async def test_what_callers_write_is_shown_and_does_not_act(served: Served) -> None:
    """Callers choose the session and the tags of a request; both are hostile here."""
    hostile = HOSTILE.replace("\ud800", "")
    assert await served.ask(user=hostile, metadata={"team": hostile}, prompt_cache_key=hostile) == 200
    for path in PAGES:
        await served.page(path)


async def test_the_newest_requests_arrive_by_themselves(served: Served) -> None:
    await served.ask()
    page = await served.page("/console/requests")
    path = next(each.attrib["data-live"] for each in page.iter() if "data-live" in each.attrib)
    part = await first_part(served.browser, path)
    assert len(rows(read_part(part), "Requests")) == 1


async def test_now_arrives_by_itself(served: Served) -> None:
    await served.ask()
    part = await first_part(served.browser, "/console/live/now")
    assert "All is well" in part
    read_part(part)


async def test_a_process_keeps_so_many_pages_current_and_no_more(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST", 2)
    opened = [Until(), Until()]
    leaving = asyncio.Event()
    paths = ("/console/live/now", "/console/live/requests")
    watching = [
        asyncio.create_task(served.caller.send("GET", path, b"", served.browser.sent(), leave=leaving, pieces=pieces))
        for path, pieces in zip(paths, opened, strict=True)
    ]
    async with asyncio.timeout(20):
        while not all(each.leave.is_set() for each in opened):
            await asyncio.sleep(0.01)
        refused = await served.browser.get("/console/live/requests")
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        leaving.set()
        await asyncio.gather(*watching)
    assert "All is well" in await first_part(served.browser, "/console/live/now")


def first_request(document: Element) -> str:
    """Return the path of the first request that a page links to."""
    links = (each.attrib["href"] for each in document.iter("a"))
    return next(each for each in links if each.startswith("/console/requests/"))


class Until(list[bytes]):
    """The pieces of an answer, whose caller leaves once they hold a whole part."""

    def __init__(self) -> None:
        super().__init__()
        self.leave = asyncio.Event()

    def __iadd__(self, pieces: Iterable[bytes]) -> Self:  # type: ignore[override,misc]
        self.extend(pieces)
        if re.search(rb"event: part\n.*\n\n", b"".join(self), re.DOTALL):
            self.leave.set()
        return self


async def first_part(browser: Browser, path: str) -> str:
    """Return the first part that a stream of events brings."""
    pieces = Until()
    await browser.caller.send("GET", path, b"", browser.sent(), leave=pieces.leave, pieces=pieces)
    event = next(each for each in b"".join(pieces).decode().split("\n\n") if each.startswith("event: part"))
    return "\n".join(line.removeprefix("data: ") for line in event.splitlines()[1:])
