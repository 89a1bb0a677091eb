"""Virtual keys over the API: made, shown once, changed, rotated, revoked, and what callers can do with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.console.conftest import CALLER, KEYS, OpenConsole, bearer
from tests.gateway.asgi import Asgi

MANAGE = bearer(KEYS["manage"])
HI = {"model": "openai", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
async def caller(operated: OpenConsole, tmp_path: Path) -> Asgi:
    """Return who asks a gateway that keeps a ledger."""
    ledger = tmp_path / "ledger.db"
    gateway = {"keys": [{"name": "carol", "key": CALLER}], "key_pepper": "a-pepper-0123456789abcdef"}
    return (await operated(ledger={"path": str(ledger)}, gateway=gateway, file=ledger))[0]


async def made(caller: Asgi, **grants: Any) -> str:
    """Make a key, and return its value."""
    answer = await caller.post("/admin/v1/keys", {"name": "alice", **grants}, MANAGE)
    assert answer.status == 201, answer.text
    return str(answer.json["key"])


async def test_a_key_is_shown_once_and_admits_its_owner(caller: Asgi) -> None:
    value = await made(caller, models=["openai"], labels={"team": "search"}, requests_per_minute=5)
    assert value.startswith("usk-")
    assert (await caller.post("/v1/chat/completions", HI, bearer(value))).status == 200
    shown = await caller.get("/admin/v1/keys/alice", MANAGE)
    assert shown.json["ending"] == value[-4:]
    assert shown.json["labels"] == {"team": "search"}
    assert shown.json["limits"] == [{"requests_per_minute": 5}]
    listed = await caller.get("/admin/v1/keys", bearer(KEYS["read"]))
    assert [each["name"] for each in listed.json["virtual_keys"]] == ["alice"]
    assert value not in shown.text + listed.text


async def test_a_virtual_key_opens_no_console(caller: Asgi) -> None:
    value = await made(caller)
    assert (await caller.get("/admin/v1/self", bearer(value))).status == 401


async def test_a_key_is_changed_rotated_and_revoked(caller: Asgi) -> None:
    value = await made(caller, models=["nothing"])
    assert (await caller.post("/v1/chat/completions", HI, bearer(value))).status == 403
    budget = {"max_usd": "2.5", "period": "day"}
    changed = await caller.send(
        "PUT", "/admin/v1/keys/alice", b'{"budgets": [{"max_usd": "2.5", "period": "day"}]}', MANAGE
    )
    assert changed.json["models"] == []
    assert changed.json["budgets"] == [{"name": "day", "max": budget["max_usd"], "period": "day"}]
    rotated = await caller.post("/admin/v1/keys/alice/rotate", {"overlap": "0m"}, MANAGE)
    second = rotated.json["key"]
    assert second != value
    assert (await caller.post("/v1/chat/completions", HI, bearer(second))).status == 200
    assert (await caller.send("DELETE", "/admin/v1/keys/alice", b"", MANAGE)).status == 409
    revoked = await caller.post("/admin/v1/keys/alice/revoke", {}, MANAGE)
    assert revoked.json["state"] == "revoked"
    for action in ("rotate", "revoke"):
        answer = await caller.post(f"/admin/v1/keys/alice/{action}", {}, MANAGE)
        assert answer.status == (409 if action == "rotate" else 200)
    assert (await caller.send("PUT", "/admin/v1/keys/alice", b"{}", MANAGE)).status == 409
    assert (await caller.send("DELETE", "/admin/v1/keys/alice", b"", MANAGE)).status == 200
    assert (await caller.get("/admin/v1/keys/alice", MANAGE)).status == 404


@pytest.mark.parametrize(
    ("grants", "where"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\x1b[31m"}, "name"),
        ({"name": "\u202egnp.exe"}, "name"),
        ({"name": "carol"}, "name"),
        ({"name": "x", "routes": ["nowhere"]}, "routes"),
        ({"name": "x", "models": [" "]}, "models"),
        ({"name": "x", "labels": {"key": "y"}}, "labels"),
        ({"name": "x", "budgets": [{"max_usd": "-1"}]}, "budgets"),
        ({"name": "x", "budgets": [{"max_usd": "1e400"}]}, "budgets"),
        ({"name": "x", "budgets": [{"max_usd": "1"}, {"max_usd": "2"}]}, "budgets"),
        ({"name": "x", "budgets": [{"max_usd": "1", "period": "year"}]}, "budgets[0].period"),
        ({"name": "x", "concurrent": 0}, "concurrent"),
        ({"name": "x", "concurrent": "many"}, "concurrent"),
        ({"name": "x", "expires": "2020-01-01"}, "expires"),
        ({"name": "x", "expires": "soon"}, "expires"),
    ],
)
async def test_what_is_wrong_is_said_with_its_place(caller: Asgi, grants: dict[str, Any], where: str) -> None:
    answer = await caller.post("/admin/v1/keys", grants, MANAGE)
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_value")
    assert answer.json["error"]["where"] == where
    assert (await caller.get("/admin/v1/keys", MANAGE)).json["virtual_keys"] == []


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b'"x"', b"\xff", b'{"name": "x", "unknown": 1}', b"[" * 100_000]
)
async def test_a_malformed_body_is_refused(caller: Asgi, body: bytes) -> None:
    answer = await caller.post("/admin/v1/keys", body, MANAGE)
    assert answer.status == 400
    assert set(answer.json["error"]) == {"message", "code", "where"}


async def test_a_huge_body_is_refused(caller: Asgi) -> None:
    answer = await caller.post("/admin/v1/keys", b'{"name": "' + b"x" * (2 << 20) + b'"}', MANAGE)
    assert answer.status == 413


async def test_a_name_is_used_once(caller: Asgi) -> None:
    await made(caller)
    answer = await caller.post("/admin/v1/keys", {"name": "alice"}, MANAGE)
    assert (answer.status, answer.json["error"]["code"]) == (409, "name_taken")


@pytest.mark.parametrize("name", ["a b/c", "<script>alert(1)</script>", "é=%"])
async def test_any_printable_name_has_a_path(caller: Asgi, name: str) -> None:
    from urllib.parse import quote

    assert (await caller.post("/admin/v1/keys", {"name": name}, MANAGE)).status == 201
    answer = await caller.get(f"/admin/v1/keys/{quote(name, safe='')}", MANAGE)
    assert answer.json["name"] == name
    assert answer.headers["content-type"] == "application/json"


async def test_without_a_ledger_there_are_no_keys(operated: OpenConsole) -> None:
    caller, _ = await operated()
    answer = await caller.get("/admin/v1/keys", MANAGE)
    assert (answer.status, answer.json["error"]["code"]) == (503, "keys_unavailable")
