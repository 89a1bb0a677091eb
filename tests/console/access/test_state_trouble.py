"""The file that processes share for sign-ins cannot be used: what needs it is refused, with an answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.console.conftest import CALLER, KEYS, Browser, OpenConsole, bearer


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A file that is no database."""
    path = tmp_path / "state.db"
    path.write_bytes(b"no database " * 1_000)
    return path


async def test_pages_are_refused_with_a_page_that_says_so(operated: OpenConsole, damaged: Path) -> None:
    caller, gateway = await operated()
    browser = Browser(caller)
    await browser.sign_in("manage")
    context = gateway.operating.console.context
    context.state.close()
    context.state = type(context.state)(damaged)
    for path in ("/console/", "/console/nothing", "/console/live/now", "/console/sign-in"):
        answer = await browser.get(path)
        assert answer.status in (404, 503), path
        assert answer.headers["content-security-policy"]
        assert "text/html" in answer.headers["content-type"]
    answer = await browser.post("/console/sign-in", {"key": KEYS["manage"]})
    assert answer.status == 503
    assert "set-cookie" not in answer.headers
    refused = await caller.get("/admin/v1/self", bearer("guess-0123456789abcdef"))
    assert (refused.status, refused.json["error"]["code"]) == (503, "state_unavailable")
    assert (await caller.get("/admin/v1/self", bearer(KEYS["read"]))).status == 200, "a right key needs no file"
    body = {"model": "openai", "messages": [{"role": "user", "content": "hi"}]}
    assert (await caller.post("/v1/chat/completions", body, bearer(CALLER))).status == 200


async def test_a_page_that_is_kept_current_ends(
    operated: OpenConsole, damaged: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caller, gateway = await operated()
    browser = Browser(caller)
    await browser.sign_in("read")
    pieces: list[bytes] = []
    async with asyncio.timeout(20):
        watching = asyncio.create_task(caller.send("GET", "/console/live/now", b"", browser.sent(), pieces=pieces))
        while not any(b"event: part" in each for each in pieces):
            await asyncio.sleep(0.01)
        context = gateway.operating.console.context
        context.state.close()
        context.state = type(context.state)(damaged)
        await watching
    assert b"event: over" not in b"".join(pieces), "the session has not ended"
    assert context.live_pages == 0
    assert "Traceback" not in caplog.text


async def test_what_to_do_is_said_in_the_same_line(operated: OpenConsole) -> None:
    browser = Browser((await operated())[0])
    await browser.sign_in("read")
    answer = await browser.get("/console/money")
    assert answer.status == 503
    assert "No ledger is kept: [llm.ledger] has enabled = false; remove that line" in answer.text
