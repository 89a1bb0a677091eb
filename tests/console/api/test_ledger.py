"""Requests, money, sessions and providers over the API, beside what callers were answered."""

from __future__ import annotations

import csv
import io
from urllib.parse import quote

import pytest

from tests.console.api.conftest import Kept
from tests.console.conftest import KEYS, bearer

READ = bearer(KEYS["read"])


async def test_a_request_is_found_with_its_attempts(used: Kept) -> None:
    listed = (await used.caller.get("/admin/v1/requests", READ)).json
    recovered, failed, answered = listed["requests"]
    assert (recovered["outcome"], recovered["provider"], recovered["route"]) == ("answered", "anthropic", "main")
    assert (failed["outcome"], answered["outcome"]) == ("failed", "answered")
    assert answered["key"] == "carol"
    detail = (await used.caller.get(f"/admin/v1/requests/{recovered['id']}", READ)).json
    assert detail["request"] == recovered
    states = [(each["provider"], each["state"]) for each in detail["attempts"]]
    assert states[0] == ("openai", "failed")
    assert states[-1] == ("anthropic", "succeeded")
    assert detail["attempts"][0]["failure"]["status"] == 503
    by_prefix = (await used.caller.get(f"/admin/v1/requests?id={recovered['id'][:-2]}", READ)).json
    assert recovered["id"] in [each["id"] for each in by_prefix["requests"]]


async def test_pages_of_requests_hold_each_once(used: Kept) -> None:
    seen, before = [], ""
    for _ in range(5):
        page = (await used.caller.get(f"/admin/v1/requests?limit=1&before={before}", READ)).json
        seen += [each["id"] for each in page["requests"]]
        if (before := page["next"]) is None:
            break
    whole = (await used.caller.get("/admin/v1/requests", READ)).json["requests"]
    assert seen == [each["id"] for each in whole]
    assert len(seen) == 3


async def test_filters_select(used: Kept) -> None:
    async def count(query: str) -> int:
        return len((await used.caller.get(f"/admin/v1/requests?{query}", READ)).json["requests"])

    assert await count("outcome=recovered") == 1
    assert await count("outcome=failed&key=carol") == 1
    assert await count("route=main&target=anthropic") == 1
    assert await count("key=nobody") == 0
    assert await count("until=1h") == 0


async def test_csv_has_the_same_requests(used: Kept) -> None:
    answer = await used.caller.get("/admin/v1/requests.csv?since=1h", READ)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    listed = (await used.caller.get("/admin/v1/requests", READ)).json["requests"]
    assert [(each["id"], each["outcome"]) for each in rows] == [(each["id"], each["outcome"]) for each in listed]


async def test_a_request_is_explained_today(used: Kept) -> None:
    recovered = (await used.caller.get("/admin/v1/requests?outcome=recovered", READ)).json["requests"][0]
    path = f"/admin/v1/requests/{recovered['id']}/explain"
    explained = (await used.caller.get(path, READ)).json
    assert explained["route"] == "main"
    assert sorted(each["provider"] for each in [*explained["steps"], *explained["skipped"]]) == ["anthropic", "openai"]
    order = bearer(KEYS["operate"])
    await used.caller.post("/admin/v1/orders", {"kind": "open", "entry": "openai"}, order)
    explained = (await used.caller.get(path, READ)).json
    reasons = {each["provider"]: each["why"] for each in (*explained["steps"], *explained["skipped"])}
    assert "disabled by the operator" in reasons["openai"]
    assert "disabled" not in reasons["anthropic"]


async def test_a_request_that_is_made_up_is_explained(used: Kept) -> None:
    explained = (await used.caller.post("/admin/v1/explain", {"prompt": "hi", "model": "anthropic"}, READ)).json
    assert explained["steps"][0]["provider"] == "anthropic"
    assert float(explained["steps"][0]["expected_cost_usd"]) > 0
    wrong = await used.caller.post("/admin/v1/explain", {"prompt": "hi", "model": "nothing/x"}, READ)
    assert wrong.status in (200, 400)
    assert wrong.status == 400 or wrong.json["problem"]


async def test_money_is_what_answers_cost(used: Kept) -> None:
    listed = (await used.caller.get("/admin/v1/requests", READ)).json["requests"]
    spent = sum(float(each["cost_usd"] or 0) for each in listed)
    money = (await used.caller.get("/admin/v1/money?by=key&days=2", READ)).json
    assert float(money["today"]["usage"]["cost_usd"]) == pytest.approx(spent, abs=1e-9)
    assert [each["value"] for each in money["values"]] == ["carol"]
    assert len(money["days"]) == 2
    assert [each["budget"] for each in money["budgets"]] == ["team"]


async def test_sessions_are_listed_and_opened(used: Kept) -> None:
    sessions = (await used.caller.get("/admin/v1/sessions", READ)).json["sessions"]
    name = sessions[0]["session"]
    detail = (await used.caller.get(f"/admin/v1/sessions/{quote(name, safe='')}", READ)).json
    assert detail["session"]["session"] == name
    assert detail["requests"]


async def test_providers_have_models_and_a_history(used: Kept) -> None:
    models = (await used.caller.get("/admin/v1/providers", READ)).json
    assert [each["provider"] for each in models["entries"]] == ["openai", "anthropic"]
    for source in ("fleet", "ledger"):
        history = (await used.caller.get(f"/admin/v1/providers/history?seconds=3600&source={source}", READ)).json
        openai = next(each for each in history["targets"] if each["provider"] == "openai")
        assert openai["windows"][0]["succeeded"] == 1
        assert openai["windows"][0]["failures"]["invalid_request"] == 1


async def test_now_says_who_stands_in(used: Kept) -> None:
    await used.caller.post("/admin/v1/orders", {"kind": "open", "entry": "openai"}, bearer(KEYS["operate"]))
    now = (await used.caller.get("/admin/v1/now", READ)).json
    states = {each["entry"]: each["state"] for each in now["targets"]}
    assert states["openai"] == "disabled"
    assert any(each["primary"].startswith("openai") and each["acting"] for each in now["stand_ins"])
    targets = (await used.caller.get("/admin/v1/targets", READ)).json
    assert targets["stand_ins"] == now["stand_ins"]


UNKNOWN = "01a22bdf-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    "path", ["requests/nothing", "requests/nothing/explain", "sessions/nothing", f"requests/{UNKNOWN}"]
)
async def test_what_is_unknown_is_not_found(path: str, used: Kept) -> None:
    answer = await used.caller.get(f"/admin/v1/{path}", READ)
    assert answer.status == 404
    assert answer.json["error"]["code"].startswith("unknown_")


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "before=x", "outcome=good", "tag=x"])
async def test_a_wrong_parameter_is_refused(query: str, used: Kept) -> None:
    answer = await used.caller.get(f"/admin/v1/requests?{query}", READ)
    assert answer.status == (200 if query == "before=x" else 400)
