"""As an operator would: the primary dies, and Now leads to what is wrong, who stands in, what it costs and why."""

from __future__ import annotations

import re

from tests.console.browser.driving import Operator
from tests.console.browser.site import Site
from tests.console.conftest import CALLER
from tests.console.hostile.traffic import send


def test_a_killed_primary_is_understood_within_three_clicks(site: Site, operator: Operator) -> None:
    caller = {"authorization": f"Bearer {CALLER}", "x-understudy-labels": "app=outage"}
    page, clicks = operator.page, 0
    site.emulator.stop("openai")
    try:
        for number in range(24):  # conversations of their own, and enough for both workers
            question = {"model": "chat", "messages": [{"role": "user", "content": f"Who answers call {number}?"}]}
            assert send(site.url, question, caller) == 200
        operator.open("")
        # No click: what is wrong, and who stands in for it.
        now = page.get_by_role("main")
        now.get_by_text(re.compile("breaker open|cooldown")).first.wait_for()
        text = now.inner_text()
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
    finally:
        site.emulator.start("openai")
