"""The stub and the load client, over the loopback interface."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import openai
import pytest

from benchmarks.answers import ANSWER, CHUNKS, MODEL, Wanted
from benchmarks.bodies import body_of, numbered
from benchmarks.load import LoadError, load, request_of
from benchmarks.stub import Stub

PATH = "/v1/chat/completions"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def answered(port: int, body: bytes) -> str:
    async with aiohttp.ClientSession() as session, session.post(f"http://127.0.0.1:{port}{PATH}", data=body) as answer:
        return await answer.text()


def deltas(stream: str) -> list[dict[str, object]]:
    events = [line.removeprefix("data: ") for line in stream.splitlines() if line]
    assert events.pop() == "[DONE]"
    return [choice["delta"] for event in events for choice in json.loads(event)["choices"]]


async def test_the_stub_answers_what_a_request_asks_for(port: int) -> None:
    assert json.loads(await answered(port, body_of(1_000)))["choices"][0]["message"]["content"] == ANSWER
    long = json.loads(await answered(port, body_of(1_000_000, Wanted(size=200_000).line)))
    assert len(long["choices"][0]["message"]["content"]) == 200_000
    assert len(deltas(await answered(port, body_of(1_000, stream=True)))) == CHUNKS + 2


async def test_the_stub_answers_in_the_form_of_the_responses_api_where_that_is_asked(port: int) -> None:
    async with openai.AsyncOpenAI(api_key="sk-none", base_url=f"http://127.0.0.1:{port}/v1") as client:
        answer = await client.responses.create(model=MODEL, input=f"Why? {Wanted(size=90).line}")
    assert len(answer.output_text) == 90
    assert answer.usage is not None
    assert answer.usage.total_tokens == 21


@pytest.mark.parametrize("pause_ms", [0, 1])
async def test_a_stream_has_as_many_chunks_as_are_asked_for(port: int, pause_ms: int) -> None:
    words = deltas(await answered(port, body_of(1_000, Wanted("words", 7, pause_ms).line, stream=True)))
    assert [each["content"] for each in words[1:-1]] == [f" word{number}" for number in range(7)]
    calls = deltas(await answered(port, body_of(40_000, Wanted("tools", 7, pause_ms).line, stream=True)))
    begun, *rest = (call for each in calls[:-1] for call in each["tool_calls"])  # type: ignore[attr-defined]
    assert begun["id"]
    assert json.loads("".join(each["function"]["arguments"] for each in rest))["path"].startswith("word0")
    assert len(rest) == 7


async def test_each_request_may_be_of_another_conversation() -> None:
    body = body_of(40_000)
    assert len(numbered(body, 7)) == len(body)
    assert sum(one != other for one, other in zip(numbered(body, 1), numbered(body, 2), strict=True)) == 1
    seen: list[bytes] = []

    class Noting(Stub):
        def answer(self, head: bytearray, body: bytearray) -> None:
            seen.append(bytes(body))
            super().answer(head, body)

    async with await asyncio.get_running_loop().create_server(Noting, "127.0.0.1", 0) as server:
        port = int(server.sockets[0].getsockname()[1])
        for is_new, different in ((True, 6), (False, 1)):
            seen.clear()
            await load(port, request_of(port, PATH, body, {}), count=3, concurrency=2, is_new=is_new)
            assert (len(seen), len(set(seen))) == (6, different)


@pytest.mark.parametrize("size", [1_000, 40_000, 1_000_000])
def test_requests_have_the_size_that_is_asked_for(size: int) -> None:
    assert abs(len(body_of(size)) - size) < 0.1 * size
    assert len(json.loads(body_of(size)).get("tools", ())) == (20 if size > 1_000 else 0)


@pytest.mark.parametrize("more", [{}, {"stream": True}])
async def test_the_load_client_waits_for_every_answer(port: int, more: dict[str, bool]) -> None:
    request = request_of(port, PATH, body_of(1_000, Wanted(size=5).line, **more), {})
    took = await load(port, request, count=3, concurrency=4)
    assert len(took) == 12
    assert min(took) > 0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", "401 Unauthorized"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nno", "closed the connection"),
    ],
)
async def test_the_load_client_reports_what_is_no_whole_200(answer: bytes, words: str) -> None:
    class Wrong(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(answer)
            self.transport.close()

    server = await asyncio.get_running_loop().create_server(Wrong, "127.0.0.1", 0)
    async with server:
        port = int(server.sockets[0].getsockname()[1])
        with pytest.raises(LoadError, match=words):
            await load(port, request_of(port, PATH, b"{}", {}), count=1, concurrency=2)


async def test_a_server_that_is_not_there_is_reported() -> None:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    with pytest.raises(LoadError):
        await load(port, b"", count=1, concurrency=1)
