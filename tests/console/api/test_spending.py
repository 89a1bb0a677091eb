"""Usage and budgets over the API, beside what the command line prints of the same ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.conftest import CALLER, KEYS, OpenConsole, bearer
from tests.gateway.asgi import Asgi
from understudy.client.ledger import open_ledger
from understudy.config import parse

READ = bearer(KEYS["read"])
HI = {"model": "openai", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
async def caller(operated: OpenConsole, tmp_path: Path) -> Asgi:
    """Return who asks a gateway with a budget, whose ledger has three requests."""
    path = tmp_path / "ledger.db"
    text = f'[[llm.providers]]\nprovider = "ollama"\n[llm.ledger]\npath = "{path}"\n'
    ledger = open_ledger(parse(text, environ={}))
    assert ledger is not None
    budgets = [{"name": "team", "max": 5, "period": "month"}]
    caller, _ = await operated(ledger={"path": str(path)}, budgets=budgets, sink=ledger)
    for _ in range(3):
        assert (await caller.post("/v1/chat/completions", HI, bearer(CALLER))).status == 200
    ledger.flush()
    return caller


async def test_usage_is_added_up(caller: Asgi) -> None:
    by_key = (await caller.get("/admin/v1/usage?by=key", READ)).json
    assert [(each["value"], each["requests"]) for each in by_key["usage"]] == [("carol", 3)]
    by_model = (await caller.get("/admin/v1/usage?by=provider&since=1h&key=carol&model=", READ)).json
    assert [(each["value"], each["succeeded"]) for each in by_model["usage"]] == [("openai", 3)]
    nothing = (await caller.get("/admin/v1/usage?by=day&key=other", READ)).json
    assert nothing["usage"] == []


async def test_budgets_have_what_is_left(caller: Asgi) -> None:
    usage = (await caller.get("/admin/v1/usage?by=key", READ)).json["usage"][0]
    (budget,) = (await caller.get("/admin/v1/budgets", READ)).json["budgets"]
    assert (budget["budget"], budget["max_usd"]) == ("team", "5")
    assert float(budget["spent_usd"]) == float(usage["cost_usd"]) > 0
    assert float(budget["left_usd"]) == pytest.approx(5 - float(usage["cost_usd"]), abs=1e-9)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("by=colour", "by"),
        ("since=yesterday", "since"),
        ("until=x", "until"),
        ("since=1e999", "since"),
        ("nothing=1", None),
        ("by=day&by=key", "by"),
        ("key=%ff", None),
    ],
)
async def test_a_wrong_parameter_is_named(caller: Asgi, query: str, where: str | None) -> None:
    answer = await caller.get(f"/admin/v1/usage?{query}", READ)
    assert answer.status == 400
    assert answer.json["error"]["where"] == where


async def test_without_a_ledger_the_reason_is_stated(operated: OpenConsole) -> None:
    caller, _ = await operated()
    answer = await caller.get("/admin/v1/usage", READ)
    assert (answer.status, answer.json["error"]["code"]) == (503, "ledger_unavailable")
    assert "enabled = false" in answer.json["error"]["message"]
