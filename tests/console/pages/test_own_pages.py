"""The pages that need nothing but the gateway itself: signing in, errors, files, and trying a prompt."""

from __future__ import annotations

import json

import pytest

from tests.console.conftest import Browser, OpenConsole
from tests.console.pages.html import faults, read, words_of


async def test_the_sign_in_has_a_form_and_states_what_is_wrong(operated: OpenConsole) -> None:
    caller, _ = await operated()
    browser = Browser(caller)
    page = await browser.get("/console/sign-in")
    assert page.status == 200
    assert faults(page.text) == []
    refused = await browser.post("/console/sign-in", {"key": "wrong"})
    assert refused.status == 401
    assert faults(refused.text) == []
    alerts = [words_of(each) for each in read(refused.text).iter("p") if each.attrib.get("role") == "alert"]
    assert len(alerts) == 1
    assert "wrong" not in alerts[0]
    assert alerts[0][:1].isupper(), "it is a sentence"


async def test_an_unknown_page_is_an_error_within_the_console(operated: OpenConsole) -> None:
    caller, _ = await operated()
    browser = Browser(caller)
    outside = await browser.get("/console/nothing")
    await browser.sign_in("read")
    inside = await browser.get("/console/nothing")
    assert (outside.status, inside.status) == (404, 404)
    assert faults(outside.text) == faults(inside.text) == []
    assert "Sign out" in inside.text
    assert "Sign out" not in outside.text


@pytest.mark.parametrize(
    ("name", "kind"), [("console.css", "text/css"), ("console.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
)
async def test_files_are_kept_by_browsers_under_the_address_of_their_content(
    operated: OpenConsole, name: str, kind: str
) -> None:
    caller, _ = await operated()
    browser = Browser(caller)
    page = (await browser.get("/console/sign-in")).text
    address = next(each for each in page.split('"') if each.startswith(f"/console/static/{name}?v="))
    kept, plain = await browser.get(address), await browser.get(f"/console/static/{name}")
    assert kept.status == plain.status == 200
    assert kept.headers["content-type"].startswith(kind)
    assert "immutable" in kept.headers["cache-control"]
    assert plain.headers["cache-control"] == "no-cache"
    assert kept.body == plain.body


@pytest.mark.parametrize("name", ["other.css", "..%2F__init__.py", "%2e%2e", "console.css%00"])
async def test_no_other_file_is_served(operated: OpenConsole, name: str) -> None:
    caller, _ = await operated()
    assert (await Browser(caller).get(f"/console/static/{name}")).status == 404


async def test_a_prompt_is_answered_by_two_targets_side_by_side(operated: OpenConsole) -> None:
    caller, _ = await operated()
    browser = Browser(caller)
    await browser.sign_in("operate")
    form = await browser.get("/console/try")
    assert faults(form.text) == []
    page = await browser.post("/console/try", {**token(form.text), "prompt": "Hello", "other": "anthropic"})
    assert page.status == 200, page.text
    assert faults(page.text) == []
    document = read(page.text)
    panes = [each for each in document.iter("section") if each.attrib.get("id", "").startswith("pane-")]
    assert [words_of(next(each.iter("h2"))) for each in panes] == ["the usual choice", "anthropic"]
    for pane in panes:
        assert "answered" in words_of(pane)
        assert words_of(next(pane.iter("pre")))
        assert words_of(next(pane.iter("dl"))).startswith("Cost")


async def test_the_script_gets_the_answer_piece_by_piece(operated: OpenConsole) -> None:
    caller, _ = await operated()
    browser = Browser(caller)
    await browser.sign_in("operate")
    fields = {**token((await browser.get("/console/try")).text), "prompt": "Hello", "target": "openai"}
    answer = await browser.post("/console/try", fields, {"accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    first, *pieces, last = map(json.loads, answer.text.splitlines())
    assert 'id="pane-0"' in first["html"]
    assert last["pane"] == 0
    text = "".join(each["text"] for each in pieces)
    assert text
    assert text in last["html"]


async def test_what_fails_is_stated_with_its_attempts(operated: OpenConsole) -> None:
    caller, _ = await operated()
    browser = Browser(caller)
    await browser.sign_in("operate")
    fields = {**token((await browser.get("/console/try")).text), "prompt": "Hello", "target": "nowhere"}
    page = await browser.post("/console/try", fields)
    assert page.status == 200
    assert faults(page.text) == []
    pane = next(each for each in read(page.text).iter("section") if each.attrib.get("id") == "pane-0")
    assert "failed" in words_of(pane)
    assert "nowhere" in words_of(pane)


@pytest.mark.parametrize(("field", "value"), [("prompt", " "), ("max_tokens", "0"), ("max_tokens", "many")])
async def test_an_invalid_form_is_refused(operated: OpenConsole, field: str, value: str) -> None:
    caller, _ = await operated()
    browser = Browser(caller)
    await browser.sign_in("operate")
    fields = {**token((await browser.get("/console/try")).text), "prompt": "Hello", field: value}
    page = await browser.post("/console/try", fields)
    assert page.status == 400
    assert faults(page.text) == []


def token(html: str) -> dict[str, str]:
    """Return the hidden field that forms of a page send back."""
    found = next(each for each in read(html).iter("input") if each.attrib.get("name") == "csrf")
    return {"csrf": found.attrib["value"]}
