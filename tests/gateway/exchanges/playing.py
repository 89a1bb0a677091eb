"""Plays a scenario on a virtual clock, without sockets, and returns all that can be seen of it.

The server's protocol gets the callers' bytes, a transport in memory gives the providers' answers. Ids, times and
chances are the same each time, so two ways to the same answer can be compared byte by byte.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import msgspec
import pytest

from tests.gateway.exchanges.scenario import Caller, Scenario, Upstream
from understudy.config import Config, read_given
from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.domain.failures import Failure, FailureKind
from understudy.engine import engine, job
from understudy.engine.engine import Sources
from understudy.gateway import app, application
from understudy.gateway.access_log import AccessRecord, line_of
from understudy.gateway.routes import ROUTES, Router
from understudy.gateway.serving.line import Phase
from understudy.gateway.serving.protocol import HttpProtocol
from understudy.gateway.serving.server import Server
from understudy.ledger.rows import row_of, row_of_start
from understudy.pricing.cache import PRICE_CACHE
from understudy.transport.base import TransportError
from understudy.virtual_time import run
from understudy.wire import growing, members
from understudy.wire.http import HttpHead, HttpRequest

KEY = "exchange-key-0123456789abcdef0123456789abcdef"
EPOCH = 1_800_000_000.0
LONGEST = 5_000.0
"""Virtual seconds after which a caller that is still waiting leaves."""
_ROUTER = Router(ROUTES)
"""That of all gateways: it keeps nothing of a request."""


class Seen(msgspec.Struct):
    """What can be seen of a scenario."""

    answers: list[tuple[float, bytes]]
    """What each caller got, and when its answer ended."""
    sent: list[tuple[str, Any, bytes | None]]
    """What each provider was sent: address, headers, body."""
    rows: list[tuple[Any, ...]]
    """The rows of the ledger, beginnings and ends, in their order."""
    lines: list[bytes]
    """The access log."""


class _Socket(asyncio.Transport):
    """The caller's end of a connection."""

    def __init__(self, done: asyncio.Event) -> None:
        super().__init__()
        self.answer = bytearray()
        self._done = done

    def write(self, data: Any) -> None:
        self.answer += data

    def is_closing(self) -> bool:
        return self._done.is_set()

    def close(self) -> None:
        self._done.set()

    def abort(self) -> None:
        self.answer += b"<aborted>"
        self._done.set()

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 50_000)}.get(name, default)


class _Incoming:
    """A provider's answer, as it arrives."""

    def __init__(self, answer: Upstream) -> None:
        self.head = HttpHead(answer.status, answer.headers)
        self._pieces = list(zip(answer.pieces, answer.waits[1:], strict=True))
        self._cut = answer.cut
        self._is_closed = asyncio.Event()

    async def read(self) -> bytes:
        if not self._pieces:
            if self._cut:
                raise TransportError(Failure(kind=FailureKind.TRUNCATED, message="cut"))
            return b""
        piece, wait = self._pieces.pop(0)
        if wait:
            try:
                async with asyncio.timeout(wait):
                    await self._is_closed.wait()
            except TimeoutError:
                pass
        if self._is_closed.is_set():
            raise TransportError(Failure(kind=FailureKind.TRUNCATED, message="closed"))
        return piece

    def release(self) -> None:
        self._pieces.clear()

    def close(self) -> None:
        self._is_closed.set()


class _Transport:
    """All providers, by the host of their entry."""

    def __init__(self, played: Scenario, seen: Seen) -> None:
        self._answers = {f"https://entry{at}.test": list(given) for at, given in enumerate(played.answers)}
        self._seen = seen

    async def send(self, request: HttpRequest, *, connect: float) -> _Incoming:
        host = "/".join(request.url.split("/")[:3])
        self._seen.sent.append((request.url, tuple(request.headers), request.body))
        forms = self._answers[host].pop(0)
        self._answers[host].append(forms)
        answer = forms[_asks_for_a_stream(request)]
        if answer is None:
            raise TransportError(Failure(kind=FailureKind.CONNECT, message="refused", sent=False))
        if answer.waits[0]:
            await asyncio.sleep(answer.waits[0])
        return _Incoming(answer)

    async def aclose(self) -> None:
        pass


def _asks_for_a_stream(request: HttpRequest) -> bool:
    """Judge by the words that providers look at, wherever they stand: the odd ones of these may be wrong."""
    asked = (request.body or b"").translate(None, b" \n\t")
    return ":streamGenerateContent" in request.url or b'"stream":true' in asked


