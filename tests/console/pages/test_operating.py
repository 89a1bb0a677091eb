"""The pages that change something: orders to providers, virtual keys, and the configuration."""

from __future__ import annotations

from typing import Any

import pytest

from tests.console.conftest import Browser, bearer
from tests.console.pages.conftest import Served
from tests.console.pages.html import faults, read, words_of
from tests.console.pages.test_own_pages import token
from tests.console.pages.test_traffic_pages import rows
from understudy.emulator import Fault


async def post(served: Served, page: str, path: str, **fields: str) -> Any:
    """Send a form of a page, and return the answer."""
    form = await served.browser.get(page)
    answer = await served.browser.post(path, {**token(form.text), **fields})
    if answer.status != 303:
        assert faults(answer.text) == []
    return answer


async def state_of(served: Served, entry: str) -> str:
    return rows(await served.page(f"/console/providers/{entry}"), "Targets of this entry")[0]


async def test_an_entry_is_taken_out_and_asked_again(served: Served) -> None:
    assert "available" in await state_of(served, "main")
    done = await post(served, "/console/providers/main", "/console/providers/main/open")
    assert done.status == 303
    page = await served.page(done.headers["location"])
    notices = [words_of(each) for each in page.iter("section") if each.attrib.get("role") == "status"]
    assert notices[0].startswith("✕") is False
    assert "asked for nothing any more" in notices[0]
    assert "taken out" in await state_of(served, "main")
    assert "manage" in rows(page, "Operators' orders")[0]
    now = words_of(await served.page("/console/"))
    assert "main was taken out by manage" in now
    assert "backup/llama-3.3-70b-versatile stands in for main/gpt-4.1-mini" in now
    await served.ask()
    assert "backup" in rows(await served.page("/console/requests"), "Requests")[0]
    await post(served, "/console/providers/main", "/console/providers/main/close")
    assert "available" in await state_of(served, "main")


@pytest.mark.parametrize("kind", ["open", "drain"])
async def test_the_last_entry_is_taken_out_only_if_that_is_confirmed(served: Served, kind: str) -> None:
    await post(served, "/console/providers/main", "/console/providers/main/open")
    question = await post(served, "/console/providers/backup", f"/console/providers/backup/{kind}")
    assert question.status == 200
    assert "Take out backup, the last one?" in question.text
    assert "available" in await state_of(served, "backup")
    done = await post(served, "/console/providers/backup", f"/console/providers/backup/{kind}", confirmed="yes")
    assert done.status == 303
    assert "available" not in await state_of(served, "backup")
    assert "Some requests cannot be answered" in words_of(await served.page("/console/"))
    again = await post(served, "/console/providers/main", "/console/providers/main/close")
    assert again.status == 303


async def test_a_probe_states_what_it_found(served: Served) -> None:
    good = await post(served, "/console/providers/main", "/console/providers/main/probe")
    assert "It works" in words_of(await served.page(good.headers["location"]))
    served.emulator.script("openai", always=Fault.status(401))
    bad = await post(served, "/console/providers/main", "/console/providers/main/probe")
    assert "It does not work" in words_of(await served.page(bad.headers["location"]))


async def test_the_primary_that_fails_is_found_within_three_clicks(served: Served) -> None:
    """What is wrong, who stands in and the cost are on the first page; why a request went there is a click away."""
    served.emulator.script("openai", always=Fault.status(429, retry_after=30))
    assert await served.ask() == 200
    now = await served.page("/console/")
    text = words_of(now)
    assert "Requests are answered, but not all is well" in text
    assert "main/gpt-4.1-mini is not asked" in text
    assert "backup/llama-3.3-70b-versatile stands in for main/gpt-4.1-mini on route chat" in text
    assert "$" in text
    links = [each.attrib["href"] for each in now.iter("a")]
    failed = [each for each in links if "target=main" in each]
    assert len(failed) == 2, "the failures of a target, and those of a kind"
    for each in failed:
        assert len(rows(await served.page(each), "Requests")) == 1, "it was answered in the end, and is found"
    link = next(each for each in links if each.startswith("/console/requests/"))
    request = await served.page(link)
    assert words_of(next(request.iter("h1"))) == "main failed, backup answered"
    assert "rate limited" in rows(request, "Attempts in order")[0]
    entry = await served.page("/console/providers/main")
    assert "cooldown" in rows(entry, "Targets of this entry")[0]
    assert rows(entry, "Errors by kind") == ["rate limited1"]


@pytest.mark.parametrize("path", ["/console/providers/nobody", "/console/providers/%3Cscript%3E"])
async def test_an_unknown_entry_is_said_to_be_unknown(served: Served, path: str) -> None:
    await served.page(path, 404)
    assert (await post(served, "/console/providers/main", f"{path}/open")).status == 404


