"""Responses that their provider keeps: they go on where they are, and nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from aiohttp import web

from tests.gateway.asgi import Asgi
from tests.gateway.test_official_faces import over
from understudy.domain.attempts import AttemptRecord
from understudy.domain.errors import ConfigError
from understudy.gateway.application import Gateway, app

ALICE = {"authorization": "Bearer alice-0123456789abcdef"}
BOB = {"authorization": "Bearer bob-0123456789abcdef"}


class Vendor:
    """A server that keeps responses, written after OpenAI's API reference."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[tuple[str, str, Any]] = []
        self.url = ""

    def response(self, status: str = "completed") -> dict[str, Any]:
        return {
            "id": f"resp_{self.name}{len(self.seen)}",
            "object": "response",
            "created_at": 1,
            "status": status,
            "model": "gpt-5.1-codex",
            "output": [
                {
                    "type": "message",
                    "id": "msg_1",
                    "role": "assistant",
                    "status": "completed",
                    "content": [{"type": "output_text", "text": f"from {self.name}", "annotations": []}],
                }
            ],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": 3,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 2,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 5,
            },
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        self.seen.append((request.method, request.path_qs, body))
        if request.path_qs.endswith("/input_items"):
            return web.json_response({"object": "list", "data": [], "has_more": False})
        if request.method == "DELETE":
            return web.json_response({"id": "resp_x", "object": "response", "deleted": True})
        if body is not None and body.get("stream"):
            done = self.response()
            events = [
                {"type": "response.created", "sequence_number": 0, "response": {**done, "status": "in_progress"}},
                {"type": "response.completed", "sequence_number": 1, "response": done},
            ]
            frames = "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events)
            return web.Response(text=frames, content_type="text/event-stream")
        return web.json_response(self.response("queued" if body and body.get("background") else "completed"))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Vendor]:
        server = web.Server(self.handle, access_log=None)
        listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
        try:
            yield self
        finally:
            listener.close()


Open = Callable[..., tuple[Gateway, Asgi, Vendor, Vendor]]


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:
        vendors = [Vendor("one"), Vendor("two")]
        for vendor in vendors:
            await stack.enter_async_context(vendor.serving())

        def open_(records: list[AttemptRecord] | None = None, **gateway: Any) -> tuple[Gateway, Asgi, Vendor, Vendor]:
            chat = {"name": "chat", "provider": "groq", "api_key": "k-0123456789", "base_url": vendors[0].url}
            native = [
                {"name": each.name, "provider": "openai", "api_key": "k-0123456789", "base_url": each.url}
                for each in vendors
            ]
            entries = [{**each, "text_model": "gpt-5.1-codex"} for each in native]
            routes = [{"name": "main", "targets": ["chat", "two", "one"]}]
            config: Any = {"llm": {"providers": [chat, *entries], "routes": routes}}
            observers = () if records is None else (records.append,)
            made = app(
                {**config, "llm": {**config["llm"], **({"gateway": gateway} if gateway else {})}}, observers=observers
            )
            stack.push_async_callback(made.aclose)
            return made, Asgi(made), vendors[0], vendors[1]

        yield open_


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_conversation_goes_on_where_it_began(opened: Open, stream: bool) -> None:
    records: list[AttemptRecord] = []
    _, caller, one, two = opened(records)
    first = await caller.post("/v1/responses", {"model": "two", "input": "hi", "stream": stream})
    name = first.events[0]["response"]["id"] if stream else first.json["id"]
    assert name.startswith("resp_two")
    for model in ("main", "two", "two/gpt-5.1-codex"):
        body = {"model": model, "input": "and?", "previous_response_id": name, "stream": stream, "unknown": 1.0}
        answer = await caller.post("/v1/responses", body)
        assert (answer.status, answer.headers["x-understudy-provider"]) == (200, "two")
        name = answer.events[0]["response"]["id"] if stream else answer.json["id"]
        assert two.seen[-1] == ("POST", "/v1/responses", {**body, "model": "gpt-5.1-codex"})
    assert not one.seen
    record = records[-1]
    assert (record.operation, record.provider, record.model, record.outcome) == ("chat", "two", "gpt-5.1-codex", "won")
    assert (record.usage.input_total, record.usage.output_total, record.cost_basis) == (3, 2, "exact")


