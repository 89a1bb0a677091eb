"""What a gateway knows of itself: states of targets, who stands in for whom, counts; and how it obeys an operator."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.gateway.conftest import Open
from understudy.domain.failures import FailureKind
from understudy.emulator import Fault
from understudy.fleet.orders import OrderKind
from understudy.gateway.application import app
from understudy.gateway.member import digest_of
from understudy.policy.health import Permit
from understudy.telemetry.snapshot import Snapshot, StandIn, TargetSnapshot, TargetState
from understudy.telemetry.states import LONGEST

CHAT = {"messages": [{"role": "user", "content": "Hello"}]}


def chat(model: str | None = None, **more: Any) -> dict[str, Any]:
    return {"model": model or "gpt-6-luna", **CHAT, **more}


def target(found: Snapshot, entry: str) -> TargetSnapshot:
    return next(each for each in found.targets if each.entry == entry and each.operation == "text")


async def test_a_gateway_that_was_not_asked(opened: Open) -> None:
    _, _, gateway = await opened("openai", "anthropic")
    found = gateway.fleet.snapshot()
    assert [(each.entry, each.state, each.why, each.in_flight) for each in found.targets] == [
        ("openai", TargetState.CLOSED, None, 0), ("anthropic", TargetState.CLOSED, None, 0),
    ]  # fmt: skip
    assert (found.stand_ins, found.faces, found.minutes, found.under_way, found.waiting) == ((), (), (), 0, 0)
    assert found.config == digest_of(gateway.config)
    assert not found.is_draining
    gateway.leave()
    assert gateway.fleet.snapshot().is_draining


async def test_requests_and_attempts_are_counted(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai", "anthropic")
    emulator.script("openai", [None, FailureKind.SERVER_ERROR])
    for _ in range(2):
        assert (await caller.post("/v1/chat/completions", chat())).status == 200
    assert (await caller.post("/v1/messages", chat("anthropic", stream=True, max_tokens=9))).status == 200
    assert (await caller.get("/v1/nowhere")).status == 404
    found = gateway.fleet.snapshot()
    assert {each.face: (each.outcome, each.status, each.count) for each in found.faces} == {
        "openai": ("answered", 200, 2), "anthropic": ("answered", 200, 1), "": ("refused", 404, 1),
    }  # fmt: skip
    assert (target(found, "openai").total.succeeded, target(found, "anthropic").total.succeeded) == (2, 1)
    assert target(found, "openai").total.failed == {"server_error": 1}
    assert target(found, "openai").provider_type == "openai"
    (minute,) = found.requests
    assert minute.outcomes == {"answered": 3}
    assert (minute.latency.count, minute.first.count) == (3, 1)


async def test_a_target_in_cooldown_and_who_stands_in(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai", "anthropic", "cohere")
    emulator.script("openai", always=Fault.status(429, retry_after=90))
    await caller.post("/v1/chat/completions", chat())
    found = gateway.fleet.snapshot()
    down = target(found, "openai")
    assert down.state is TargetState.COOLDOWN
    assert down.until == pytest.approx(found.at + 90, abs=5)
    assert down.why is not None
    assert down.why.startswith("rate_limited")
    (stand_in,) = found.stand_ins
    assert (stand_in.route, stand_in.primary, stand_in.until) == (None, "openai/gpt-6-luna", down.until)
    assert stand_in.acting is not None
    assert stand_in.acting.startswith("anthropic/")
    assert [(each.entry, each.state) for each in found.changes] == [("openai", TargetState.COOLDOWN)]
    await gateway.fleet.order(OrderKind.CLOSE, "openai", "ann")
    found = gateway.fleet.snapshot()
    assert (target(found, "openai").state, found.stand_ins) == (TargetState.CLOSED, ())
    assert [each.state for each in found.changes] == [TargetState.COOLDOWN, TargetState.CLOSED]


async def test_a_second_target_that_is_down_has_no_stand_in(opened: Open) -> None:
    _, _, gateway = await opened("openai", "anthropic")
    await gateway.fleet.order(OrderKind.OPEN, "anthropic", "ann")
    found = gateway.fleet.snapshot()
    assert (target(found, "anthropic").state, found.stand_ins) == (TargetState.DISABLED, ())


async def test_an_open_breaker_closes_by_order(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai", fallback={"max_attempts": 1})
    emulator.script("openai", always=Fault.status(500))
    for _ in range(5):
        await caller.post("/v1/chat/completions", chat())
    found = gateway.fleet.snapshot()
    assert target(found, "openai").state in (TargetState.OPEN, TargetState.HALF_OPEN)
    emulator.script("openai", ())
    await gateway.fleet.order(OrderKind.CLOSE, "openai", "ann")
    assert target(gateway.fleet.snapshot(), "openai").state is TargetState.CLOSED
    assert (await caller.post("/v1/chat/completions", chat())).status == 200


async def test_callers_do_not_learn_who_took_an_entry_out(opened: Open) -> None:
    caller, _, gateway = await opened("openai")
    await gateway.fleet.order(OrderKind.OPEN, "openai", "the-name-of-ann")
    answer = await caller.post("/v1/chat/completions", chat())
    assert answer.status == 503
    assert "the-name-of-ann" not in answer.text
    assert "disabled by the operator" in answer.text


async def test_routes_have_stand_ins_of_their_own(opened: Open) -> None:
    tables = {
        "routes": [
            {"name": "fixed", "targets": ["anthropic", "openai"]},
            {"name": "spread", "targets": ["openai", "anthropic"], "strategy": "round_robin"},
            {"name": "alone", "targets": ["openai"]},
        ]
    }
    _, _, gateway = await opened("openai", "anthropic", **tables)
    await gateway.fleet.order(OrderKind.OPEN, "openai", "ann")
    found = {each.route: each for each in gateway.fleet.snapshot().stand_ins}
    assert set(found) == {None, "spread", "alone"}, "the first target of `fixed` may be asked"
    assert found[None] == StandIn(
        route=None, primary="openai/gpt-6-luna", acting=found["spread"].acting, why="disabled by ann"
    )
    assert found["alone"].acting is None


async def test_what_is_ordered_outlives_a_reload(opened: Open) -> None:
    caller, _, gateway = await opened("openai", "anthropic")
    await gateway.fleet.order(OrderKind.DRAIN, "openai", "ann")
    await gateway.reload(gateway.config)
    found = gateway.fleet.snapshot()
    assert (target(found, "openai").state, target(found, "openai").why) == (TargetState.DISABLED, "drained by ann")
    answer = await caller.post("/v1/chat/completions", chat())
    assert answer.status == 200
    assert target(gateway.fleet.snapshot(), "anthropic").total.succeeded == 1
    await gateway.fleet.order(OrderKind.CLOSE, "openai", "ann")
    await gateway.reload(gateway.config)
    assert target(gateway.fleet.snapshot(), "openai").state is TargetState.CLOSED


async def test_a_target_drains_until_its_last_attempt_has_ended(opened: Open) -> None:
    _, _, gateway = await opened("openai")
    (site,) = gateway._sites()  # pyright: ignore[reportPrivateUsage]
    health = site.manager._engine.health  # pyright: ignore[reportPrivateUsage]
    one, *_ = site.manager.targets_of(None)
    permit = health.acquire(one, 0.0)
    assert isinstance(permit, Permit)
    await gateway.fleet.order(OrderKind.DRAIN, "openai", "ann")
    found = target(gateway.fleet.snapshot(), "openai")
    assert (found.state, found.in_flight) == (TargetState.DRAINING, 1)
    health.release(permit)
    found = target(gateway.fleet.snapshot(), "openai")
    assert (found.state, found.in_flight) == (TargetState.DISABLED, 0)


async def test_a_probe_reports_and_lifts_what_a_refused_key_left(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai")
    emulator.script("openai", always=FailureKind.AUTHENTICATION)
    await caller.post("/v1/chat/completions", chat())
    assert target(gateway.fleet.snapshot(), "openai").state is TargetState.COOLDOWN
    found = await gateway.fleet.order(OrderKind.PROBE, "openai", "ann")
    assert found.probe is not None
    assert (found.probe.ok, bool(found.probe.detail)) == (False, True)
    assert target(gateway.fleet.snapshot(), "openai").state is TargetState.COOLDOWN
    emulator.script("openai", ())
    found = await gateway.fleet.order(OrderKind.PROBE, "openai", "ann")
    assert found.probe is not None
    assert found.probe.ok
    assert target(gateway.fleet.snapshot(), "openai").state is TargetState.CLOSED


async def test_quotas_are_of_the_last_answer(opened: Open) -> None:
    caller, _, gateway = await opened("groq")
    assert (await caller.post("/v1/chat/completions", chat("groq"))).status == 200
    found = {each.unit: each for each in target(gateway.fleet.snapshot(), "groq").quotas}
    assert (found["requests"].left, found["requests"].limit) == (14399, 14400)
    resets = found["requests"].resets
    assert resets is not None
    assert 0 < resets < 6, "it is counted down"


async def test_models_that_callers_name_are_targets_too(opened: Open) -> None:
    caller, _, gateway = await opened("openai")
    assert (await caller.post("/v1/chat/completions", chat("openai/gpt-6-sol"))).status in (200, 404)
    found = {each.model for each in gateway.fleet.snapshot().targets}
    assert found == {"gpt-6-luna", "gpt-6-sol"}


async def test_a_reason_is_bounded(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai")
    emulator.script("openai", always=Fault.status(429, retry_after=90, message="wait " * 1000))
    await caller.post("/v1/chat/completions", chat())
    why = target(gateway.fleet.snapshot(), "openai").why
    assert why is not None
    assert len(why) <= LONGEST


def test_the_digest_of_a_configuration() -> None:
    """It changes with what is decided, and neither shows nor depends on what differs by machine."""

    def digest(**gateway: Any) -> str:
        entry = {"provider": "openai", "name": "one", "api_key": "secret", "text_model": "m"}
        return digest_of(app({"llm": {"providers": [entry], "gateway": gateway}}).config)

    assert digest() == digest(host="127.0.0.2", port=9)
    assert digest() != digest(affinity=False)
    assert len(digest()) == 16


def test_the_digest_is_the_same_in_every_process() -> None:
    """Whatever the order of its sets and the addresses of its functions."""
    code = """
from understudy.config import parse
from understudy.gateway.member import digest_of
text = '''
[llm.provider_types.mine]
base_url = "http://127.0.0.1:9/v1"
dialect = "openai"
[[llm.providers]]
provider = "mine"
api_key = "k"
text_model = "m"
'''
print(digest_of(parse(text, source="x", environ={})))
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
