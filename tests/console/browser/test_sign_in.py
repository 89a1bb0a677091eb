"""Signing in and out in a real browser, whose own rules decide which headers a form sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.console.browser.driving import Operator
from tests.console.browser.site import Site
from tests.console.conftest import CALLER

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def stranger(site: Site, browser: Browser) -> Operator:
    return Operator(browser, site)


def test_a_key_opens_the_console_and_signing_out_closes_it(stranger: Operator) -> None:
    page = stranger.page
    page.goto(stranger.site.console())
    assert page.get_by_label("Admin key").is_visible()
    stranger.sign_in("read")
    assert page.get_by_role("heading", level=1).is_visible()
    assert "may read" in page.get_by_role("banner").inner_text()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Admin key").wait_for()
    page.goto(stranger.site.console())
    assert page.get_by_label("Admin key").is_visible()


def test_a_callers_key_does_not(stranger: Operator) -> None:
    page = stranger.page
    page.goto(stranger.site.console("sign-in"))
    page.get_by_label("Admin key").fill(CALLER)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    page.goto(stranger.site.console())
    assert page.get_by_label("Admin key").is_visible()


def test_the_cookie_is_out_of_reach_of_scripts(stranger: Operator) -> None:
    stranger.sign_in("read")
    cookies = stranger.context.cookies()
    assert cookies
    assert all(cookie.get("httpOnly") and cookie.get("sameSite") == "Strict" for cookie in cookies)
    assert stranger.page.evaluate("() => document.cookie") == ""
