"""What callers and providers send is shown, and never run: the corpus through the real path, into every face."""

from __future__ import annotations

import csv
import io
import json
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.console.browser.driving import Operator
from tests.console.browser.installing import missing
from tests.console.browser.pages import walk
from tests.console.browser.site import Site, serve
from tests.console.conftest import CALLER, KEYS
from tests.console.hostile.corpus import ALL, CONTROLS, MARKUP, RAW
from tests.console.hostile.traffic import attack, send
from understudy.emulator import Emulator

if TYPE_CHECKING:
    from playwright.sync_api import Browser


NAMES = f"""
[[llm.gateway.keys]]
name = {json.dumps(MARKUP["script"])}
key = "another-caller-0123456789"
labels = {{ team = {json.dumps(MARKUP["double quotes"])}, other = {json.dumps(MARKUP["svg"])} }}
"""
"""A key whose name and labels are of the corpus, too."""


@pytest.fixture(scope="module")
def site(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if (reason := missing()) is not None:
        pytest.skip(reason)
    with serve(tmp_path_factory.mktemp("attacked"), emulator, extra=NAMES) as running:
        yield running


@pytest.fixture(scope="module")
def attacked(site: Site) -> Site:
    attack(site.url, CALLER, site.emulator)
    question = {"model": "openai", "messages": [{"role": "user", "content": "Hi"}]}
    assert send(site.url, question, {"authorization": "Bearer another-caller-0123456789"}) == 200
    return site


@pytest.fixture(scope="module")
def victim(attacked: Site, browser: Browser) -> Operator:
    someone = Operator(browser, attacked)
    someone.sign_in("manage")
    someone.trouble.clear()
    return someone


def fetched(site: Site, path: str) -> str:
    """Return what the API answers to the key that may read."""
    request = urllib.request.Request(f"{site.url}{path}", headers={"authorization": f"Bearer {KEYS['read']}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


def requests_of(site: Site) -> list[str]:
    """Return the ids of the requests that are kept, as the API lists them."""
    listed = json.loads(fetched(site, "/admin/v1/requests?limit=200"))
    return [each["id"] for each in listed["requests"]]


def unharmed(victim: Operator, where: str) -> None:
    assert not victim.executed(), where
    assert victim.violations() == [], where
    assert victim.trouble == [], where
    assert RAW.search(victim.page.content()) is None, where


def test_no_page_runs_it_or_shows_it_raw(victim: Operator) -> None:
    for kind in walk(victim, each=3):
        unharmed(victim, f"{kind}: {victim.page.url}")


def test_no_page_of_a_request_does(victim: Operator) -> None:
    found = requests_of(victim.site)
    assert len(found) >= 2 * len(ALL)
    for name in found[:: max(1, len(found) // 40)]:
        victim.open(f"requests/{name}")
        unharmed(victim, name)


def test_what_was_sent_can_be_read(victim: Operator) -> None:
    """It is shown as the text that it is."""
    text = MARKUP["script"]
    name = next(each for each in requests_of(victim.site) if text in asked_models(victim.site, each))
    victim.open(f"requests/{name}")
    assert f"openai/{text}" in victim.page.get_by_role("main").inner_text()


def asked_models(site: Site, name: str) -> list[str | None]:
    """Return the models that the attempts of a request named."""
    return [each["model"] for each in json.loads(fetched(site, f"/admin/v1/requests/{name}"))["attempts"]]


def test_a_query_cannot_run_either(victim: Operator) -> None:
    query = urlencode({"key": MARKUP["script"] + "\0", "since": f'">{MARKUP["svg"]}', "tag": MARKUP["single quotes"]})
    for path in ("requests", "money", "sessions"):
        victim.page.goto(victim.site.console(f"{path}?{query}"))
        victim.trouble.clear()  # it may say that the query is invalid
        assert not victim.executed()
        assert victim.violations() == []


@pytest.mark.parametrize(
    "path", ["now", "requests?limit=200", "sessions", "providers", "money", "keys", "configuration"]
)
def test_the_api_has_no_raw_control_character(attacked: Site, path: str) -> None:
    text = fetched(attacked, f"/admin/v1/{path}")
    assert json.loads(text)
    assert CONTROLS.search(text) is None


def test_the_metrics_have_none_either(attacked: Site) -> None:
    text = fetched(attacked, "/metrics")
    assert "understudy_requests_total" in text
    assert CONTROLS.search(text) is None


def test_no_secret_is_on_a_page_or_in_an_answer(victim: Operator) -> None:
    secrets = (*KEYS.values(), CALLER, "another-caller-0123456789", victim.site.emulator.key)
    for kind in walk(victim):
        assert not [each for each in secrets if each in victim.page.content()], kind
    for path in ("/admin/v1/configuration", "/admin/v1/keys", "/metrics"):
        assert not [each for each in secrets if each in fetched(victim.site, path)], path


def test_no_cell_of_a_table_is_a_formula(attacked: Site) -> None:
    text = fetched(attacked, "/admin/v1/requests.csv")
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) > len(ALL)
    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "\t", "\r"))]


def test_the_terminal_gets_no_control_sequence(attacked: Site) -> None:
    result = attacked.cli.run("top")
    assert result.code == 0, result.err
    assert RAW.search(result.out) is None
    log = attacked.cli.run("log")
    assert log.code == 0
    assert RAW.search(log.out) is None
