"""Proxies that refuse, break, hang or are not there: the failure is theirs, and nothing was sent."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator

import pytest

import understudy as u
from tests.network.conftest import Authority
from tests.network.origin import ANSWER, KEY

pytestmark = pytest.mark.usefixtures("each_transport")

PASSWORD = "canary-password-8812"
HANGS = 0.5
"""Seconds to wait for a proxy that never answers; one that answers has time enough on any machine."""

REPLIES: dict[str, tuple[bytes | None, str]] = {
    "407": (
        b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n",
        "refused the user and password",
    ),
    "403": (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "refused a tunnel to provider.test:443 (HTTP 403)"),
    "502": (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nbad", "it cannot reach that host"),
    "302": (b"HTTP/1.1 302 Found\r\nlocation: http://login.example/\r\ncontent-length: 0\r\n\r\n", "(HTTP 302)"),
    "closes": (b"", "closed the connection instead of opening a tunnel"),
    "is not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "does not answer as an HTTP proxy"),
    "hangs": (None, "did not connect to provider.test:443 within 0.5 s"),
}


@contextlib.asynccontextmanager
async def proxy(reply: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A proxy that answers every head alike; `None` is never."""
    heads: list[bytes] = []
    tasks: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            if reply is None:
                await asyncio.sleep(60)
            elif reply:
                writer.write(reply)
                await writer.drain()
                await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(answer(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1")
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)


def config(place: str, base_url: str = "https://provider.test/v1", within: float = 30.0) -> u.ProviderConfig:
    return u.ProviderConfig(
        provider="openai",
        name="behind",
        base_url=base_url,
        api_key=u.Secret(KEY),
        text_model="m",
        proxy=f"http://user:{PASSWORD}@{place}",
        connect_timeout=within,
    )


def failure_of(error: u.LLMError) -> u.Failure:
    (attempt,) = error.attempts
    assert attempt.failure is not None
    assert (attempt.failure.kind, attempt.failure.sent) == (u.FailureKind.PROXY, False)
    assert attempt.cost_basis is u.CostBasis.NOT_SENT
    return attempt.failure


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", REPLIES)
async def test_a_proxy_that_opens_no_tunnel_is_to_blame(
    name: str, caplog: pytest.LogCaptureFixture, *, streamed: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    reply, words = REPLIES[name]
    within = HANGS if reply is None else 30.0
    async with proxy(reply) as (place, heads), u.create_provider(config(place, within=within)) as llm:
        with pytest.raises(u.ConnectionFailed) as caught:
            await asyncio.wait_for(llm.stream("hi").collect() if streamed else llm.generate("hi"), 20)
    failure = failure_of(caught.value)
    assert f"the proxy {place}" in failure.message
    assert words in failure.message
    (head,) = heads
    assert head.startswith(b"CONNECT provider.test:443 HTTP/1.1\r\n")
    assert b"proxy-authorization: basic " in head.lower()
    assert KEY.encode() not in head, "the provider's key is not for the proxy"
    shown = repr(caught.value) + str(caught.value) + repr(caught.value.attempts) + caplog.text
    assert PASSWORD not in shown


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_not_there(scheme: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        async with u.create_provider(config(place, f"{scheme}://provider.test/v1")) as llm:
            with pytest.raises(u.ConnectionFailed) as caught:
                await llm.generate("hi")
    assert f"the proxy {place} does not accept connections" in failure_of(caught.value).message


async def test_a_plain_request_that_the_proxy_does_not_let_through() -> None:
    async with proxy(REPLIES["407"][0]) as (place, heads), u.create_provider(config(place, "http://p.test/v1")) as llm:
        with pytest.raises(u.ConnectionFailed) as caught:
            await llm.generate("hi")
    failure = failure_of(caught.value)
    assert f"the proxy {place} refused the user and password" in failure.message
    assert heads[0].startswith(b"POST http://p.test/v1/chat/completions HTTP/1.1\r\n")


async def test_the_next_target_answers(authority: Authority) -> None:
    async with proxy(None) as (place, _), authority.serving("http") as origin:
        manager = u.ProviderManager(
            [u.create_provider(config(place, within=HANGS)), u.create_provider(origin.config("http", "127.0.0.1"))]
        )
        async with manager:
            answer = await manager.generate("hi")
    assert answer.text == ANSWER
    assert [attempt.failure.kind if attempt.failure else None for attempt in answer.attempts] == [
        u.FailureKind.PROXY,
        None,
    ]


async def test_a_proxy_of_the_environment_that_cannot_be_used_names_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://user:{PASSWORD}@127.0.0.1:1080")
    entry = u.ProviderConfig(
        provider="openai", base_url="https://provider.test/v1", api_key=u.Secret(KEY), text_model="m"
    )
    async with u.create_provider(entry) as llm:
        with pytest.raises(u.ConnectionFailed, match="variable ALL_PROXY names a SOCKS proxy") as caught:
            await llm.generate("hi")
    assert PASSWORD not in repr(caught.value)