async def test_whoever_does_not_keep_it_is_not_asked(opened: Open) -> None:
    _, caller, one, two = opened()
    name = (await caller.post("/v1/responses", {"model": "two", "input": "hi"})).json["id"]
    for model, field in (
        ("one", {"previous_response_id": name}),
        ("chat", {"background": True}),
        ("chat", {"conversation": "c"}),
    ):
        answer = await caller.post("/v1/responses", {"model": model, "input": "and?", **field})
        assert (answer.status, answer.json["error"]["param"]) == (400, next(iter(field)))
        assert next(iter(field)) in answer.json["error"]["message"]
    assert (len(one.seen), len(two.seen)) == (0, 1)
    wrong = await caller.post("/v1/responses", {"model": "nobody", "input": "x", "background": True})
    assert wrong.status == 404


async def test_what_is_not_remembered_is_asked_of_the_first_that_may_keep_it(opened: Open) -> None:
    _, caller, _, _ = opened()
    body = {"model": "main", "input": "hi", "previous_response_id": "resp_of_another_process"}
    assert (await caller.post("/v1/responses", body)).headers["x-understudy-provider"] == "two"
    assert (await caller.get("/v1/responses/resp_unknown")).headers["x-understudy-provider"] == "one"
    plain = {"model": "two", "input": 'the words "previous_response_id" and "background" alone mean nothing'}
    answer = await caller.post("/v1/responses", {**plain, "background": False})
    assert answer.headers["x-understudy-attempts"] == "1"  # which only an answer has that may fall back


async def test_a_response_is_its_callers_own(opened: Open) -> None:
    keys = [{"name": name, "key": headers["authorization"][7:]} for name, headers in (("alice", ALICE), ("bob", BOB))]
    _, caller, one, two = opened(keys=keys)
    name = (await caller.post("/v1/responses", {"model": "two", "input": "hi", "background": True}, ALICE)).json["id"]
    assert (await caller.get(f"/v1/responses/{name}", ALICE)).status == 200
    asked = len(two.seen)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
        answer = await caller.send(method, f"/v1/responses/{name}{path}", b"", BOB)
        assert (answer.status, answer.json["error"]["param"]) == (404, "response_id")
    body = {"model": "two", "input": "hi", "previous_response_id": name}
    assert (await caller.post("/v1/responses", body, BOB)).status == 404
    assert (await caller.get(f"/v1/responses/{name}")).status == 401
    assert (len(two.seen), len(one.seen)) == (asked, 0)


async def test_what_is_unknown_may_be_somebody_elses(opened: Open) -> None:
    keys = [{"name": name, "key": headers["authorization"][7:]} for name, headers in (("alice", ALICE), ("bob", BOB))]
    _, caller, one, two = opened(keys=keys)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
        answer = await caller.send(method, f"/v1/responses/resp_unknown{path}", b"", ALICE)
        assert (answer.status, answer.json["error"]["param"]) == (404, "response_id")
    body = {"model": "two", "input": "hi", "previous_response_id": "resp_unknown"}
    assert (await caller.post("/v1/responses", body, ALICE)).status == 404
    assert (one.seen, two.seen) == ([], [])
    body = {"model": "two", "input": "hi", "conversation": "conv_1"}
    assert (await caller.post("/v1/responses", body, ALICE)).status == 200
    assert (await caller.post("/v1/responses", body, BOB)).status == 404
    _, alone, _, _ = opened(keys=keys[:1])
    assert (await alone.get("/v1/responses/resp_unknown", ALICE)).status == 200


