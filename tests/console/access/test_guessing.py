"""Guessing admin keys: how many may be tried, and what is logged of them."""

from __future__ import annotations

import logging
from hashlib import sha256
from pathlib import Path

import pytest

from tests.console.conftest import CALLER, KEYS, Browser, OpenConsole, bearer
from understudy.console.access.state import State

GUESS = "guess-canary-0123456789"


async def test_after_ten_wrong_keys_of_an_address_further_ones_are_not_counted(operated: OpenConsole) -> None:
    caller, gateway = await operated()
    context = gateway.operating.console.context
    now = context.clock()
    context.clock = lambda: now
    caller.peer = "203.0.113.9"
    browser = Browser(caller)
    for _ in range(5):
        assert (await caller.get("/admin/v1/self", bearer(GUESS))).status == 401
        assert (await browser.post("/console/sign-in", {"key": GUESS})).status == 401
    answer = await caller.get("/admin/v1/self", bearer(GUESS))
    assert (answer.status, answer.headers["retry-after"]) == (429, "60")
    assert (await browser.post("/console/sign-in", {"key": GUESS})).status == 429
    assert len(context.state.failures("203.0.113.9", now)[0]) == 10
    caller.peer = "203.0.113.10"
    assert (await caller.get("/admin/v1/self", bearer(GUESS))).status == 401
    caller.peer = "203.0.113.9"
    context.clock = lambda: now + 61
    assert (await caller.get("/admin/v1/self", bearer(GUESS))).status == 401


async def test_wrong_keys_lock_nobody_out(operated: OpenConsole) -> None:
    caller, _ = await operated()
    for number in range(100):
        caller.peer = f"203.0.113.{number // 2}"
        assert (await caller.get("/admin/v1/self", bearer(GUESS))).status == 401
    for caller.peer in ("198.51.100.1", "203.0.113.1"):
        assert (await caller.get("/admin/v1/self", bearer(GUESS))).status == 429
        assert (await caller.get("/admin/v1/self", bearer(KEYS["read"]))).status == 200
        assert (await caller.get("/metrics", bearer(KEYS["read"]))).status == 200
        await Browser(caller).sign_in("manage")


@pytest.mark.parametrize("hashed", [False, True])
async def test_a_key_that_may_be_guessed_waits(hashed: bool, operated: OpenConsole) -> None:
    """Fifteen characters, and sixteen: the configuration warns of the former, if it knows its value."""
    short, long = "fifteen-chars-x", "sixteen-chars-xy"
    keys = [
        {"name": each, **({"hash": f"sha256:{sha256(each.encode()).hexdigest()}"} if hashed else {"key": each})}
        for each in (short, long)
    ]
    caller, gateway = await operated(console={"keys": keys})
    context = gateway.operating.console.context
    now = context.clock()
    context.clock = lambda: now
    assert (await caller.get("/admin/v1/self", bearer(short))).status == 200
    for _ in range(10):
        await caller.get("/admin/v1/self", bearer(GUESS))
    assert (await caller.get("/admin/v1/self", bearer(short))).status == 429
    assert (await caller.get("/admin/v1/self", bearer(long))).status == 200
    context.clock = lambda: now + 61
    assert (await caller.get("/admin/v1/self", bearer(short))).status == 200


async def test_addresses_of_one_ipv6_network_count_together(operated: OpenConsole) -> None:
    caller, _ = await operated()
    for number in range(10):
        caller.peer = f"2001:db8::{number}"
        assert (await caller.get("/admin/v1/self", bearer(GUESS))).status == 401
    caller.peer = "2001:db8::ffff"
    assert (await caller.get("/admin/v1/self", bearer(GUESS))).status == 429
    caller.peer = "2001:db8:0:1::1"
    assert (await caller.get("/admin/v1/self", bearer(GUESS))).status == 401


async def test_a_session_goes_on_while_its_address_waits(operated: OpenConsole) -> None:
    caller, _ = await operated()
    browser = Browser(caller)
    await browser.sign_in("read")
    for _ in range(10):
        await caller.get("/admin/v1/self", bearer(GUESS))
    assert (await browser.get("/console/sign-in")).status == 303


async def test_failures_are_logged_without_what_was_sent(
    operated: OpenConsole, caplog: pytest.LogCaptureFixture
) -> None:
    caller, _ = await operated()
    caller.peer = "203.0.113.9"
    with caplog.at_level(logging.INFO, "understudy"):
        await caller.get("/admin/v1/self", bearer(GUESS))
        await Browser(caller).post("/console/sign-in", {"key": GUESS})
        await Browser(caller).sign_in("read")
    assert [each.getMessage() for each in caplog.records] == [
        "access to the console was refused to 203.0.113.9: the key is unknown",
        "access to the console was refused to 203.0.113.9: the key is unknown",
        "'read' signed in to the console from 203.0.113.9",
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Basic {KEYS['read']}"},
        {"authorization": KEYS["read"]},
        {"authorization": "Bearer "},
        {"x-api-key": KEYS["read"]},
        {"cookie": f"understudy_session={KEYS['read']}"},
    ],
    ids=lambda each: next(iter(each)),
)
async def test_the_key_is_taken_from_one_header_only(headers: dict[str, str], operated: OpenConsole) -> None:
    caller, _ = await operated()
    answer = await caller.get("/admin/v1/self", headers)
    assert (answer.status, answer.json["error"]["code"]) == (401, "missing_key")
    answer = await caller.get(f"/admin/v1/self?key={KEYS['read']}&access_token={KEYS['read']}")
    assert answer.status == 401


async def test_a_callers_key_is_unknown(operated: OpenConsole) -> None:
    caller, _ = await operated()
    answer = await caller.get("/admin/v1/self", bearer(CALLER))
    assert (answer.status, answer.json["error"]["code"]) == (401, "unknown_key")


def test_processes_that_share_a_file_share_marks_and_failures(tmp_path: Path) -> None:
    one, other = State(tmp_path / "state.db"), State(tmp_path / "state.db")
    assert one.mark("code:1", 100.0, 0.0)
    assert not other.mark("code:1", 100.0, 1.0)
    assert other.is_marked("code:1")
    assert not other.is_marked("code:2")
    one.fail("a", 10.0)
    other.fail("b", 20.0)
    assert one.failures("a", 60.0) == ([10.0], [10.0, 20.0])
    assert one.failures("a", 71.0) == ([], [20.0])
    assert other.mark("code:1", 300.0, 200.0), "an expired mark is forgotten"
    one.close()
    other.close()
