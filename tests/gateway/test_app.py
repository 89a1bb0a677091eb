"""The gateway as callers meet it: faces, keys, names, errors, and what becomes of a caller who leaves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.gateway.conftest import Open
from understudy.config import parse
from understudy.emulator import Fault

HI = [{"role": "user", "content": "hi"}]
KEYS = {
    "keys": [{"name": "alice", "key": "alice-0123456789abcdef", "models": ["openai"], "labels": {"team": "search"}}]
}
ALICE = {"authorization": "Bearer alice-0123456789abcdef"}


def asked(face: str, model: str, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """Return path and body of a request in a wire format, as its vendor documents it."""
    match face:
        case "openai":
            return "/v1/chat/completions", {"model": model, "messages": HI, "stream": stream}
        case "responses":
            return "/v1/responses", {"model": model, "input": "hi", "stream": stream}
        case "anthropic":
            return "/v1/messages", {"model": model, "messages": HI, "max_tokens": 50, "stream": stream}
        case "gemini":
            operation = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"/v1beta/models/{model}:{operation}", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
        case "cohere":
            return "/v2/chat", {"model": model, "messages": HI, "stream": stream}
    return "/api/chat", {"model": model, "messages": HI, "stream": stream}


END = {
    "openai": "data: [DONE]",
    "responses": "event: response.completed",
    "anthropic": "event: message_stop",
    "gemini": '"finishReason":"STOP"',
    "cohere": '"finish_reason":"COMPLETE"',
    "ollama": '"done":true',
}
"""What each vendor documents as the sign of a complete stream."""


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("face", END)
async def test_every_face_gets_an_answer_from_another_vendor(face: str, stream: bool, opened: Open) -> None:
    caller, _, _ = await opened("groq")
    path, body = asked(face, "groq", stream=stream)
    answer = await caller.post(path, body)
    assert answer.status == 200
    assert "the emulated Groq" in answer.text.replace('"}}\n', "") or "Groq" in answer.text
    assert answer.headers["x-understudy-provider"] == "groq"
    assert answer.headers["x-understudy-attempts"] == "1"
    assert (END[face] in answer.text) is (stream or face in ("gemini", "cohere", "ollama"))


@pytest.mark.parametrize("face", END)
async def test_another_provider_goes_on(face: str, opened: Open) -> None:
    caller, emulator, _ = await opened("openai", "anthropic")
    emulator.script("openai", always=Fault.status(503))
    path, body = asked(face, "openai", stream=True)
    answer = await caller.post(path, body)
    assert answer.status == 200
    assert answer.headers["x-understudy-provider"] == "anthropic"
    assert int(answer.headers["x-understudy-attempts"]) > 1


@pytest.mark.parametrize("face", END)
async def test_an_error_before_the_first_event_has_its_status(face: str, opened: Open) -> None:
    caller, emulator, _ = await opened("openai", fallback={"max_attempts": 1})
    emulator.script("openai", always=Fault.status(429, retry_after=7))
    path, body = asked(face, "openai", stream=True)
    answer = await caller.post(path, body)
    assert answer.status == 429
    assert END[face] not in answer.text


@pytest.mark.parametrize("face", END)
async def test_a_stream_that_breaks_has_no_end_mark(face: str, opened: Open) -> None:
    caller, emulator, _ = await opened("openai", fallback={"max_attempts": 1})
    emulator.script("openai", always=Fault.cut(after=4))
    path, body = asked(face, "openai", stream=True)
    answer = await caller.post(path, body)
    assert answer.status == 200
    assert END[face] not in answer.text
    assert "error" in answer.text


async def test_the_caller_who_leaves_ends_the_answer_upstream(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai")
    emulator.script("openai", always=Fault.stall(after=3))
    path, body = asked("openai", "openai", stream=True)
    leave = asyncio.Event()
    sending = asyncio.create_task(caller.send("POST", path, json.dumps(body).encode(), leave=leave))
    while not emulator.requests("openai"):
        await asyncio.sleep(0.01)
    leave.set()
    await sending
    while emulator.cancelled("openai") != 1:
        await asyncio.sleep(0.01)
    assert gateway.under_way == 0


async def test_keys(opened: Open) -> None:
    caller, emulator, _ = await opened("openai", "anthropic", gateway=KEYS)
    path, body = asked("openai", "openai", stream=False)
    assert (await caller.post(path, body)).status == 401
    assert (await caller.post(path, body, {"x-api-key": "alice-0123456789abcdee"})).status == 401
    assert (await caller.post(path, body, ALICE)).status == 200
    assert (await caller.post(path, body | {"model": "anthropic"}, ALICE)).status == 403
    assert (await caller.get("/v1/models")).status == 401
    assert (await caller.get("/health/live")).status == 200
    assert (await caller.get("/openapi.json")).status == 401
    assert len(emulator.requests("anthropic")) == 0


async def test_an_unknown_model_is_told_in_the_words_of_each_face(opened: Open) -> None:
    caller, _, _ = await opened("openai")
    for face in END:
        path, body = asked(face, "nope", stream=False)
        answer = await caller.post(path, body)
        assert answer.status == 404, face
        assert "nope" in answer.text


async def test_the_providers_key_is_not_the_callers_fault(opened: Open) -> None:
    caller, emulator, _ = await opened("openai")
    emulator.script("openai", always=Fault.status(401))
    answer = await caller.post(*asked("openai", "openai", stream=False))
    assert answer.status == 502
    assert answer.json["error"]["code"] == "upstream_auth"


async def test_models_in_the_form_of_each_face(opened: Open) -> None:
    caller, _, _ = await opened("openai", gateway={"aliases": {"claude-x": "openai"}})
    listed = (await caller.get("/v1/models")).json
    assert listed["object"] == "list"
    assert "claude-x" in [model["id"] for model in listed["data"]]
    pages = (await caller.get("/v1/models", {"anthropic-version": "2023-06-01"})).json
    assert pages["has_more"] is False
    assert pages["data"][0] | {"id": "claude-x", "type": "model"} == pages["data"][0]
    assert (await caller.get("/v1beta/models")).json["models"][0]["name"] == "models/claude-x"
    assert (await caller.get("/api/tags")).json["models"][0]["name"] == "claude-x"
    assert (await caller.get("/v1/models/claude-x")).json["id"] == "claude-x"
    assert (await caller.get("/v1/models/unknown-one")).status == 404


async def test_tokens_are_estimated_where_no_provider_counts(opened: Open) -> None:
    caller, _, _ = await opened("groq")
    answer = await caller.post("/v1/messages/count_tokens", {"model": "groq", "messages": HI})
    assert answer.status == 200
    assert answer.json["input_tokens"] > 0
    assert answer.headers["x-understudy-estimated"] == "true"


async def test_paths_and_methods(opened: Open) -> None:
    caller, _, _ = await opened("openai")
    assert (await caller.get("/nothing")).status == 404
    wrong = await caller.get("/v1/chat/completions")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    head = await caller.get("/", method="HEAD")
    assert (head.status, head.body) == (200, b"")


async def test_a_reload_keeps_what_is_under_way(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai")
    emulator.script("openai", [Fault.stall(after=3)])
    path, body = asked("openai", "openai", stream=True)
    leave = asyncio.Event()
    first = asyncio.create_task(caller.send("POST", path, json.dumps(body).encode(), leave=leave))
    while not emulator.requests("openai"):
        await asyncio.sleep(0.01)
    text = (
        f'[[llm.providers]]\nname = "other"\nprovider = "openai"\napi_key = "k"\nbase_url = "{emulator.url("openai")}"'
    )
    await gateway.reload(parse(text, environ={}))
    assert (await caller.post(path, body)).status == 404
    assert not first.done()
    leave.set()
    await first


async def test_draining_waits_for_what_a_former_configuration_began(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai")
    emulator.script("openai", [Fault.slow_events(0.02), Fault.stall(after=3)])
    path, body = asked("openai", "openai", stream=True)
    short, long = (asyncio.create_task(caller.post(path, body)) for _ in range(2))
    while len(emulator.requests("openai")) < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    await gateway.reload(gateway.config)
    await gateway.drain(3.0)
    assert "data: [DONE]" in (await short).text
    text = (await long).text
    assert "server_shutdown" in text
    assert "data: [DONE]" not in text


async def test_readiness_fails_before_requests_are_refused(opened: Open) -> None:
    caller, _, gateway = await opened("openai")
    path, body = asked("openai", "openai", stream=False)
    gateway.leave()
    assert (await caller.get("/health/ready")).status == 503
    assert (await caller.post(path, body)).status == 200


async def test_draining_ends_what_is_left_with_an_error(opened: Open) -> None:
    caller, emulator, gateway = await opened("openai")
    emulator.script("openai", [Fault.stall(after=3)])
    path, body = asked("anthropic", "openai", stream=True)
    pieces: list[bytes] = []
    first = asyncio.create_task(caller.send("POST", path, json.dumps(body).encode(), pieces=pieces))
    while not pieces:
        await asyncio.sleep(0.01)
    draining = asyncio.create_task(gateway.drain(0.2))
    await asyncio.sleep(0)
    assert (await caller.get("/health/ready")).status == 503
    assert (await caller.get("/health/live")).status == 200
    late = await caller.post(path, body)
    assert (late.status, late.headers["retry-after"]) == (503, "1")
    await draining
    answer = await first
    assert answer.status == 200
    assert "event: error" in answer.text
    assert "message_stop" not in answer.text


async def test_a_list_of_models_is_tried_in_its_order(opened: Open) -> None:
    caller, emulator, _ = await opened("openai", "anthropic", "google")
    emulator.script("google", always=Fault.status(503))
    answer = await caller.post(*asked("openai", "openai", stream=False), {"x-understudy-models": "google, anthropic"})
    assert answer.headers["x-understudy-provider"] == "anthropic"
    assert len(emulator.requests("google")) > 0
    assert len(emulator.requests("openai")) == 0
    wrong = await caller.post(*asked("openai", "openai", stream=False), {"x-understudy-models": "google, nope"})
    assert wrong.status == 404
    unknown = await caller.post(*asked("openai", "openai", stream=False), {"x-understudy-modles": "google"})
    assert (unknown.status, "x-understudy-models" in unknown.text) == (400, True)


async def test_lists_of_models_are_forgotten_at_last(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.gateway.manager.LISTS", 2)
    caller, _, _ = await opened("openai", "anthropic")
    for models in ("openai", "anthropic", "openai, anthropic", "anthropic, openai", "openai"):
        answer = await caller.post(*asked("openai", "openai", stream=False), {"x-understudy-models": models})
        assert answer.headers["x-understudy-provider"] == models.split(",")[0]


async def test_a_side_request_at_another_model_does_not_take_a_tool_loop_along(opened: Open) -> None:
    """The conversation went to the backup; its tool loop stays there, while side requests go where they are sent."""
    caller, emulator, _ = await opened("openai", "anthropic", "groq")
    session = {"x-session-id": "s1"}
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    loop = [
        *HI,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
    ]
    emulator.script("openai", [Fault.status(503)] * 3)
    first = await caller.post("/v1/chat/completions", {"model": "openai", "messages": HI}, session)
    assert first.headers["x-understudy-provider"] == "anthropic"
    side = await caller.post("/v1/chat/completions", {"model": "groq", "messages": HI}, session)
    assert side.headers["x-understudy-provider"] == "groq"
    held = await caller.post("/v1/chat/completions", {"model": "openai", "messages": loop}, session)
    assert held.headers["x-understudy-provider"] == "anthropic"
    back = await caller.post("/v1/chat/completions", {"model": "openai", "messages": HI}, session)
    assert back.headers["x-understudy-provider"] == "openai"


async def test_claude_code_is_told_of_a_broken_stream_by_a_cut(opened: Open) -> None:
    """It asks again for a stream that is cut, but for the whole answer at once after an error event."""
    caller, emulator, _ = await opened("openai", fallback={"max_attempts": 1})
    emulator.script("openai", always=Fault.cut(after=4))
    path, body = asked("anthropic", "openai", stream=True)
    answer = await caller.post(path, body, {"user-agent": "claude-cli/2.1.332 (external, sdk-cli)"})
    assert answer.status == 200
    assert not answer.is_complete
    assert "message_start" in answer.text
    assert "error" not in answer.text
    assert (await caller.post(path, body)).is_complete


async def test_a_list_of_models_may_name_models_of_entries(opened: Open) -> None:
    caller, emulator, _ = await opened("openai", "anthropic")
    path, body = asked("openai", "openai", stream=False)
    answer = await caller.post(path, body, {"x-understudy-models": "anthropic/claude-haiku-4-5, openai"})
    assert answer.status == 200
    assert emulator.requests("anthropic")[-1].body["model"] == "claude-haiku-4-5"


PINGS = {
    "openai": b": heartbeat\n\n",
    "responses": b": heartbeat\n\n",
    "anthropic": b'event: ping\ndata: {"type":"ping"}\n\n',
    "gemini": b"\n",
    "cohere": b": heartbeat\n\n",
}
"""A comment of server-sent events, Anthropic's own event, or an empty line, which Google's clients skip. Ollama's lines
have nothing of the kind but an empty piece of text."""


@pytest.mark.parametrize("face", END)
async def test_a_silent_stream_shows_signs_of_life(face: str, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.gateway.streaming.PING", 0.02)
    caller, emulator, _ = await opened("groq")
    emulator.script("groq", always=Fault.stall(after=4))
    path, body = asked(face, "groq", stream=True)
    pieces: list[bytes] = []
    leave = asyncio.Event()
    sending = asyncio.create_task(caller.send("POST", path, json.dumps(body).encode(), leave=leave, pieces=pieces))
    async with asyncio.timeout(30):  # less than `EARLY`, which concerns answers that have not begun
        while len(pieces) < 4 or pieces[-1] != pieces[-2]:
            await asyncio.sleep(0.005)
    leave.set()
    await sending
    ping = pieces[-1]
    assert ping == PINGS.get(face, ping)
    if face == "ollama":
        assert json.loads(ping)["message"]["content"] == ""


async def test_it_can_be_mounted_below_a_path(opened: Open) -> None:
    caller, _, _ = await opened("openai")
    caller.root = "/llm"
    assert (await caller.get("/llm/v1/models")).json["object"] == "list"
    assert (await caller.get("/other/v1/models")).status == 404