@pytest.mark.parametrize("window", ["1m", "5m", "15m", "1h", "6h", "24h"])
async def test_every_window_is_drawn(served: Served, window: str) -> None:
    await served.ask()
    await served.page(f"/console/providers?window={window}")
    page = await served.page(f"/console/providers/main?window={window}")
    assert sum(each.tag == "figure" for each in page.iter()) == 3
    assert "1 succeeded, 0 failed" in words_of(page)


async def test_a_key_is_made_shown_once_used_and_revoked(served: Served) -> None:
    fields = {"name": "alice", "models": "chat, main", "budget_day": "$5", "concurrent": "2", "tags": "team=search"}
    made = await post(served, "/console/keys", "/console/keys", **fields)
    assert made.status == 200, made.text
    value = next(words_of(each) for each in read(made.text).iter("code") if each.attrib.get("class") == "secret")
    assert value.startswith("usk-")
    listed = await served.page("/console/keys")
    assert value not in words_of(listed)
    row = rows(listed, "Virtual keys")[0]
    for words in ("alice", "valid", value[-4:], "chat, main", "$5.00 a day", "2 concurrent", "team=search"):
        assert words in row
    asked = await served.caller.post("/v1/chat/completions", {"model": "chat", "messages": []}, bearer(value))
    assert asked.status == 400  # the key is accepted, and the request has no message
    question = await post(served, "/console/keys", "/console/keys/alice/revoke")
    assert question.status == 200
    assert "Revoke the key of alice?" in question.text
    done = await post(served, "/console/keys", "/console/keys/alice/revoke", confirmed="yes")
    assert (done.status, done.headers["location"]) == (303, "/console/keys")
    assert "revoked" in rows(await served.page("/console/keys"), "Virtual keys")[0]


async def test_a_key_is_changed_by_the_form_as_it_is_filled_in(served: Served) -> None:
    fields = {"name": "dora", "models": "chat", "budget_day": "5", "concurrent": "2", "tags": "team=search"}
    await post(served, "/console/keys", "/console/keys", **fields)
    page = await served.page("/console/keys/dora")
    filled = {
        each.attrib["name"]: each.attrib.get("value", "")
        for each in page.iter("input")
        if each.attrib.get("type") == "text"
    }
    assert {name: value for name, value in filled.items() if value} == {
        name: value for name, value in fields.items() if name != "name"
    }
    done = await post(served, "/console/keys/dora", "/console/keys/dora", **{**filled, "budget_day": "7.5"})
    assert done.status == 200
    assert "It was changed" in done.text
    row = rows(await served.page("/console/keys"), "Virtual keys")[0]
    assert "$7.50 a day" in row
    assert "2 concurrent" in row
    wrong = await post(served, "/console/keys/dora", "/console/keys/dora", **{**filled, "concurrent": "0"})
    assert wrong.status == 400
    assert "It was not changed" in wrong.text
    await served.page("/console/keys/nobody", 404)


async def test_a_rotated_key_has_another_value(served: Served) -> None:
    first = await post(served, "/console/keys", "/console/keys", name="bob")
    question = await post(served, "/console/keys", "/console/keys/bob/rotate")
    assert "Rotate the key of bob?" in question.text
    second = await post(served, "/console/keys", "/console/keys/bob/rotate", confirmed="yes", overlap="1h")
    values = [
        words_of(each) for page in (first, second) for each in read(page.text).iter("code") if "id" in each.attrib
    ]
    assert len(set(values)) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("budget_day", "much"),
        ("concurrent", "0"),
        ("concurrent", "x"),
        ("expires", "soon"),
        ("tags", "a"),
    ],
)
async def test_what_is_wrong_with_a_new_key_is_stated_above_the_form_as_it_was(
    served: Served, field: str, value: str
) -> None:
    answer = await post(served, "/console/keys", "/console/keys", **{"name": "carla", field: value})
    assert answer.status == 400
    document = read(answer.text)
    assert any(each.attrib.get("role") == "alert" for each in document.iter("section"))
    filled = {each.attrib.get("name"): each.attrib.get("value") for each in document.iter("input")}
    assert filled[field] == value


async def test_a_reader_is_refused_every_change(served: Served) -> None:
    reader = Browser(served.caller)
    await reader.sign_in("read")
    fields = token((await reader.get("/console/keys")).text)
    for path in ("/console/providers/main/open", "/console/keys", "/console/keys/x/revoke", "/console/try",
                 "/console/configuration/reload"):  # fmt: skip
        answer = await reader.post(path, fields)
        assert answer.status == 403, path
        assert faults(answer.text) == []


async def test_the_configuration_shows_no_secret(served: Served) -> None:
    page = await served.page("/console/configuration")
    text = words_of(page)
    assert "(secret)" in text
    assert served.emulator.key not in text
    assert "There is no file to reload" in text
