"""What pages of other sites make a browser send, and what every answer says to the browser."""

from __future__ import annotations

import pytest

from tests.console.access.test_sessions import operator_of
from tests.console.conftest import KEYS, Browser, OpenConsole, bearer


async def signed_in(operated: OpenConsole) -> tuple[Browser, str]:
    """Return a browser that is signed in, and the token of its forms."""
    caller, gateway = await operated()
    browser = Browser(caller)
    await browser.sign_in("manage")
    return browser, operator_of(browser, gateway).csrf


OTHER_SITES = [
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    {"origin": "http://127.0.0.1:9999", "sec-fetch-site": "same-site"},
    {"origin": "null", "sec-fetch-site": "cross-site"},
    {"origin": "null", "sec-fetch-site": "same-origin"},
    {"origin": "http://127.0.0.1:8484.evil.example", "sec-fetch-site": "same-origin"},
    {"origin": "http://127.0.0.1:8484@evil.example", "sec-fetch-site": "same-origin"},
    {"origin": "ftp://127.0.0.1:8484", "sec-fetch-site": "same-origin"},
    {"origin": "http://[", "sec-fetch-site": "same-origin"},
    {"origin": "http://127.0.0.1:8484", "sec-fetch-site": "cross-site"},
]


@pytest.mark.parametrize("headers", OTHER_SITES, ids=lambda each: f"{each['origin']} {each['sec-fetch-site']}")
async def test_a_form_of_another_site_is_refused(headers: dict[str, str], operated: OpenConsole) -> None:
    browser, token = await signed_in(operated)
    answer = await browser.post("/console/sign-out", {"csrf": token}, headers)
    assert answer.status == 403
    assert browser.cookies
    fresh = Browser(browser.caller)
    assert (await fresh.post("/console/sign-in", {"key": KEYS["read"]}, headers)).status == 403
    assert not fresh.cookies


@pytest.mark.parametrize("token", [None, "", "wrong", "é"])
async def test_a_form_without_the_token_is_refused(token: str | None, operated: OpenConsole) -> None:
    browser, _ = await signed_in(operated)
    answer = await browser.post("/console/sign-out", {} if token is None else {"csrf": token})
    assert answer.status == 403
    assert browser.cookies


async def test_the_token_of_another_session_is_refused(operated: OpenConsole) -> None:
    browser, token = await signed_in(operated)
    await browser.sign_in("manage")
    assert (await browser.post("/console/sign-out", {"csrf": token})).status == 403


async def test_the_token_is_enough_for_programs_that_state_no_origin(operated: OpenConsole) -> None:
    browser, token = await signed_in(operated)
    body = f"csrf={token}".encode()
    headers = {**browser.sent(), "content-type": "application/x-www-form-urlencoded"}
    assert (await browser.caller.post("/console/sign-out", body, headers)).status == 303


async def test_the_cookie_opens_no_api_and_the_key_no_page(operated: OpenConsole) -> None:
    browser, _ = await signed_in(operated)
    assert (await browser.get("/admin/v1/self")).status == 401
    answer = await browser.caller.post("/console/sign-out", b"", bearer(KEYS["manage"]))
    assert answer.status == 401


PROTECTION = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@pytest.mark.parametrize("path", ["/console/sign-in", "/console/nothing", "/admin/v1/self", "/admin/v1/x", "/metrics"])
async def test_every_answer_is_protected(path: str, operated: OpenConsole) -> None:
    caller, _ = await operated()
    for key in ("", KEYS["read"]):
        answer = await caller.get(path, bearer(key) if key else {})
        assert {name: answer.headers.get(name) for name in PROTECTION} == PROTECTION
        policy = dict(each.strip().split(" ", 1) for each in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example"])
async def test_a_name_that_was_pointed_here_finds_nothing(host: str, operated: OpenConsole) -> None:
    caller, _ = await operated()
    for path in ("/console/sign-in", "/admin/v1/self", "/metrics"):
        answer = await caller.get(path, {"host": host, **bearer(KEYS["manage"])})
        assert answer.status == 403
        assert "hosts in [llm.gateway]" in answer.text