class _Rows:
    """Keeps the rows that a ledger would have."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def begin(self, start: AttemptStart) -> None:
        self._seen.rows.append(row_of_start(start, 1, opens=False))

    def record(self, attempt: AttemptRecord) -> None:
        self._seen.rows.append(row_of(attempt, 1, opens=False))


@lru_cache(maxsize=500)
def _config(given: tuple[tuple[str, str, str], ...], settings: tuple[tuple[str, Any], ...]) -> Config:
    """Return the configuration of a gateway, which nothing can change: many scenarios have the same."""
    entries = []
    for at, (dialect, provider, model) in enumerate(given):
        entry = {"name": f"entry{at}", "provider": provider, "text_model": model, "priority": at}
        entry["base_url"] = f"https://entry{at}.test" + ("/v1" if dialect == "openai" else "")
        entries.append(entry | ({} if dialect == "ollama" else {"api_key": f"sk-{at}-0123456789"}))
    keys = [{"name": "caller", "key": KEY}]
    route = {"name": "main", "targets": [each["name"] for each in entries], **dict(settings)}
    aliases = {"alias": "main", "m": "main"}
    gateway = {"secret": f"secret-{KEY}", "keys": keys, "aliases": aliases}
    return read_given({"llm": {"gateway": gateway, "providers": entries, "routes": [route]}})


class _Line(HttpProtocol):
    """A connection to the gateway, as its caller has it."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.shared)
        self.ended = asyncio.Event()
        """Set at the end of each answer."""
        self.caller = _Socket(self.ended)
        self.connection_made(self.caller)

    def answered(self, *, keep_alive: bool) -> None:
        super().answered(keep_alive=keep_alive)
        self.ended.set()


def _chunked(body: bytes) -> bytes:
    """Return a body in chunks of a thousand bytes."""
    chunks = [body[at : at + 1_000] for at in range(0, len(body), 1_000)]
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (*chunks, b""))


async def _ask(server: Server, caller: Caller, idle: list[_Line]) -> tuple[float, bytes]:
    """Send a request, wait for the end of its answer or leave."""
    line = idle.pop() if idle and caller.reuses else _Line(server)
    line.ended.clear()
    path = caller.target if caller.target.startswith(("/v1", "/v2", "/api")) else f"/v1{caller.target}"
    headers = "".join(f"{name}: {value}\r\n" for name, value in caller.headers.items())
    framing = "transfer-encoding: chunked" if caller.is_chunked else f"content-length: {len(caller.body)}"
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:8000\r\nauthorization: Bearer {KEY}\r\n{headers}{framing}\r\n\r\n"
    request = head.encode() + (_chunked(caller.body) if caller.is_chunked else caller.body)
    step = len(request) // caller.pieces + 1
    for at in range(0, len(request), step):
        if at:
            await asyncio.sleep(0.001)
        if not line.ended.is_set():
            line.data_received(request[at : at + step])
    try:
        async with asyncio.timeout(LONGEST if caller.leaves is None else caller.leaves):
            await line.ended.wait()
    except TimeoutError:
        line.caller.answer += b"<left>"
    answer = bytes(line.caller.answer)
    line.caller.answer.clear()
    if line.phase is Phase.IDLE:
        idle.append(line)
    else:
        line.connection_lost(None)
    return asyncio.get_running_loop().time(), answer


def _done_at_once(_: object, work: Callable[..., Any], *given: Any) -> asyncio.Future[Any]:
    """Do here what would be done in a thread, whose end would come at a moment that depends on the machine."""
    future = asyncio.get_running_loop().create_future()
    try:
        future.set_result(work(*given))
    except Exception as error:  # noqa: BLE001 - handed on to who waits
        future.set_exception(error)
    return future


async def _play(played: Scenario, patch: pytest.MonkeyPatch) -> Seen:
    loop = asyncio.get_running_loop()
    patch.setattr(loop, "run_in_executor", _done_at_once)
    patch.setattr(time, "time", lambda: EPOCH + loop.time())
    patch.setattr(time, "time_ns", lambda: int((EPOCH + loop.time()) * 1e9))
    patch.setattr(time, "monotonic", loop.time)
    patch.setattr(engine, "Sources", partial(Sources, rng=random.Random("jitter"), wall_clock=time.time))
    seen = Seen([], [], [], [])
    config = _config(played.entries, tuple(played.settings.items()))
    gateway = app(config, transport=_Transport(played, seen), sink=_Rows(seen))

    def logged(record: AccessRecord) -> None:
        seen.lines.append(line_of(record))

    gateway.access_log = logged
    server = Server(gateway, drain=1.0)
    asking: list[asyncio.Task[tuple[float, bytes]]] = []
    idle: list[_Line] = []
    for caller in played.callers:
        if caller.at:
            await asyncio.sleep(caller.at)
        asking.append(loop.create_task(_ask(server, caller, idle)))
    seen.answers += await asyncio.gather(*asking)
    while server.shared.tasks:
        await asyncio.sleep(1.0)
    await gateway.aclose()
    return seen


def play(played: Scenario) -> Seen:
    """Play a scenario, and return what can be seen."""
    PRICE_CACHE.load()  # in a thread, it would end at a moment that depends on the machine
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", random.Random("chances").randbytes)
        patch.setattr(job, "_chances", [])
        patch.setattr(members, "_latest", ())
        patch.setattr(application, "Router", lambda _: _ROUTER)
        patch.setattr(growing, "_kept", growing.Beginnings())
        patch.setattr(growing, "LEAST", 1_000)  # few recorded conversations are long
        patch.setattr(growing, "_MARKS", (8_000, 4_000, 2_000, 1_000))
        seen, _ = run(_play(played, patch))
    return seen
