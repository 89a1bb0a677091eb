"""Signing in and out with a browser: what a session is bound to, and what ends it."""

from __future__ import annotations

import base64
import json

import pytest
from msgspec.structs import replace

from tests.console.conftest import CALLER, CONSOLE, KEYS, Browser, OpenConsole
from understudy.console.access import sessions
from understudy.console.access.codes import make_code
from understudy.console.http import Operator, Request
from understudy.domain.secret import Secret
from understudy.gateway.application import Gateway
from understudy.settings.console import ConsoleConfig, ConsoleKey

SECRET = "a-secret-of-the-gateway-0123456789"
OPEN = {"console": {}, "gateway": {"secret": SECRET}}
"""A gateway without admin keys, on a loopback address."""


async def is_in(browser: Browser) -> bool:
    """Check whether a browser is signed in: then the page that signs in leads on."""
    return (await browser.get("/console/sign-in")).status == 303


async def with_keys(gateway: Gateway, *keys: ConsoleKey) -> None:
    """Reload the gateway with other admin keys."""
    await gateway.reload(replace(gateway.config, console=ConsoleConfig(keys=keys)))


async def test_the_key_opens_a_session(operated: OpenConsole) -> None:
    browser = Browser((await operated())[0])
    answer = await browser.post("/console/sign-in", {"key": KEYS["read"], "next": "/console/requests?key=a%2Fb"})
    assert (answer.status, answer.headers["location"]) == (303, "/console/requests?key=a%2Fb")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("understudy_session_8484=")
    assert cookie.partition("; ")[2] == "Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
    assert KEYS["read"] not in cookie
    assert await is_in(browser)


async def test_over_tls_the_cookie_is_secure_and_of_this_host(operated: OpenConsole) -> None:
    browser = Browser(
        (await operated(gateway={"keys": [{"name": "c", "key": CALLER}], "hosts": ["gw.example.com"]}))[0]
    )
    browser.headers = {"host": "gw.example.com", "x-forwarded-proto": "https"}
    answer = await browser.post("/console/sign-in", {"key": KEYS["read"]}, {"origin": "https://gw.example.com"})
    assert answer.headers["set-cookie"].startswith("__Host-understudy_session=")
    assert answer.headers["set-cookie"].endswith("; Secure")
    assert await is_in(browser)


async def test_a_proxy_over_tls_need_not_say_that_it_is_one(operated: OpenConsole) -> None:
    """Only the requests of forms have an `Origin`, which shows TLS; links have none."""
    browser = Browser(
        (await operated(gateway={"keys": [{"name": "c", "key": CALLER}], "hosts": ["gw.example.com"]}))[0]
    )
    browser.headers = {"host": "gw.example.com"}
    origin = {"origin": "https://gw.example.com"}
    answer = await browser.post("/console/sign-in", {"key": KEYS["read"]}, origin)
    assert answer.headers["set-cookie"].startswith("__Host-understudy_session=")
    assert await is_in(browser)


async def test_over_tls_a_cookie_that_another_host_may_have_set_is_not_read(operated: OpenConsole) -> None:
    browser = Browser(
        (await operated(gateway={"keys": [{"name": "c", "key": CALLER}], "hosts": ["gw.example.com"]}))[0]
    )
    browser.headers = {"host": "gw.example.com"}
    assert (await browser.post("/console/sign-in", {"key": KEYS["read"]})).status == 303
    assert await is_in(browser)
    browser.headers["x-forwarded-proto"] = "https"
    assert not await is_in(browser)


@pytest.mark.parametrize("key", [CALLER, "", "wrong", KEYS["read"][:-1], f"{KEYS['read']}x"])
async def test_another_key_does_not(key: str, operated: OpenConsole) -> None:
    browser = Browser((await operated())[0])
    answer = await browser.post("/console/sign-in", {"key": key})
    assert answer.status == 401
    assert "set-cookie" not in answer.headers
    assert not await is_in(browser)
    assert not key or key not in answer.text.replace("wrong key", "")


@pytest.mark.parametrize(
    "place",
    ["https://evil.example/", "//evil.example", "/console//evil", "/console/\\evil", "/v1/models", "/console\n"],
)
async def test_the_sign_in_leads_to_no_other_place(place: str, operated: OpenConsole) -> None:
    browser = Browser((await operated())[0])
    answer = await browser.post("/console/sign-in", {"key": KEYS["read"], "next": place})
    assert answer.headers["location"] in ("/console/", "/console")


