"""The ids of a request: ours is the same everywhere, and the caller's comes back."""

from __future__ import annotations

import re

import pytest

from tests.gateway.asgi import Asgi
from tests.gateway.conftest import Open, entries
from tests.gateway.test_app import ALICE, HI, KEYS
from tests.gateway.test_recording import logged
from understudy.domain.attempts import AttemptRecord
from understudy.emulator import Emulator, Fault
from understudy.gateway.application import app

OURS = "x-understudy-request-id"
UUID_7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CHAT = {"model": "openai", "messages": HI}
ASKED = [
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", {**CHAT, "stream": True}),
    ("/v1/messages", {**CHAT, "max_tokens": 50}),
    ("/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": ["a", "b"]}),
]


@pytest.mark.parametrize(("path", "body"), ASKED)
async def test_records_and_log_and_answer_have_one_id(path: str, body: object) -> None:
    kept: list[AttemptRecord] = []
    async with Emulator(("openai",)) as emulator:
        emulator.script("openai", [Fault.status(503, retry_after=0.01)])
        gateway = app({"llm": {"providers": entries(emulator, ("openai",))}}, observers=(kept.append,))
        records = logged(gateway)
        answer = await Asgi(gateway).post(path, body)
        await gateway.aclose()
    assert answer.status == 200
    assert len(kept) == 2
    assert {each.request_id for each in kept} == {answer.headers[OURS]} == {record.id for record in records}
    assert UUID_7.fullmatch(answer.headers[OURS])


@pytest.mark.parametrize(("path", "body"), ASKED)
@pytest.mark.parametrize("asked", ["r-1", "0123:abc/DEF=", "x" * 128])
async def test_an_id_that_comes_in_goes_back(opened: Open, path: str, body: object, asked: str) -> None:
    caller, _, gateway = await opened("openai")
    records = logged(gateway)
    answer = await caller.post(path, body, {"x-request-id": asked})
    name = "request-id" if path == "/v1/messages" else "x-request-id"
    assert answer.headers[name] == asked
    assert answer.headers[OURS] != asked
    assert [each.caller_id for each in records] == [asked]


@pytest.mark.parametrize("asked", ["", "a b", "a\tb", "é", "x" * 129, "a, b"])
async def test_what_is_no_id_is_neither_sent_back_nor_logged(opened: Open, asked: str) -> None:
    caller, _, gateway = await opened("anthropic")
    records = logged(gateway)
    answer = await caller.post("/v1/chat/completions", {**CHAT, "model": "anthropic"}, {"x-request-id": asked})
    assert answer.headers["x-request-id"] == answer.headers[OURS]
    assert [each.caller_id for each in records] == [None]


async def test_the_id_of_a_client_library_is_logged_alone(opened: Open) -> None:
    """Codex sends its thread in this header with every request, so it names no single one."""
    caller, _, gateway = await opened("anthropic")
    records = logged(gateway)
    headers = {"x-client-request-id": "thread-1"}
    answer = await caller.post("/v1/chat/completions", {**CHAT, "model": "anthropic"}, headers)
    assert answer.headers["x-request-id"] == answer.headers[OURS]
    assert [each.caller_id for each in records] == ["thread-1"]


async def test_the_providers_id_goes_through_in_its_own_wire_format(opened: Open) -> None:
    caller, _, _ = await opened("openai")
    answer = await caller.post("/v1/chat/completions", CHAT)
    assert answer.headers["x-request-id"].startswith("req_emulated")


async def test_whatever_is_refused_has_an_id(opened: Open) -> None:
    caller, _, gateway = await opened("openai", gateway=KEYS)
    records = logged(gateway)
    answers = [
        await caller.post("/v1/chat/completions", CHAT),
        await caller.post("/v1/chat/completions", b"{", ALICE),
        await caller.get("/nothing/here"),
        await caller.get("/v1/chat/completions"),
        await caller.get("/health/live"),
    ]
    assert [answer.status for answer in answers] == [401, 400, 404, 405, 200]
    assert [answer.headers[OURS] for answer in answers] == [record.id for record in records]
    assert len({record.id for record in records}) == len(answers)


async def test_an_error_names_the_request_in_its_own_form(opened: Open) -> None:
    caller, _, _ = await opened("openai", gateway=KEYS)
    answer = await caller.post("/v1/messages", {**CHAT, "max_tokens": 50})
    assert answer.json["request_id"] == answer.headers["request-id"] == answer.headers[OURS]
    answer = await caller.post("/v1/messages", {**CHAT, "max_tokens": 50}, {"x-request-id": "r-1"})
    assert answer.json["request_id"] == answer.headers["request-id"] == "r-1"


async def test_an_id_is_sent_once(opened: Open) -> None:
    caller, emulator, _ = await opened("openai")
    emulator.script("openai", always=Fault.status(400))
    answer = await caller.post("/v1/chat/completions", CHAT, {"x-request-id": "r-1"})
    assert answer.status == 400
    assert answer.headers["x-request-id"] == "r-1"
