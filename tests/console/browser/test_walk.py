"""As an operator would: the primary dies, and Now leads to what is wrong, who stands in, what it costs and why."""

from __future__ import annotations

import contextlib
import itertools
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.console.browser.driving import Operator
from tests.console.browser.site import Site
from tests.console.conftest import CALLER
from tests.console.hostile.traffic import send


@contextlib.contextmanager
def traffic(site: Site) -> Iterator[None]:
    """Let callers ask all the while: a breaker that nothing tries is half-open after some seconds."""
    caller = {"authorization": f"Bearer {CALLER}", "x-understudy-labels": "app=outage"}
    over, statuses = threading.Event(), set[int]()

    def ask() -> None:
        for number in itertools.count():
            if over.wait(0.1):
                return
            question = [{"role": "user", "content": f"Who answers call {number}?"}]
            statuses.add(send(site.url, {"model": "chat", "messages": question}, caller))

    with ThreadPoolExecutor() as pool:
        asking = pool.submit(ask)
        try:
            yield
        finally:
            over.set()
            asking.result()
    assert statuses == {200}


def test_a_killed_primary_is_understood_within_three_clicks(site: Site, operator: Operator) -> None:
    page, clicks = operator.page, 0
    site.emulator.stop("openai")
    with contextlib.ExitStack() as stack:
        stack.callback(site.emulator.start, "openai")
        stack.enter_context(traffic(site))
        operator.open("")
        # No click: what is wrong, and who stands in for it.
        now, text = page.get_by_role("main"), ""
        for _ in range(20):
            if re.search("breaker open|cooldown", text := now.inner_text()):
                break
            page.wait_for_timeout(500)
        assert re.search(r"anthropic/\S+ stands in for openai/\S+", text)
        assert "Connection refused" in text
        assert re.search(r"Cost an hour\s+\$[0-9.]+", text)
        # One click: why a given request went where it went.
        row = page.get_by_role("row").filter(has_text="app=outage").filter(has_text="anthropic")
        row.get_by_role("link").first.click()
        clicks += 1
        page.get_by_text("What was tried, and why").wait_for()
        request = page.get_by_role("main").inner_text()
        assert "anthropic" in request
        assert re.search(r"circuit breaker|Connection refused|connect", request), request
        # One more: what it costs.
        page.get_by_role("navigation").get_by_role("link", name="Money").click()
        clicks += 1
        assert "$" in page.get_by_role("main").inner_text()
        assert clicks <= 3
