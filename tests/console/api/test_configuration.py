"""The configuration over the API: without secrets, with what a reload would change, and reloaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.console.conftest import KEYS, OpenConsole, bearer
from tests.console.test_workers import ADMIN, Answer
from tests.gateway.serving.running_gateway import Served, configuration, serve
from understudy.config import parse
from understudy.emulator import Emulator
from understudy.reports.configuration import report_configuration

SECRETS = {
    "OPENAI_API_KEY": "sk-canary-openai-0123456789",
    "PEPPER": "canary-pepper-0123456789",
    "SECRET": "canary-secret-0123456789",
    "FORMER": "canary-former-0123456789",
    "CALLER": "canary-caller-0123456789",
    "ADMIN": "canary-admin-0123456789",
    "PASSWORD": "canary-password-0123456789",
}
TEXT = """
[[llm.providers]]
provider = "openai"
api_key = ["${OPENAI_API_KEY}"]
proxy = "http://user:${PASSWORD}@proxy.example:3128"
headers = { "x-team" = "search" }
max_tokens = 100

[llm.gateway]
secret = "${SECRET}"
former_secrets = ["${FORMER}"]
key_pepper = "${PEPPER}"

[[llm.gateway.keys]]
name = "carol"
key = "${CALLER}"

[[llm.console.keys]]
name = "alice"
key = "${ADMIN}"

[llm.ledger]
url = "postgresql://ledger:${PASSWORD}@db.example/ledger"
limits_url = "redis://:${PASSWORD}@cache.example:6379"
"""


def test_no_secret_is_in_the_report() -> None:
    report = report_configuration(parse(TEXT, environ=SECRETS))
    tables = {(each.table, each.name): {one.key: one for one in each.settings} for each in report.tables}
    shown = json.dumps([[one.value for one in each.settings] for each in report.tables])
    assert [value for value in SECRETS.values() if value in shown] == []
    entry = tables["llm.providers", "openai"]
    assert (entry["max_tokens"].value, entry["max_tokens"].is_default) == (100, False)
    assert entry["timeout"].is_default
    assert entry["headers"].value == {"x-team": "search"}
    assert tables["llm.console.keys", "alice"]["key"].value == "(secret)"
    assert tables["llm.gateway", None]["port"].value == 8484


def test_prices_are_in_dollars_as_they_are_written_and_empty_tables_are_defaults() -> None:
    price = "{ input = 0.59, output = 2, as_of = '2026-11-01', tiers = [{ above = 200000, input = 1.5 }] }"
    text = f'[[llm.providers]]\nprovider = "openai"\nprice = {price}\nprices.mini = {{ call = 0.005 }}\n'
    report = report_configuration(parse(text, environ={"OPENAI_API_KEY": "key"}))
    entry = {each.key: each for each in report.tables[0].settings}
    tier = {"above": 200_000, "input": 1.5, "output": 2.0}  # what a tier omits is as in the price
    assert entry["price"].value == {"input": 0.59, "output": 2.0, "as_of": "2026-11-01", "tiers": [tier]}
    assert entry["prices"].value == {"mini": {"input": 0.0, "output": 0.0, "call": 0.005}}
    assert [key for key in ("fees", "headers", "extra", "capabilities") if not entry[key].is_default] == []


async def test_an_application_without_a_file_is_not_reloaded(operated: OpenConsole) -> None:
    caller, _ = await operated()
    answer = await caller.get("/admin/v1/configuration", bearer(KEYS["read"]))
    assert answer.status == 200
    assert (answer.json["source"], answer.json["pending"]) == (None, None)
    assert [value for value in KEYS.values() if value in answer.text] == []
    assert (await caller.post("/admin/v1/configuration/reload", {}, bearer(KEYS["manage"]))).status == 409


async def test_entries_are_checked(operated: OpenConsole) -> None:
    caller, _ = await operated()
    described = (await caller.get("/admin/v1/check", bearer(KEYS["read"]))).json["entries"]
    assert [(each["name"], each["ok"]) for each in described] == [("openai", None), ("anthropic", None)]
    checked = (await caller.post("/admin/v1/check", {}, bearer(KEYS["operate"]))).json["entries"]
    assert [(each["name"], each["ok"]) for each in checked] == [("openai", True), ("anthropic", True)]


def ask(served: Served, method: str, path: str, key: str = KEYS["manage"]) -> Answer:
    """Send a request to one of the workers."""
    return Answer(served.port, method, path, b"", bearer(key))


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_all_workers_use_what_is_reloaded(workers: str, tmp_path: Path) -> None:
    async with Emulator(["openai"]) as emulator:
        text = configuration(emulator) + ADMIN
        async with serve(tmp_path, text, "--workers", workers) as served:
            first = json.loads(ask(served, "GET", "/admin/v1/configuration").text)
            assert (first["pending"], first["invalid"]) == ([], None)
            served.cli.configure(text.replace(KEYS["read"], "another-reader-0123456789"))
            pending = json.loads(ask(served, "GET", "/admin/v1/configuration").text)["pending"]
            assert pending == ['console key "read" changed: key']
            answer = ask(served, "POST", "/admin/v1/configuration/reload")
            assert (answer.status, json.loads(answer.text)) == (200, {"changed": pending})
            for _ in range(8):
                assert ask(served, "GET", "/admin/v1/self", KEYS["read"]).status == 401
                assert ask(served, "GET", "/admin/v1/self", "another-reader-0123456789").status == 200
            served.cli.configure(text + "\n[llm.gateway]\nport = true\n")
            answer = ask(served, "POST", "/admin/v1/configuration/reload")
            assert (answer.status, json.loads(answer.text)["error"]["code"]) == (422, "invalid_configuration")
            assert "port" in str(json.loads(ask(served, "GET", "/admin/v1/configuration").text)["invalid"])
