"""Every page of the console, as a browser shows it: wide and narrow, light and dark, with and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.console.browser.driving import Operator
from tests.console.browser.installing import axe
from tests.console.browser.pages import walk
from tests.console.browser.site import Site
from tests.console.conftest import CALLER
from tests.console.hostile.traffic import send
from understudy.emulator import Fault

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

LARGEST = 150_000
"""Bytes of a page."""
PLACES = {"now", "requests", "requests/one", "money", "providers", "sessions", "keys", "configuration"}
WINDOWS = {
    "wide-light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "wide-dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "narrow-light": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
    "narrow-dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def used(site: Site) -> Site:
    """The site once some requests were answered, and one went to the second target."""
    caller = {"authorization": f"Bearer {CALLER}", "x-understudy-labels": "app=web"}
    question = {"model": "chat", "messages": [{"role": "user", "content": "What is the capital of France?"}]}
    for _ in range(3):
        assert send(site.url, question, caller) == 200
    site.emulator.script("openai", [Fault.status(500)])
    assert send(site.url, question, caller) == 200
    site.emulator.script("openai")
    return site


@pytest.fixture(scope="module", params=WINDOWS)
def window(request: pytest.FixtureRequest, used: Site, browser: Browser) -> Iterator[tuple[str, Operator]]:
    someone = Operator(browser, used, **WINDOWS[request.param])
    someone.sign_in("manage")
    someone.trouble.clear()
    yield request.param, someone
    someone.context.close()


def test_pages_fit_the_window_break_no_rule_and_say_what_is_where(window: tuple[str, Operator]) -> None:
    name, operator = window
    found: set[str] = set()
    for kind in walk(operator):
        page = operator.page
        found.add(kind)
        operator.keep(f"{name}/{kind.replace('/', '-')}")
        assert operator.trouble == [], kind
        assert operator.violations() == [], kind
        assert page.get_by_role("heading", level=1).count() == 1, kind
        assert page.get_by_role("main").count() == 1, kind
        assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0, kind
        assert len(page.content().encode()) <= LARGEST, kind
    assert found >= PLACES


def test_axe_finds_nothing_serious(window: tuple[str, Operator]) -> None:
    if not axe().is_file():
        pytest.skip("axe-core is not installed: python -m tests.console.browser.installing")
    _, operator = window
    found = [f"{kind}: {each}" for kind in walk(operator) for each in operator.findings()]
    assert not found, "\n".join(found)


def test_the_keyboard_begins_with_a_way_past_the_navigation(window: tuple[str, Operator]) -> None:
    _, operator = window
    operator.open("")
    operator.page.keyboard.press("Tab")
    assert "Skip" in operator.page.evaluate("() => document.activeElement.textContent")
    operator.page.keyboard.press("Enter")
    assert operator.page.evaluate("() => document.activeElement.id || location.hash.slice(1)") == "content"


def test_everything_can_be_read_without_scripts(used: Site, browser: Browser) -> None:
    reader = Operator(browser, used, java_script_enabled=False)
    reader.page.goto(used.console("sign-in"))
    reader.page.get_by_label("Admin key").fill("admin-manage-0123456789abcdef")
    reader.page.get_by_role("button", name="Sign in").click()
    for path, words in {
        "": "Latest requests",
        "requests": "claude",
        "money": "Budgets",
        "providers": "openai",
        "sessions": "Sessions",
        "keys": "Keys",
        "configuration": "Configuration",
    }.items():
        reader.open(path)
        text = reader.page.get_by_role("main").inner_text()
        assert words in text, path
        assert "loading" not in text.lower(), path


def test_a_request_is_on_the_page_without_a_reload_soon_after_it_ended(used: Site, operator: Operator) -> None:
    page = operator.page
    operator.open("")
    page.evaluate("() => { window.same = true; }")
    caller = {"authorization": f"Bearer {CALLER}", "x-understudy-labels": "app=seen-live"}
    assert send(used.url, {"model": "chat", "messages": [{"role": "user", "content": "Hi"}]}, caller) == 200
    page.get_by_text("app=seen-live").first.wait_for()
    assert page.evaluate("() => window.same === true")
    operator.open("requests")
    again = {"authorization": f"Bearer {CALLER}", "x-understudy-labels": "app=seen-again"}
    assert send(used.url, {"model": "chat", "messages": [{"role": "user", "content": "Hi"}]}, again) == 200
    page.get_by_text("app=seen-again").first.wait_for()


def test_a_page_goes_on_after_a_proxy_answered_for_a_gateway_that_restarts(used: Site, operator: Operator) -> None:
    page = operator.page
    answers = [502, 503]

    def proxy(route: Route) -> None:
        if answers:
            route.fulfill(status=answers.pop(0), content_type="text/html", body="Bad Gateway")
        else:
            route.continue_()

    page.route("**/console/live/now", proxy)
    operator.open("")
    page.get_by_text("connection lost, trying again").wait_for()
    page.get_by_text("live", exact=True).wait_for()
    assert not answers
    page.unroute("**/console/live/now")
    operator.trouble.clear()  # that both were refused