@pytest.mark.parametrize("other", ['settings={"a": [1, 2]}', "items[]=1", "@=1", "=", "a b=c", "\xff=\xfe"])
async def test_cookies_of_other_programs_on_the_host_end_no_session(other: str, operated: OpenConsole) -> None:
    browser = Browser((await operated())[0])
    await browser.sign_in("read")
    own = browser.sent()["cookie"]
    name = own.partition("=")[0]
    for cookies in (f"{other}; {own}", f"{own}; {other}", f"{own}; {name}=planted"):
        answer = await browser.get("/console/sign-in", {"cookie": cookies})
        assert answer.status == 303, cookies


async def test_each_sign_in_is_another_session_and_ends_the_former(operated: OpenConsole) -> None:
    # Session fixation: what a browser had before the sign-in, whoever planted it, is worth nothing after it.
    caller, _ = await operated()
    browser = Browser(caller)
    await browser.sign_in("read")
    former = dict(browser.cookies)
    await browser.sign_in("read")
    assert browser.cookies != former
    other = Browser(caller)
    other.cookies = former
    assert not await is_in(other)


async def test_a_sign_out_ends_the_session_wherever_the_cookie_is(operated: OpenConsole) -> None:
    caller, gateway = await operated()
    browser, thief = Browser(caller), Browser(caller)
    await browser.sign_in("read")
    thief.cookies = dict(browser.cookies)
    token = operator_of(browser, gateway).csrf
    assert (await browser.post("/console/sign-out", {"csrf": token})).status == 303
    assert not browser.cookies
    assert not await is_in(thief)


async def test_a_session_ends_with_its_key(operated: OpenConsole) -> None:
    caller, gateway = await operated()
    browser = Browser(caller)
    await browser.sign_in("manage")
    key = ConsoleKey(name="manage", key=Secret(KEYS["manage"]), scope="manage")
    await with_keys(gateway, key)
    assert await is_in(browser)
    await with_keys(gateway, replace(key, key=Secret("another-value-0123456789")))
    assert not await is_in(browser)
    await with_keys(gateway, replace(key, name="other"))
    assert not await is_in(browser)


async def test_a_session_has_the_scope_that_its_key_has_now(operated: OpenConsole) -> None:
    caller, gateway = await operated()
    browser = Browser(caller)
    await browser.sign_in("manage")
    await with_keys(gateway, ConsoleKey(name="manage", key=Secret(KEYS["manage"]), scope="read"))
    assert operator_of(browser, gateway).scope == "read"


async def test_a_changed_cookie_opens_nothing(operated: OpenConsole) -> None:
    caller, _ = await operated()
    browser = Browser(caller)
    await browser.sign_in("read")
    (name, value), *_ = browser.cookies.items()
    content, _, mac = value.partition(".")
    session = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    session[1] = "manage"
    raised = base64.urlsafe_b64encode(json.dumps(session).encode()).decode().rstrip("=")
    flipped = [f"{value[:at]}{'A' if value[at] != 'A' else 'B'}{value[at + 1 :]}" for at in range(len(value))]
    for forged in (f"{raised}.{mac}", f"{raised}.", content, f".{mac}", f"{mac}.{content}", "\x00", "a.b", *flipped):
        browser.cookies = {name: forged}
        assert not await is_in(browser), forged


async def test_a_session_ends_after_twelve_hours(operated: OpenConsole) -> None:
    caller, gateway = await operated()
    browser = Browser(caller)
    await browser.sign_in("read")
    console = gateway.operating.console
    now = console.context.clock()
    console.context.clock = lambda: now + 12 * 3600 - 5
    assert await is_in(browser)
    console.context.clock = lambda: now + 12 * 3600 + 5
    assert not await is_in(browser)


