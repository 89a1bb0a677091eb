"""`/metrics` of a gateway in front of emulated providers: what it states is what callers got."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.console.conftest import CALLER, KEYS, OpenConsole, bearer
from tests.gateway.asgi import Answer, Asgi
from tests.telemetry.prometheus.made import HOSTILE
from tests.telemetry.prometheus.reading import Samples, samples_of, value
from understudy.emulator import Emulator, Fault
from understudy.fleet.store import FleetUnavailable
from understudy.gateway.application import app
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.telemetry.prometheus.text import OPEN_METRICS, TEXT

OPENING = {"accept": "application/openmetrics-text"}
MAIN = {"entry": "main", "model": "gpt-4.1-mini", "operation": "text"}
BACKUP = {"entry": "backup", "model": "llama-3.3-70b-versatile"}
Served = tuple[Asgi, Emulator, SqliteLedger]
Serve = Callable[..., Awaitable[Served]]


async def scraped(caller: Asgi, **headers: str) -> Samples:
    answer = await caller.get("/metrics", {**bearer(KEYS["read"]), **headers})
    assert (answer.status, answer.headers["content-type"]) == (200, TEXT)
    return samples_of(answer.body)


async def chat(caller: Asgi, model: str = "main", **fields: Any) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], **fields}
    return await caller.post("/v1/chat/completions", body, bearer(CALLER))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Serve]:
    """Serve `main`, with `backup` behind it: both cost 1 USD for a million tokens in, 10 for a million out."""
    async with AsyncExitStack() as stack:

        async def open_(**tables: Any) -> Served:
            emulator = await stack.enter_async_context(Emulator(("openai", "groq")))
            given: dict[str, Any] = {"api_key": emulator.key, "price": {"input": 1.0, "output": 10.0}}
            providers: list[dict[str, Any]] = [
                {"name": "main", "provider": "openai", "text_model": "gpt-4.1-mini", **given},
                {
                    "name": "backup",
                    "provider": "groq",
                    "text_model": "llama-3.3-70b-versatile",
                    "priority": 20,
                    **given,
                },
            ]
            for each in providers:
                each["base_url"] = emulator.url(each["provider"])
            path = tmp_path / "ledger"
            ledger = SqliteLedger(path)
            stack.callback(ledger.close)
            console = {"keys": [{"name": scope, "key": key, "scope": scope} for scope, key in KEYS.items()]}
            llm = {
                "providers": providers,
                "console": console,
                "gateway": {"keys": [{"name": "carol", "key": CALLER}]},
                "ledger": {"path": str(path)},
                **tables,
            }
            gateway = app({"llm": llm}, sink=ledger)
            stack.push_async_callback(gateway.aclose)
            return Asgi(gateway), emulator, ledger

        yield open_


async def test_what_callers_got_is_what_is_counted(served: Serve) -> None:
    caller, _, _ = await served()
    answers = [await chat(caller) for _ in range(3)]
    streamed = await chat(caller, stream=True)
    assert (await chat(caller, model="nonsense/unknown")).status == 404
    samples = await scraped(caller)
    assert streamed.status == 200
    assert value(samples, "understudy_requests_total", face="openai", outcome="answered") == 4
    assert value(samples, "understudy_requests_total", face="openai", outcome="refused") == 1
    assert value(samples, "understudy_responses_total", face="openai", status="200") == 4
    assert value(samples, "understudy_responses_total", face="openai", status="404") == 1
    assert value(samples, "understudy_request_duration_seconds_count", face="openai") == 5
    assert value(samples, "understudy_attempts_total", **MAIN, outcome="succeeded") == 4
    usage = [each.json["usage"] for each in answers]
    stated = [value(samples, "understudy_tokens_total", **MAIN, class_=name) or 0 for name in ("input", "cache_read")]
    known = sum(each["prompt_tokens"] for each in usage)
    assert sum(stated) >= known > 0  # and those of the stream
    assert value(samples, "understudy_first_content_seconds_count", **MAIN) == 1
    assert value(samples, "understudy_attempt_duration_seconds_count", **MAIN) == 4
    assert value(samples, "understudy_target_state", **MAIN, state="closed") == 1
    assert value(samples, "understudy_ledger_writable") == 1
    assert value(samples, "understudy_workers") == 1


async def test_a_gateway_without_a_ledger_does_not_state_that_it_can_be_written(operated: OpenConsole) -> None:
    caller, _ = await operated()
    assert value(await scraped(caller), "understudy_ledger_writable") is None


async def test_cost_is_that_of_the_answers(served: Serve) -> None:
    caller, _, _ = await served()
    costs = [float((await chat(caller)).headers["x-understudy-cost-usd"]) for _ in range(3)]
    assert value(await scraped(caller), "understudy_cost_usd_total", **MAIN) == pytest.approx(sum(costs), abs=1e-12)
    assert sum(costs) > 0


async def test_money_and_tokens_are_those_of_the_ledger_to_the_nano_dollar(served: Serve) -> None:
    caller, emulator, ledger = await served(routes=[{"name": "fast", "targets": ["main", "backup"]}])
    emulator.script("openai", [None, Fault.status(500), None, Fault.cut(after=2)], always=Fault.status(429))
    for number in range(12):
        await chat(caller, model="fast", stream=number % 3 == 0)
    ledger.flush()
    text = (await caller.get("/metrics", bearer(KEYS["read"]))).text
    samples = samples_of(text.encode())
    with LedgerReader(ledger.path) as reader:
        sums = reader.usage("provider")
    assert sums.keys() == {"main", "backup"}
    for entry, of_entry in sums.items():
        labels = {**MAIN, **(BACKUP if entry == "backup" else {})}
        (cost,) = re.findall(rf'^understudy_cost_usd_total{{entry="{entry}".*}} (\S+)$', text, re.MULTILINE)
        assert Decimal(cost) * 10**9 == of_entry.cost
        assert value(samples, "understudy_unknown_cost_attempts_total", **labels) == of_entry.unpriced
        attempts = [
            value(samples, "understudy_attempts_total", **labels, outcome=outcome) or 0
            for outcome in ("succeeded", "failed", "aborted")
        ]
        assert (sum(attempts), attempts[0]) == (of_entry.attempts, of_entry.succeeded)


async def test_a_primary_that_fails_is_seen_with_its_stand_in(served: Serve) -> None:
    caller, emulator, _ = await served(routes=[{"name": "fast", "targets": ["main", "backup"]}])
    emulator.script("openai", always=Fault.status(429, retry_after=30))
    answer = await chat(caller, model="fast")
    assert (answer.status, answer.headers["x-understudy-provider"]) == (200, "backup")
    samples = await scraped(caller)
    assert value(samples, "understudy_attempt_failures_total", **MAIN, kind="rate_limited") == 1
    assert value(samples, "understudy_attempts_total", **{**MAIN, **BACKUP}, outcome="succeeded") == 1
    assert value(samples, "understudy_requests_total", face="openai", outcome="answered") == 1
    assert value(samples, "understudy_target_state", **MAIN, state="cooldown") == 1
    assert value(samples, "understudy_target_blocked_workers", **MAIN) == 1
    assert 25 < (value(samples, "understudy_target_cooldown_seconds", **MAIN) or 0) <= 30
    stand_in = {"route": "fast", "primary": "main/gpt-4.1-mini", "acting": f"backup/{BACKUP['model']}"}
    assert value(samples, "understudy_stand_in_workers", **stand_in) == 1


async def test_budgets_are_read_from_the_ledger(served: Serve) -> None:
    budget = {"name": "team", "max": 5, "period": "total", "hard": True}
    caller, _, ledger = await served(budgets=[budget])
    cost = float((await chat(caller)).headers["x-understudy-cost-usd"])
    labels = {"budget": "team", "subject": "", "period": "total"}
    ledger.flush()
    samples = await scraped(caller)
    assert value(samples, "understudy_budget_spent_usd", **labels) == pytest.approx(cost, abs=1e-12)
    assert value(samples, "understudy_budget_left_usd", **labels) == pytest.approx(5 - cost, abs=1e-12)
    assert value(samples, "understudy_budget_max_usd", **labels) == 5


async def test_metrics_without_a_readable_ledger_have_no_budgets(operated: OpenConsole, tmp_path: Path) -> None:
    folder = {"path": str(tmp_path)}  # cannot be opened
    caller, _ = await operated(budgets=[{"name": "team", "max": 5}], ledger=folder)
    samples = await scraped(caller)
    assert value(samples, "understudy_workers") == 1
    assert not [name for name, _ in samples if name.startswith("understudy_budget")]


async def test_the_format_is_negotiated(operated: OpenConsole) -> None:
    caller, _ = await operated()
    answer = await caller.get("/metrics", {**bearer(KEYS["read"]), **OPENING})
    assert (answer.status, answer.headers["content-type"]) == (200, OPEN_METRICS)
    assert samples_of(answer.body, is_open=True)
    assert answer.body.endswith(b"\n# EOF\n")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("scope", KEYS)
async def test_every_admin_key_reads_metrics(scope: str, operated: OpenConsole) -> None:
    caller, _ = await operated()
    assert (await caller.get("/metrics", bearer(KEYS[scope]))).status == 200


@pytest.mark.parametrize("headers", [{}, bearer(CALLER), bearer("wrong"), {"authorization": "Basic eDp5"}])
async def test_nothing_else_does(headers: dict[str, str], operated: OpenConsole) -> None:
    caller, _ = await operated()
    answer = await caller.get("/metrics", headers)
    assert (answer.status, answer.headers["content-type"]) == (401, "text/plain; charset=utf-8")
    assert "understudy_" not in answer.text


async def test_open_metrics_need_no_key(operated: OpenConsole) -> None:
    caller, _ = await operated(console={"open_metrics": True})
    assert (await caller.get("/metrics")).status == 200


async def test_no_metrics_if_the_console_is_switched_off(operated: OpenConsole) -> None:
    caller, _ = await operated(console={"enabled": False})
    assert (await caller.get("/metrics")).status == 404


@pytest.mark.parametrize("kept", ["database", "file"])
async def test_a_worker_that_never_wrote_knows_that_the_database_is_away(
    kept: str, operated: OpenConsole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which worker answers is a matter of chance, and an alert needs the same answer for a minute. The workers with a
    ledger in a file meet in another file, which says nothing of the ledger."""
    with socket.socket() as reserved:  # nothing listens at its port
        reserved.bind(("127.0.0.1", 0))
        url = f"postgresql://127.0.0.1:{reserved.getsockname()[1]}/understudy"
        place = {"url": url} if kept == "database" else {"path": str(tmp_path / "ledger.db")}
        caller, gateway = await operated(ledger=place)

        async def away() -> None:
            raise FleetUnavailable("it is away")

        monkeypatch.setattr(gateway.fleet, "instance_totals", away)
        samples = await scraped(caller)
    assert value(samples, "understudy_fleet_up") == 0
    assert (value(samples, "understudy_ledger_writable") == 0) == (kept == "database")


