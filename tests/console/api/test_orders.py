"""Orders over the API, and what callers see of them."""

from __future__ import annotations

import pytest

from tests.console.conftest import CALLER, KEYS, OpenConsole, bearer

HI = {"model": "openai", "messages": [{"role": "user", "content": "hi"}]}
OPERATE = bearer(KEYS["operate"])


async def test_an_entry_that_is_taken_out_is_not_asked(operated: OpenConsole) -> None:
    caller, _ = await operated()
    ordered = await caller.post("/admin/v1/orders", {"kind": "open", "entry": "openai"}, OPERATE)
    assert ordered.status == 201
    assert (ordered.json["kind"], ordered.json["entry"], ordered.json["by"]) == ("open", "openai", "operate")
    answer = await caller.post("/v1/chat/completions", HI, bearer(CALLER))
    assert answer.headers["x-understudy-provider"] == "anthropic"
    listed = (await caller.get("/admin/v1/orders", bearer(KEYS["read"]))).json
    assert list(listed["standing"]) == ["openai"]
    await caller.post("/admin/v1/orders", {"kind": "close", "entry": "openai"}, OPERATE)
    answer = await caller.post("/v1/chat/completions", HI, bearer(CALLER))
    assert answer.headers["x-understudy-provider"] == "openai"
    listed = (await caller.get("/admin/v1/orders", bearer(KEYS["read"]))).json
    assert [each["kind"] for each in listed["orders"]] == ["close", "open"]
    assert listed["standing"] == {}


@pytest.mark.parametrize("kind", ["open", "drain"])
async def test_the_last_entry_is_taken_out_only_if_that_is_confirmed(kind: str, operated: OpenConsole) -> None:
    caller, _ = await operated()
    first = await caller.post("/admin/v1/orders", {"kind": kind, "entry": "openai"}, OPERATE)
    assert first.status == 201
    last = {"kind": kind, "entry": "anthropic"}
    refused = await caller.post("/admin/v1/orders", last, OPERATE)
    error = refused.json["error"]
    assert (refused.status, error["code"], error["where"]) == (409, "last_entry", "confirm")
    assert 'send "confirm": true' in error["message"]
    assert list((await caller.get("/admin/v1/orders", OPERATE)).json["standing"]) == ["openai"]
    assert (await caller.post("/v1/chat/completions", HI, bearer(CALLER))).status == 200
    for other in ("probe", "close"):
        done = await caller.post("/admin/v1/orders", {"kind": other, "entry": "anthropic"}, OPERATE)
        assert done.status == 201, other
    assert (await caller.post("/admin/v1/orders", {**last, "confirm": True}, OPERATE)).status == 201
    assert (await caller.post("/v1/chat/completions", HI, bearer(CALLER))).status == 503
    document = (await caller.get("/admin/v1/openapi.json", OPERATE)).json
    assert document["components"]["schemas"]["NewOrder"]["properties"]["confirm"]["type"] == "boolean"
    assert "not confirmed" in document["paths"]["/admin/v1/orders"]["post"]["responses"]["409"]["description"]


async def test_a_probe_states_what_it_found(operated: OpenConsole) -> None:
    caller, _ = await operated()
    probed = await caller.post("/admin/v1/orders", {"kind": "probe", "entry": "openai"}, OPERATE)
    assert probed.json["probe"]["ok"] is True


async def test_an_order_is_checked(operated: OpenConsole) -> None:
    caller, _ = await operated()
    unknown = await caller.post("/admin/v1/orders", {"kind": "open", "entry": "nothing"}, OPERATE)
    assert (unknown.status, unknown.json["error"]["where"]) == (404, "entry")
    wrong = await caller.post("/admin/v1/orders", {"kind": "destroy", "entry": "openai"}, OPERATE)
    assert (wrong.status, wrong.json["error"]["where"]) == (400, "kind")