async def test_the_link_signs_in_once(operated: OpenConsole) -> None:
    caller, gateway = await operated(**OPEN)
    browser = Browser(caller)
    now = gateway.operating.console.context.clock()
    code = make_code([Secret(SECRET)], now)
    answer = await browser.get(f"/console/sign-in?code={code}")
    assert (answer.status, answer.headers["refresh"]) == (200, "0; url=/console/")
    assert await is_in(browser)
    assert (await browser.get(f"/console/sign-in?code={code}")).headers["location"] == "/console/"
    again = Browser(caller)
    assert (await again.get(f"/console/sign-in?code={code}")).status == 403
    assert not await is_in(again)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("HEAD", {}, 200),
        ("GET", {"sec-purpose": "prefetch"}, 503),
        ("GET", {"sec-purpose": "prefetch;prerender"}, 503),
        ("GET", {"purpose": "prefetch"}, 503),
        ("GET", {"x-purpose": "preview"}, 503),
        ("GET", {"x-moz": "prefetch"}, 503),
    ],
)
async def test_a_look_at_the_link_does_not_use_it(
    method: str, headers: dict[str, str], status: int, operated: OpenConsole
) -> None:
    caller, gateway = await operated(**OPEN)
    browser = Browser(caller)
    path = f"/console/sign-in?code={make_code([Secret(SECRET)], gateway.operating.console.context.clock())}"
    looked = await caller.send(method, path, b"", {**browser.sent(), **headers})
    assert (looked.status, looked.headers.get("set-cookie"), looked.headers.get("refresh")) == (status, None, None)
    assert (await browser.get(path)).status == 200
    assert await is_in(browser)


async def test_wrong_links_keep_no_right_one_out(operated: OpenConsole) -> None:
    caller, gateway = await operated(**OPEN)
    statuses = [(await caller.get("/console/sign-in?code=wrong", Browser(caller).sent())).status for _ in range(11)]
    assert statuses == [403] * 10 + [429]
    browser = Browser(caller)
    code = make_code([Secret(SECRET)], gateway.operating.console.context.clock())
    assert (await browser.get(f"/console/sign-in?code={code}")).status == 200
    assert await is_in(browser)


@pytest.mark.parametrize("fault", ["late", "of another secret", "changed", "of another purpose"])
async def test_another_link_does_not(fault: str, operated: OpenConsole) -> None:
    caller, gateway = await operated(**OPEN)
    context = gateway.operating.console.context
    secret = Secret("another-secret-0123456789" if fault == "of another secret" else SECRET)
    code = make_code([secret], context.clock() - (601 if fault == "late" else 0))
    if fault == "changed":
        code = f"{'A' if code[0] != 'A' else 'B'}{code[1:]}"
    if fault == "of another purpose":
        browser = Browser(caller)
        await browser.get(f"/console/sign-in?code={code}")
        code = next(iter(browser.cookies.values()))
    browser = Browser(caller)
    assert (await browser.get(f"/console/sign-in?code={code}")).status == 403
    assert not await is_in(browser)


async def test_a_session_of_the_link_ends_once_there_are_keys(operated: OpenConsole) -> None:
    caller, gateway = await operated(**OPEN)
    browser = Browser(caller)
    await browser.get(f"/console/sign-in?code={make_code([Secret(SECRET)], gateway.operating.console.context.clock())}")
    assert await is_in(browser)
    await with_keys(gateway, ConsoleKey(name="local", key=Secret(KEYS["read"]), scope="read"))
    assert not await is_in(browser)
    code = make_code([Secret(SECRET)], gateway.operating.console.context.clock())
    assert (await browser.get(f"/console/sign-in?code={code}")).status == 403


async def test_without_keys_other_machines_find_it_closed(operated: OpenConsole) -> None:
    caller, gateway = await operated(console={}, gateway={"host": "0.0.0.0", "secret": SECRET, **KEYED})
    code = make_code([Secret(SECRET)], gateway.operating.console.context.clock())
    for path in ("/console/", "/console/sign-in", f"/console/sign-in?code={code}", "/admin/v1/self", "/console/x"):
        answer = await caller.get(path, {"host": "10.0.0.1"})
        assert answer.status in (403, 404)
        assert answer.status == 404 or "[[llm.console.keys]]" in answer.text.replace("&#x27;", "'")
        assert "set-cookie" not in answer.headers


async def test_a_switched_off_console_is_not_there(operated: OpenConsole) -> None:
    caller, _ = await operated(console={**CONSOLE, "enabled": False})
    for path in ("/console/", "/console/sign-in", "/admin/v1/self", "/metrics"):
        answer = await caller.get(path, {"authorization": f"Bearer {KEYS['manage']}"})
        assert answer.status == 404


KEYED = {"keys": [{"name": "carol", "key": CALLER}]}


def operator_of(browser: Browser, gateway: Gateway) -> Operator:
    """Return who is signed in."""
    found = sessions.operator_of(Request("GET", "/console/", headers=browser.sent()), gateway.operating.console.context)
    assert found is not None
    return found