async def test_a_response_that_is_not_stored_is_nobodys(opened: Open) -> None:
    _, caller, _, two = opened()
    name = (await caller.post("/v1/responses", {"model": "two", "input": "hi", "store": False})).json["id"]
    answer = await caller.get(f"/v1/responses/{name}")
    assert answer.headers["x-understudy-provider"] == "one"  # the first, since its owner was not remembered
    assert len(two.seen) == 1


async def test_a_file_outlives_the_gateway(opened: Open, tmp_path: Path) -> None:
    keys = [{"name": name, "key": headers["authorization"][7:]} for name, headers in (("alice", ALICE), ("bob", BOB))]
    file = tmp_path / "gateway.db"
    gateway, caller, _, _ = opened(keys=keys, state_file=str(file))
    name = (await caller.post("/v1/responses", {"model": "two", "input": "hi"}, ALICE)).json["id"]
    await gateway.aclose()
    _, caller, _, _ = opened(keys=keys, state_file=str(file))
    answer = await caller.get(f"/v1/responses/{name}", ALICE)
    assert (answer.status, answer.headers["x-understudy-provider"]) == (200, "two")
    assert (await caller.get(f"/v1/responses/{name}", BOB)).status == 404
    assert file.stat().st_mode & 0o077 == 0
    assert name.encode() not in file.read_bytes() + Path(f"{file}-wal").read_bytes()


def test_a_file_that_cannot_be_used_is_an_error(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"state_file .* cannot be used"):
        opened(state_file=str(tmp_path / "missing" / "gateway.db"))
    (tmp_path / "text").write_text("not a database, but long enough to be one" * 100)
    with pytest.raises(ConfigError, match=r"state_file .* cannot be used"):
        opened(state_file=str(tmp_path / "text"))


@pytest.mark.parametrize("name", ["..", "%2e%2e", "a%2fb", "a b", "resp_1;x", "resp_1%00", "é", "x" * 257])
async def test_an_id_that_is_none_reaches_nobody(opened: Open, name: str) -> None:
    _, caller, one, two = opened()
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
        answer = await caller.send_raw(method, f"/v1/responses/{name}{path}".encode())
        assert answer.status == 404
    assert not one.seen
    assert not two.seen


async def test_openais_client(opened: Open) -> None:
    gateway, _, _, two = opened()
    client = openai.AsyncOpenAI(base_url="http://localhost/v1", api_key="any", http_client=over(gateway), max_retries=0)
    first = await client.responses.create(model="two", input="hi", background=True)
    assert first.status == "queued"
    assert (await client.responses.retrieve(first.id)).output_text == "from two"
    await client.responses.cancel(first.id)
    assert (await client.responses.input_items.list(first.id)).data == []
    next_one = await client.responses.create(model="two", input="and?", previous_response_id=first.id)
    assert next_one.output_text == "from two"
    async with client.responses.stream(model="two", input="and?", previous_response_id=next_one.id) as stream:
        assert (await stream.get_final_response()).output_text == "from two"
    await client.responses.delete(first.id)
    assert [each[:2] for each in two.seen] == [
        ("POST", "/v1/responses"),
        ("GET", f"/v1/responses/{first.id}"),
        ("POST", f"/v1/responses/{first.id}/cancel"),
        ("GET", f"/v1/responses/{first.id}/input_items"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/responses"),
        ("DELETE", f"/v1/responses/{first.id}"),
    ]
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        await client.responses.create(model="chat", input="hi", previous_response_id=first.id)


async def test_a_reload_does_not_forget(opened: Open) -> None:
    gateway, caller, _, _ = opened()
    name = (await caller.post("/v1/responses", {"model": "two", "input": "hi"})).json["id"]
    await gateway.reload(gateway.config)
    assert (await caller.get(f"/v1/responses/{name}")).headers["x-understudy-provider"] == "two"