async def test_without_what_other_workers_counted_there_are_gauges_alone(
    operated: OpenConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, gateway = await operated()
    assert (await chat(caller, model="openai")).status == 200

    async def away() -> None:
        raise FleetUnavailable("it is away")

    monkeypatch.setattr(gateway.fleet, "instance_totals", away)
    samples = await scraped(caller)
    assert value(samples, "understudy_fleet_up") == 0
    assert value(samples, "understudy_requests_in_flight") == 0
    assert value(samples, "understudy_workers") is None
    assert not [name for name, _ in samples if name.endswith(("_total", "_bucket"))]


async def test_counters_of_configured_targets_begin_with_zero(served: Serve) -> None:
    """One that begins with 1 shows no increase."""
    caller, _, _ = await served()
    samples = await scraped(caller)
    for outcome in ("succeeded", "failed", "aborted"):
        assert value(samples, "understudy_attempts_total", **MAIN, outcome=outcome) == 0
        assert value(samples, "understudy_attempts_total", **{**MAIN, **BACKUP}, outcome=outcome) == 0
    assert value(samples, "understudy_cost_usd_total", **MAIN) == 0


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
async def test_names_that_callers_write_break_nothing(name: str, served: Serve) -> None:
    budget = {"name": "each", "max": 5, "per": "session"}
    caller, _, ledger = await served(budgets=[budget])
    await chat(caller, model=f"main/{name}")
    await chat(caller, model=name)
    await chat(caller, safety_identifier=name, user=name, metadata={"session_id": name})
    ledger.flush()
    for accept in (TEXT, OPEN_METRICS):
        answer = await caller.get("/metrics", {**bearer(KEYS["read"]), "accept": accept})
        assert answer.status == 200
        samples = samples_of(answer.body, is_open=accept is OPEN_METRICS)
        assert value(samples, "understudy_workers") == 1
        assert not [each for each in answer.text if (each < " " and each != "\n") or "\x7f" <= each <= "\x9f"]


async def test_no_secret_is_stated(served: Serve) -> None:
    caller, emulator, _ = await served()
    await chat(caller)
    text = (await caller.get("/metrics", bearer(KEYS["read"]))).text
    assert not [each for each in (emulator.key, CALLER, *KEYS.values()) if each in text]
