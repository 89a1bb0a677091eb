"""The sockets: what reaches a client, what is recorded, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from understudy.domain.operation import Operation
from understudy.emulator import Emulator, Fault, emulate
from understudy.emulator.faults import HEADER

PROVIDER = "ollama"
ASK = {"model": "llama3.2", "messages": [{"role": "user", "content": "Count to 9"}]}
PLAIN = {**ASK, "stream": False}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        yield session


async def read(http: aiohttp.ClientSession, emulator: Emulator, ask: Any = ASK, **headers: str) -> bytes:
    async with http.post(f"{emulator.url(PROVIDER)}/api/chat", json=ask, headers=headers) as response:
        return await response.read()


async def test_same_requests_same_bytes(http: aiohttp.ClientSession) -> None:
    answers = []
    for _ in range(2):
        async with Emulator([PROVIDER]) as emulator:
            answers.append([await read(http, emulator, ask) for ask in (ASK, PLAIN, ASK)])
    assert answers[0] == answers[1]


async def test_requests_are_recorded_without_keys(http: aiohttp.ClientSession, emulator: Emulator) -> None:
    await read(http, emulator, PLAIN, authorization="Bearer test-key", accept="application/json")
    await http.get(f"{emulator.url(PROVIDER)}/nowhere?x=1")
    first, second = emulator.requests(PROVIDER)
    assert (first.number, first.method, first.path, first.body) == (1, "POST", "/api/chat", PLAIN)
    assert (first.operation, first.status, first.outcome) == (Operation.CHAT, 200, "answered")
    assert first.authenticated
    assert first.headers["accept"] == "application/json"
    assert "authorization" not in first.headers
    assert (second.path, second.operation, second.status, second.body) == ("/nowhere?x=1", None, 404, None)
    assert second.connection == first.connection


async def test_an_answer_to_head_has_no_body(http: aiohttp.ClientSession, emulator: Emulator) -> None:
    """What follows it on the connection would be taken for the next answer."""
    for _ in range(3):
        async with http.head(f"{emulator.url(PROVIDER)}/unknown") as answer:
            assert answer.status == 404
            assert int(answer.headers["content-length"]) > 0
    assert len({each.connection for each in emulator.requests(PROVIDER)}) == 1


async def test_a_cut_leaves_the_message_unfinished(http: aiohttp.ClientSession, emulator: Emulator) -> None:
    emulator.script(PROVIDER, [Fault.cut(2), Fault.cut()])
    for ask in (ASK, PLAIN):
        with pytest.raises(aiohttp.ClientPayloadError):
            await read(http, emulator, ask)
    assert [request.outcome for request in emulator.requests(PROVIDER)] == ["cut", "cut"]


async def test_a_clean_cut_ends_well_but_says_no_end(http: aiohttp.ClientSession, emulator: Emulator) -> None:
    emulator.script(PROVIDER, [Fault.cut(2, clean=True)])
    data = await read(http, emulator)
    assert data.count(b"\n") == 2
    assert b'"done":true' not in data


@pytest.mark.parametrize("after", [None, 2])
async def test_a_reset_reaches_the_client_as_one(emulator: Emulator, after: int | None) -> None:
    emulator.script(PROVIDER, [Fault.reset(after)])
    host, _, port = emulator.origin(PROVIDER).removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = b'{"model":"llama3.2","messages":[]}'
    writer.write(b"POST /api/chat HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    with pytest.raises(ConnectionResetError):
        await reader.read(-1)
    writer.close()
    assert emulator.requests(PROVIDER)[0].outcome == "reset"


async def test_a_client_may_ask_for_a_fault(http: aiohttp.ClientSession, emulator: Emulator) -> None:
    emulator.script(PROVIDER, [Fault.empty()])
    assert b"server busy" in await read(http, emulator, PLAIN, **{HEADER: "error=overloaded"})
    assert emulator.remaining(PROVIDER) == 1
    async with http.post(f"{emulator.url(PROVIDER)}/api/chat", json=PLAIN, headers={HEADER: "explode"}) as response:
        assert response.status == 400
        assert "unknown kind 'explode'; expected one of status, error" in await response.text()


async def test_a_client_that_leaves_is_noticed(emulator: Emulator) -> None:
    emulator.script(PROVIDER, [Fault.stall(1)])
    async with aiohttp.ClientSession() as http:
        response = await http.post(f"{emulator.url(PROVIDER)}/api/chat", json=ASK)
        await response.content.readline()
        assert emulator.cancelled(PROVIDER) == 0
        assert emulator.open_connections == 1
        response.close()
    async with asyncio.timeout(30):
        while emulator.open_connections:
            await asyncio.sleep(0)
    assert emulator.cancelled(PROVIDER) == 1
    assert emulator.requests(PROVIDER)[0].outcome == "client_left"


@pytest.mark.parametrize(
    "fault", [Fault.slow_headers(), Fault.stall(1), Fault.pings(), Fault.endless(), Fault.slow_first_event()]
)
async def test_closing_waits_for_nobody(http: aiohttp.ClientSession, fault: Fault) -> None:
    before = asyncio.all_tasks()
    async with asyncio.timeout(30):
        async with Emulator([PROVIDER]) as emulator:
            emulator.script(PROVIDER, always=fault)
            asking = [asyncio.create_task(read(http, emulator)) for _ in range(3)]
            while len(emulator.requests(PROVIDER)) < 3:
                await asyncio.sleep(0)
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(outcome, aiohttp.ClientError) for outcome in outcomes)
    assert {request.outcome for request in emulator.requests(PROVIDER)} == {"stopped"}
    assert asyncio.all_tasks() == before


async def test_a_stopped_provider_refuses_and_comes_back_on_its_port(http: aiohttp.ClientSession) -> None:
    async with Emulator([PROVIDER, "anthropic"]) as emulator:
        url = emulator.url(PROVIDER)
        await emulator.stop(PROVIDER)
        await emulator.stop(PROVIDER)
        with pytest.raises(aiohttp.ClientConnectorError):
            await read(http, emulator)
        await emulator.start(PROVIDER)
        await emulator.start(PROVIDER)
        assert emulator.url(PROVIDER) == url
        assert await read(http, emulator)
        assert emulator.providers == (PROVIDER, "anthropic")


async def test_what_is_not_emulated_is_said() -> None:
    with pytest.raises(LookupError, match="no emulator for 'nonesuch'"):
        Emulator(["nonesuch"])
    with pytest.raises(LookupError, match="'openai' is not emulated here"):
        Emulator([PROVIDER]).url("openai")


async def test_a_port_that_is_taken_leaves_nothing_open() -> None:
    async with Emulator([PROVIDER]) as first:
        port = int(first.url(PROVIDER).rpartition(":")[2])
        second = Emulator(["anthropic", PROVIDER], ports={PROVIDER: port})
        with pytest.raises(OSError, match="address already in use"):
            await second.__aenter__()
        assert second.open_connections == 0
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", int(second.url("anthropic").rpartition(":")[2]))


async def test_any_path_with_any_body_is_answered(http: aiohttp.ClientSession, emulator: Emulator) -> None:
    for data in (b"", b"{", b"[]", b'{"model": 3}', b"\xff\xfe"):
        async with http.post(f"{emulator.url(PROVIDER)}/api/chat", data=data) as response:
            assert response.status == 400
            assert "error" in await response.json()


async def test_a_body_that_cannot_be_decompressed_is_a_bad_request(
    http: aiohttp.ClientSession, emulator: Emulator
) -> None:
    url = f"{emulator.url(PROVIDER)}/api/chat"
    async with http.post(url, data=b"not gzip", headers={"Content-Encoding": "gzip"}) as response:
        assert (response.status, "gzip" in await response.text()) == (400, True)


def test_synchronous_code_has_its_own_way() -> None:
    import http.client
    import json

    with emulate(PROVIDER) as emulator:
        emulator.script(PROVIDER, [Fault.status(503)])
        connection = http.client.HTTPConnection(emulator.origin(PROVIDER).removeprefix("http://"), timeout=30)
        statuses = []
        for _ in range(2):
            connection.request("POST", "/api/chat", json.dumps(PLAIN))
            response = connection.getresponse()
            statuses.append((response.status, len(response.read()) > 0))
        connection.close()
    assert statuses == [(503, True), (200, True)]


MALFORMED = (
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET / HTTP/9.9.9\r\n\r\n",
    b"POST /api/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /api/chat HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
)


@pytest.mark.parametrize("data", MALFORMED)
async def test_a_malformed_request_is_refused_and_prints_nothing(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    """A first request that is answered, because aiohttp keeps quiet about the first of a connection only."""
    host, port = emulator.url(PROVIDER).removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    writer.write(data)
    async with asyncio.timeout(20):
        answer = await reader.read()
    assert b"traceback" not in answer.lower()
    writer.close()
    await writer.wait_closed()
    assert answer[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")
    assert not [record for record in caplog.records if record.levelno >= logging.INFO]
