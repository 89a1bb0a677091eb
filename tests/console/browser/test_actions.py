"""What an operator does in the console, by the labels and buttons that are seen."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.console.browser.driving import Operator
from tests.console.browser.site import Site
from tests.console.conftest import CALLER
from tests.console.hostile.traffic import send
from understudy.emulator import Fault

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUESTION = {"model": "chat", "messages": [{"role": "user", "content": "What is the capital of France?"}]}


def ask(site: Site, key: str = CALLER, **fields: object) -> int:
    return send(site.url, {**QUESTION, **fields}, {"authorization": f"Bearer {key}"})


@pytest.fixture
def page(operator: Operator) -> Iterator[Page]:
    operator.trouble.clear()
    yield operator.page
    assert operator.trouble == []
    assert operator.violations() == []


def told(page: Page, words: str) -> None:
    """Wait for words in the main part of the page, opening it again as long as they are not there."""
    main = page.get_by_role("main")
    for _ in range(20):
        if words in main.inner_text():
            return
        page.wait_for_timeout(500)
        page.reload()
    assert words in main.inner_text()


def press(page: Page, button: str) -> None:
    """Press a button, once the process that answers has heard of the order before."""
    told(page, button)
    page.get_by_role("button", name=button).click()


def test_a_provider_is_taken_out_and_asked_again(site: Site, operator: Operator, page: Page) -> None:
    operator.open("providers/openai")
    press(page, "Take it out")
    told(page, "taken out")
    assert spared(site, page)
    operator.open("providers/openai")
    press(page, "Ask it again")
    told(page, "asked again")
    told(page, "available")


def spared(site: Site, page: Page) -> bool:
    """Wait until both processes ask the provider nothing, though they answer."""
    for number in range(40):
        before = len(site.emulator.requests("openai"))
        for each in range(6):
            question = [{"role": "user", "content": f"Who answers while it is out, {number}, {each}?"}]
            assert ask(site, messages=question) == 200
        if len(site.emulator.requests("openai")) == before:
            return True
        page.wait_for_timeout(250)
    return False


def test_a_provider_is_drained(operator: Operator, page: Page) -> None:
    operator.open("providers/openai")
    press(page, "Drain")
    told(page, "taken out")  # nothing was under way
    press(page, "Ask it again")
    told(page, "available")


def test_a_provider_is_probed(operator: Operator, page: Page) -> None:
    operator.open("providers/anthropic")
    page.get_by_role("button", name="Probe now").click()
    told(page, "probed")
    told(page, "works")


def test_a_key_is_made_used_rotated_and_revoked(site: Site, operator: Operator, page: Page) -> None:
    operator.open("keys")
    page.get_by_label("Name", exact=True).fill("dora")
    page.get_by_label("USD a day").fill("5")
    page.get_by_label("Requests a minute").fill("50")
    page.get_by_label("Tags").fill("team=sales")
    page.get_by_role("button", name="Make the key").click()
    first = page.locator("code.secret").inner_text()
    assert ask(site, first) == 200
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row", name=re.compile("dora"))
    assert first not in page.content()
    assert "team=sales" in row.inner_text()
    row.get_by_role("button", name="Rotate").click()
    page.get_by_label("The former value stays valid for").fill("0m")
    page.locator("form.stack button.danger").click()
    second = page.locator("code.secret").inner_text()
    assert second != first
    assert ask(site, second) == 200
    page.get_by_role("link", name="Done").click()
    page.get_by_role("row", name=re.compile("dora")).get_by_role("button", name="Revoke").click()
    page.locator("form.stack button.danger").click()
    told(page, "revoked")
    assert refused(site, page, second)
    assert refused(site, page, first)


def refused(site: Site, page: Page, key: str) -> bool:
    """Wait until both processes refuse a key."""
    for _ in range(40):
        if {ask(site, key) for _ in range(6)} == {401}:
            return True
        page.wait_for_timeout(250)
    return False


def test_a_wrong_key_form_says_what_is_wrong_and_keeps_what_was_written(operator: Operator, page: Page) -> None:
    operator.open("keys")
    page.get_by_label("Name", exact=True).fill("erik")
    page.get_by_label("Expires").fill("next summer")
    page.get_by_role("button", name="Make the key").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == "erik"
    operator.trouble.clear()  # the status of this page is an error


def test_a_changed_file_is_shown_and_reloaded(site: Site, operator: Operator, page: Page) -> None:
    file = site.cli.folder / "understudy.toml"
    before = file.read_text()
    file.write_text(before + '\n[[llm.routes]]\nname = "new-route"\ntargets = ["anthropic"]\n')
    try:
        operator.open("configuration")
        assert "differs from what is in use" in page.get_by_role("main").inner_text()
        page.get_by_role("button", name="Reload the file").click()
        told(page, "new-route")
        for _ in range(6):  # either process knows it
            assert ask(site, model="new-route") == 200
        file.write_text("[[llm.providers]]\nprovider = 1\n")
        operator.open("configuration")
        assert "is invalid" in page.get_by_role("main").inner_text()
    finally:
        file.write_text(before)


def test_a_prompt_is_tried_at_two_targets_side_by_side(operator: Operator, page: Page) -> None:
    operator.open("try")
    page.get_by_label("Prompt").fill("What is the capital of France?")
    page.get_by_label("Route or target").select_option("openai")
    page.get_by_label("Beside it").select_option("anthropic")
    page.get_by_role("button", name="Send").click()
    for pane in ("#pane-0", "#pane-1"):
        page.locator(pane).get_by_text("Paris").wait_for()
        page.locator(pane).get_by_role("link", name="see its waterfall").wait_for()
    assert "1. openai/" in page.locator("#pane-0").inner_text()
    assert "1. anthropic/" in page.locator("#pane-1").inner_text()
    page.locator("#pane-0").get_by_role("link", name="see its waterfall").click()
    page.get_by_role("heading", name="What was tried, and why").wait_for()


def test_a_prompt_is_tried_at_one_target_only(operator: Operator, page: Page) -> None:
    operator.open("try")
    page.get_by_label("Prompt").fill("What is the capital of France?")
    assert page.get_by_label("Beside it").input_value() == ""
    assert page.get_by_label("Beside it").locator("option:checked").inner_text() == "nothing"
    page.get_by_role("button", name="Send").click()
    page.locator("#pane-0").get_by_text("Paris").wait_for()
    assert page.locator("#pane-1").count() == 0


def test_requests_are_filtered_searched_explained_and_exported(site: Site, operator: Operator, page: Page) -> None:
    site.emulator.script("openai", [Fault.status(400, message="a very particular complaint")])
    assert ask(site, model="openai", messages=[{"role": "user", "content": "Fail, please."}]) in (400, 502)
    site.emulator.script("openai")
    told_requests(operator, page)
    page.get_by_label("Outcome").select_option("failed")
    page.wait_for_url(lambda url: "outcome=failed" in url)
    rows = page.get_by_label("Log").get_by_role("row")
    assert rows.count() >= 2
    assert "answered" not in page.get_by_label("Log").locator("tbody").inner_text()
    page.get_by_label("Log").locator("tbody a").first.click()
    page.get_by_role("heading", name="What was tried, and why").wait_for()
    assert "a very particular complaint" in page.get_by_role("main").inner_text()
    name = page.url.rpartition("/")[2]
    page.get_by_role("link", name="Where would it go now?").click()
    page.get_by_role("heading", level=1).wait_for()
    assert "openai" in page.get_by_role("main").inner_text()
    operator.open("requests")
    page.get_by_label("Request id").fill(name[:18])
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url(lambda url: url.endswith(f"requests/{name}"))  # the only one that begins so
    operator.open("requests?outcome=failed")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows_of_csv = list(csv.reader(io.StringIO(Path(download.value.path()).read_text())))
    assert len(rows_of_csv) >= 2


def told_requests(operator: Operator, page: Page) -> None:
    """Open the log once the last request is in it."""
    operator.open("requests")
    page.get_by_label("Log").get_by_text("failed").first.wait_for()


def test_money_is_split_in_another_way(operator: Operator, page: Page) -> None:
    operator.open("money")
    page.get_by_label("Split by").select_option("key")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("heading", name="By key", exact=True).wait_for()
    assert "carol" in page.get_by_role("main").inner_text()


def test_who_may_only_read_has_no_buttons(site: Site, browser: Browser) -> None:
    reader = Operator(browser, site)
    reader.sign_in("read")
    for path in ("providers/openai", "keys", "configuration", "try"):
        reader.open(path)
        buttons = reader.page.get_by_role("main").get_by_role("button")
        assert [each for each in buttons.all_inner_texts() if each not in ("", "Pause")] == [], path
    reader.context.close()
