"""What the access log states about requests, however they end, and what it never states."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.gateway.conftest import Open
from tests.gateway.test_app import ALICE, HI, KEYS
from understudy.domain.failures import FailureKind
from understudy.emulator import Fault
from understudy.gateway.access_log import AccessRecord, line_of
from understudy.gateway.application import Gateway
from understudy.gateway.sealing import BEGINNING


def logged(gateway: Gateway) -> list[AccessRecord]:
    """Return the list to which the gateway logs from now on."""
    found: list[AccessRecord] = []
    gateway.access_log = found.append
    return found


def chat(model: str, *, stream: bool = False) -> dict[str, object]:
    return {"model": model, "messages": HI, "stream": stream}


async def test_an_answer_is_recorded_with_what_it_took(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai", "anthropic", gateway=KEYS)
    records = logged(gateway)
    emulator.script("openai", Fault.status(503, retry_after=0.01))
    answer = await caller.post("/v1/chat/completions", chat("openai"), ALICE)
    (record,) = records
    assert (record.method, record.route, record.key) == ("POST", "/v1/chat/completions", "alice")
    assert (record.status, record.outcome) == (200, "answered")
    assert record.id == answer.headers["x-understudy-request-id"]
    assert (record.provider, record.model_asked) == (answer.headers["x-understudy-provider"], "openai")
    assert record.attempts == int(answer.headers["x-understudy-attempts"]) > 1
    usage = answer.json["usage"]
    assert (record.input_tokens, record.output_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert record.first_ms is None
    assert record.ms > 0
    line = line_of(record)
    assert b"hi" not in line.replace(b"anthropic", b"")
    assert ALICE["authorization"].removeprefix("Bearer ").encode() not in line


async def test_a_stream_is_recorded_with_its_first_event(opened: Open) -> None:
    caller, _, gateway = await opened("openai")
    records = logged(gateway)
    await caller.post("/v1/messages", {**chat("openai", stream=True), "max_tokens": 50})
    (record,) = records
    assert record.outcome == "answered"
    assert record.first_ms is not None
    assert 0 < record.first_ms <= record.ms
    assert record.output_tokens


@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_left_out_is_recorded(opened: Open, stream: bool) -> None:
    caller, _, gateway = await opened("openai")
    records = logged(gateway)
    fields = {"top_k": 5, "max_tokens": 50}
    answer = await caller.post("/v1/messages", {**chat("openai", stream=stream), **fields}, ALICE)
    (record,) = records
    assert [each.partition(":")[0] for each in record.warnings] == ["dropped top_k"]
    assert answer.headers["x-understudy-warnings"] == "; ".join(record.warnings)


async def test_a_sealed_value_that_does_not_open_is_recorded(opened: Open) -> None:
    caller, _, gateway = await opened("openai")
    records = logged(gateway)
    item = {"type": "compaction", "encrypted_content": f"{BEGINNING}pAAAA"}
    await caller.post("/v1/responses", {"model": "openai", "input": [item, *HI]})
    assert [each.partition(":")[0] for each in records[0].warnings] == ["dropped compaction"]


async def test_what_a_request_lost_is_recorded_whichever_target_answers(opened: Open) -> None:
    caller, emulator, gateway = await opened("anthropic", "openai")
    records = logged(gateway)
    emulator.script("anthropic", always=Fault.status(503, retry_after=0.01))
    sealed = {"type": "thinking", "thinking": "so", "signature": f"{BEGINNING}pAAAA"}
    turns = [{"role": "assistant", "content": [sealed, {"type": "text", "text": "yes"}]}, *HI]
    body = {"messages": [*HI, *turns], "max_tokens": 50, "system": "x" * 20_000, "model": "anthropic"}
    await caller.post("/v1/messages", body, {"x-understudy-models": "anthropic, openai"})
    assert records[0].provider == "openai"
    assert "dropped thinking" in [each.partition(":")[0] for each in records[0].warnings]


async def test_embeddings_are_recorded(opened: Open) -> None:
    caller, _, gateway = await opened("openai")
    records = logged(gateway)
    await caller.post("/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": ["a"]})
    assert [(each.outcome, each.provider, each.attempts) for each in records] == [("answered", "openai", 1)]


async def test_each_end_has_its_name(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai", gateway=KEYS)
    records = logged(gateway)
    await caller.post("/v1/chat/completions", chat("openai"))
    await caller.post("/v1/chat/completions", {"model": "openai"}, ALICE)
    await caller.get("/nothing/here")
    await caller.get("/health/live")
    emulator.script("openai", always=FailureKind.BILLING)
    await caller.post("/v1/chat/completions", chat("openai"), ALICE)
    assert [(each.route, each.status, each.outcome, each.key, each.attempts) for each in records] == [
        ("/v1/chat/completions", 401, "refused", None, 0),
        ("/v1/chat/completions", 400, "refused", "alice", 0),
        (None, 404, "refused", None, 0),
        ("/health/live", 200, "answered", None, 0),
        ("/v1/chat/completions", records[-1].status, "failed", "alice", 1),
    ]
    assert records[-1].provider == "openai"


async def test_a_broken_stream_is_interrupted(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai")
    records = logged(gateway)
    emulator.script("openai", always=Fault.cut(2))
    await caller.post("/v1/chat/completions", chat("openai", stream=True))
    assert [(each.status, each.outcome) for each in records] == [(200, "interrupted")]


async def test_a_caller_who_leaves_is_named_so(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai")
    records = logged(gateway)
    emulator.script("openai", always=Fault.stall(1))
    left = asyncio.Event()
    body = json.dumps(chat("openai", stream=True)).encode()
    sending = asyncio.create_task(caller.send("POST", "/v1/chat/completions", body, leave=left))
    while not emulator.requests("openai"):
        await asyncio.sleep(0.005)
    left.set()
    await sending
    assert [each.outcome for each in records] == ["client_left"]


async def test_what_draining_ends_is_a_shutdown(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai")
    records = logged(gateway)
    emulator.script("openai", always=Fault.endless(0.01))
    body = json.dumps(chat("openai", stream=True)).encode()
    sending = asyncio.create_task(caller.send("POST", "/v1/chat/completions", body))
    while not emulator.requests("openai"):
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    await gateway.drain(0)
    await sending
    assert [(each.status, each.outcome) for each in records] == [(200, "shutdown")]
