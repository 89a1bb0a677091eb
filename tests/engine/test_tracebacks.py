"""A traceback that prints every local variable, as rich's, Sentry's and debuggers' do, shows no key.

The frames that matter are those in which a request hangs: between the key's being attached and the answer.
"""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from rich.console import Console
from rich.traceback import Traceback

import understudy as u
from tests.engine.fakes import CANARY, everything_about

pytestmark = pytest.mark.usefixtures("each_transport")

PIECE = CANARY[3:13]
"""What is enough to recognise the key, and all that is left of it in a value that is cut to 20 characters."""
Use = Callable[[u.LLMProvider], Awaitable[object]]


async def whole_stream(llm: u.LLMProvider) -> None:
    async for _ in llm.stream("hi"):
        pass


USES: dict[str, Use] = {
    "generate": lambda llm: llm.generate("hi"),
    "stream": whole_stream,
    "embed": lambda llm: llm.embed("hi", model="text-embedding-3-small"),
    "list": lambda llm: llm.list_models(),
}


class Silent:
    """A server that reads the request, answers with as much as it is given, and then says nothing more."""

    def __init__(self, answer: bytes = b"") -> None:
        self.answer = answer
        self.breaks = False
        self.asked = asyncio.Event()
        self.seen = b""
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.seen = await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        await writer.drain()
        self.asked.set()
        if not self.breaks:
            await reader.read()
        writer.close()


@pytest.fixture
async def silent() -> AsyncIterator[Callable[[bytes], Awaitable[tuple[Silent, str]]]]:
    servers: list[asyncio.Server] = []

    async def start(answer: bytes) -> tuple[Silent, str]:
        one = Silent(answer)
        server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
        servers.append(server)
        return one, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    yield start
    for server in servers:
        server.close()


def shown(error: BaseException) -> str:
    """The traceback of an error as three tools show it: the standard library, rich, and one that walks the frames."""
    plain = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    out = io.StringIO()
    rich = Traceback.from_exception(
        type(error), error, error.__traceback__, show_locals=True, extra_lines=0, locals_max_string=20
    )  # fmt: skip
    Console(file=out, width=300).print(rich)
    frames = "\n".join(
        repr(value) for frame, _ in traceback.walk_tb(error.__traceback__) for value in frame.f_locals.values()
    )
    return plain + out.getvalue() + frames


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: "])
async def test_a_request_that_is_given_up_leaves_no_key_in_any_frame(
    use: str, answer: bytes, silent: Callable[[bytes], Awaitable[tuple[Silent, str]]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server, url = await silent(answer)
    config = u.ProviderConfig(provider="openai", base_url=url, api_key=u.Secret(CANARY), text_model="gpt-5")
    async with u.create_provider(config) as llm:
        task = asyncio.ensure_future(USES[use](llm))
        await asyncio.wait_for(server.asked.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    assert CANARY in server.seen.decode(), "the test looks for a key that was really sent"
    assert PIECE not in shown(caught.value)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_says_nothing_leaves_no_password_in_any_frame(
    scheme: str, silent: Callable[[bytes], Awaitable[tuple[Silent, str]]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server, url = await silent(b"")
    proxy = url.removesuffix("/v1").replace("http://", f"http://somebody:{CANARY}@")
    config = u.ProviderConfig(
        provider="openai", base_url=f"{scheme}://host.invalid/v1", proxy=proxy, api_key=u.Secret("sk-of-the-test"),
        text_model="gpt-5", timeout=60,
    )  # fmt: skip
    async with u.create_provider(config) as llm:
        task = asyncio.ensure_future(llm.generate("hi"))
        await asyncio.wait_for(server.asked.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    del proxy  # the test's own
    frames = shown(caught.value)
    sent = base64.b64encode(f"somebody:{CANARY}".encode()).decode()
    assert f"Basic {sent}" in server.seen.decode()
    assert sent not in frames
    assert PIECE not in frames
    assert CANARY not in caplog.text + repr(config) + repr(llm)


@pytest.mark.parametrize("use", USES)
async def test_a_request_that_times_out_leaves_no_key_in_any_frame(
    use: str, silent: Callable[[bytes], Awaitable[tuple[Silent, str]]]
) -> None:
    server, url = await silent(b"")
    config = u.ProviderConfig(
        provider="openai", base_url=url, api_key=u.Secret(CANARY), text_model="gpt-5", timeout=0.5
    )
    async with u.create_provider(config, fallback=u.FallbackConfig(max_retries=1)) as llm:
        with pytest.raises(u.LLMError) as caught:
            await USES[use](llm)
    assert CANARY in server.seen.decode()
    assert PIECE not in shown(caught.value)
    assert CANARY not in everything_about(caught.value)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"])
async def test_an_answer_that_breaks_leaves_no_key_in_any_frame(
    use: str, answer: bytes, silent: Callable[[bytes], Awaitable[tuple[Silent, str]]]
) -> None:
    server, url = await silent(answer)
    server.breaks = True
    config = u.ProviderConfig(provider="openai", base_url=url, api_key=u.Secret(CANARY), text_model="gpt-5")
    async with u.create_provider(config, fallback=u.FallbackConfig(max_retries=1)) as llm:
        with pytest.raises(u.LLMError) as caught:
            await USES[use](llm)
    assert CANARY in server.seen.decode()
    assert PIECE not in shown(caught.value)


def test_what_a_request_shows_of_itself_names_neither_key_nor_prompt() -> None:
    request = u.HttpRequest("POST", f"https://host/path?key={CANARY}", (("x-key", CANARY),), CANARY.encode())
    assert repr(request) == "HttpRequest(method='POST', url='https://host/path', headers=['x-key'], body='22 bytes')"
    out = io.StringIO()
    Console(file=out, width=400).print(request)
    assert CANARY not in out.getvalue()
