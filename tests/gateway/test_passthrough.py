"""What passes through, and what never does: paths, headers, redirects, bodies, and callers who may not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import openai
import pytest
from aiohttp import web

from tests.gateway.asgi import Asgi
from tests.gateway.test_official_faces import over
from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.fleet.orders import OrderKind
from understudy.gateway.access_log import AccessRecord
from understudy.gateway.application import Gateway, app

KEY = "upstream-key-0123456789abcdef"
ALICE = {"authorization": "Bearer alice-0123456789abcdef"}


class Upstream:
    """A server that answers whatever it is asked, and keeps what it received."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] | None = None
        self.url = ""
        self.received = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = b""
        async for piece in request.content.iter_any():
            body += piece
            self.received += len(piece)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.method, request.raw_path, headers, body))
        if self.answer is not None:
            return await self.answer(request)
        return web.json_response({"ok": True}, headers={"set-cookie": "a=b", "x-request-id": "r1"})


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream()
    server = web.Server(made.handle, access_log=None)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    yield made
    listener.close()
    await server.shutdown(0.1)


class Opened:
    """A gateway in front of it, its caller, and what it recorded."""

    def __init__(self, gateway: Gateway, records: list[AttemptRecord], log: list[AccessRecord]) -> None:
        self.gateway = gateway
        self.caller = Asgi(gateway)
        self.records = records
        self.log = log


@pytest.fixture
async def opened(upstream: Upstream) -> AsyncIterator[Callable[..., Opened]]:
    async with AsyncExitStack() as stack:

        def open_(passthrough: tuple[str, ...] = ("openai/*",), **more: Any) -> Opened:
            records: list[AttemptRecord] = []
            log: list[AccessRecord] = []
            entry = {"name": "openai", "provider": "openai", "api_key": KEY, "base_url": f"{upstream.url}/v1"}
            other = {"name": "other", "provider": "groq", "api_key": KEY, "base_url": f"{upstream.url}/other"}
            options = {**({"passthrough": list(passthrough)} if passthrough else {}), **more}
            config = {"llm": {"providers": [{**entry, "idle_timeout": 0.3}, other], "gateway": options}}
            gateway = app(config, observers=[records.append])
            gateway.access_log = log.append
            stack.push_async_callback(gateway.aclose)
            return Opened(gateway, records, log)

        yield open_


async def test_a_request_goes_on_as_it_is(opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened(("openai/audio/*",))
    body = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n\xff\x00\r\n--x--\r\n'
    headers = {
        "content-type": "multipart/form-data; boundary=x",
        "content-length": str(len(body)),
        "openai-beta": "voices=v1",
        "openai-organization": "org-of-the-caller",
        "authorization": "Bearer of-the-caller",
        "x-api-key": "",
        "cookie": "session=1",
        "connection": "keep-alive, x-secret",
        "x-forwarded-for": "10.0.0.1",
        "proxy-authorization": "Basic x",
        "te": "trailers",
        "origin": "http://localhost",
    }
    answer = await found.caller.send(
        "POST", "/passthrough/openai/audio/transcriptions?timestamps=1&a=b%20c", body, headers
    )
    assert (answer.status, answer.json) == (200, {"ok": True})
    assert "set-cookie" not in answer.headers
    assert (answer.headers["x-request-id"], answer.headers["x-understudy-provider"]) == ("r1", "openai")
    method, path, received, sent = upstream.requests[0]
    assert (method, path, sent) == ("POST", "/v1/audio/transcriptions?timestamps=1&a=b%20c", body)
    assert received["authorization"] == f"Bearer {KEY}"
    assert (received["content-type"], received["openai-beta"]) == (headers["content-type"], "voices=v1")
    assert received["content-length"] == str(len(body))
    for name in (
        "cookie",
        "x-forwarded-for",
        "proxy-authorization",
        "te",
        "origin",
        "openai-organization",
        "x-api-key",
    ):
        assert name not in received
    assert received["host"] == upstream.url.removeprefix("http://")


async def test_an_entry_that_an_operator_took_out_is_not_asked(
    opened: Callable[..., Opened], upstream: Upstream
) -> None:
    found = opened()
    await found.gateway.fleet.order(OrderKind.DRAIN, "openai", "ann")
    answer = await found.caller.get("/passthrough/openai/files")
    assert (answer.status, answer.json["error"]["code"]) == (503, "entry_disabled")
    assert "ann" not in answer.text.replace("cannot", "")
    assert (upstream.requests, found.records) == ([], [])
    await found.gateway.fleet.order(OrderKind.CLOSE, "openai", "ann")
    assert (await found.caller.get("/passthrough/openai/files")).status == 200


async def test_it_ends_as_one_record_of_unknown_cost(opened: Callable[..., Opened], upstream: Upstream) -> None:
    keys = [{"name": "alice", "key": ALICE["authorization"][7:], "labels": {"team": "search"}}]
    found = opened(keys=keys)
    await found.caller.get("/passthrough/openai/files", {**ALICE, "x-session-id": "s1"})
    (record,) = found.records
    assert (record.provider, record.operation, record.outcome) == ("openai", "passthrough", Outcome.WON)
    assert (record.cost, record.cost_basis, record.model) == (None, CostBasis.UNKNOWN, None)
    assert record.labels == {"team": "search", "key": "alice"}
    (line,) = found.log
    assert (line.route, line.provider, line.outcome, line.attempts) == ("/passthrough/{path}", "openai", "answered", 1)
    assert (line.id, line.key, line.cost_usd) == (record.request_id, "alice", None)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
async def test_any_method_passes(method: str, opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened()
    answer = await found.caller.send(method, "/passthrough/openai/files/f-1", b"", {"content-length": "0"})
    assert answer.status == 200
    assert (answer.body == b"") is (method == "HEAD")
    assert [each[:2] for each in upstream.requests] == [(method, "/v1/files/f-1")]
    assert found.records[0].outcome is Outcome.WON


NAMES = [
    "audio/speech", "files", "files/file-AbC_123.x", "files/a:b", "images/edits", "batches/b~1", "a/b/c/d", "rerank",
    "a@b", "a+b", "a,b", "a=b", "a&b", "a$b", "a!b", "(a)", "a'b", "a*b", ".hidden/x", "v1..2/x", "a.b.", "1",
]  # fmt: skip


@pytest.mark.parametrize("path", NAMES)
async def test_plain_paths_arrive_as_they_are(path: str, opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened()
    assert (await found.caller.get(f"/passthrough/openai/{path}")).status == 200
    assert upstream.requests[0][1] == f"/v1/{path}"


@pytest.mark.parametrize(
    ("path", "arrives"), [("%66iles", "files"), ("a%20b", "a%20b"), ("a%3Ab", "a:b"), ("%7Ex", "~x")]
)
async def test_other_spellings_become_the_only_one(
    path: str, arrives: str, opened: Callable[..., Opened], upstream: Upstream
) -> None:
    found = opened(("openai/files", "openai/a*", "openai/~x"))
    assert (await found.caller.get(f"/passthrough/openai/{path}")).status == 200
    assert upstream.requests[0][1] == f"/v1/{arrives}"


HOSTILE = [
    # dot segments, in every spelling
    "audio/..", "audio/../files", "audio/../../admin", "../files", "../../files", "./audio", "audio/./speech",
    "audio/.",
    "audio/%2e%2e/files", "audio/%2E%2E/files", "audio/.%2e/files", "audio/%2e./files", "%2e%2e/files", "%2e/audio",
    "audio/%252e%252e/files", "audio/%25252e%25252e/files", "audio/...", "audio/..../files", "audio/..;/files",
    "audio/..;x=1/files", "audio/.;/files", "audio/%2e%2e%3b/files", "audio/..%00/files", "audio/..%20/files",
    "audio/%20../files", "audio/..%09/files", "audio/..%0d%0a/files", "audio/%c0%ae%c0%ae/files",
    "audio/%e0%80%ae%e0%80%ae/files", "audio/%ef%bc%8e%ef%bc%8e/files", "audio/%u002e%u002e/files", "audio/%2e%2e",
    # separators, in every spelling
    "audio//speech", "//evil.example/audio", "/audio/speech", "audio/speech/", "audio/speech//", "audio///",
    "audio%2fspeech", "audio%2Fspeech", "audio%2f..%2ffiles", "audio/..%2ffiles", "audio/..%2Ffiles", "audio%252ffiles",
    "audio\\speech", "audio\\..\\files", "audio/..\\files", "audio%5cspeech", "audio%5C..%5Cfiles", "audio/..%5cfiles",
    "audio/%c0%af", "audio/%e2%88%95files", "audio/%ef%bc%8ffiles", "audio/%255cfiles",
    # other hosts, users, ports and schemes
    "https://evil.example/", "http:%2f%2fevil.example", "@evil.example/x/", "audio/https://evil.example",
    # queries, fragments, parameters and control characters within a path
    "audio%3fx=1", "audio%23x", "audio;x=1", "audio/speech;jsessionid=1", "audio%3bx", "audio%00", "audio/%00",
    "audio%0a",
    "audio%0d%0aHost:%20evil", "audio%09", "audio%7f", "audio%80", "audio/%ff", "audio/%c3%a9",
    # escapes that are none, and blanks
    "audio/%", "audio/%2", "audio/%zz", "audio/%%32%65", "audio/%2%65", "audio/ speech", "audio/%20", "audio/x%20",
    "audio/%20x", "audio/<x>", "audio/{x}", "audio/x|y", "audio/x^y", "audio/x`y", 'audio/"x"', "audio/[x]", "",
    # letters beyond ASCII, and too many
    "audio/é", "audio/．．/files", "audio/∕files", "audio/" + "a" * 2_000,
]  # fmt: skip


def test_the_table_is_large() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("path", HOSTILE)
async def test_hostile_paths_reach_nobody(path: str, opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened(("openai/*",))
    raw = "/passthrough/openai/" + path
    answer = await found.caller.send_raw("GET", raw.encode("utf-8"))
    assert answer.status == 400, raw
    assert not upstream.requests
    assert not found.records


async def test_only_what_is_listed_passes(opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened(("openai/audio/*", "openai/moderations"))
    for path, status in (
        ("openai/audio/speech", 200),
        ("openai/moderations", 200),
        ("openai/moderations/x", 404),
        ("openai/audio", 404),
        ("openai/audiobooks", 404),
        ("openai/files", 404),
        ("openai/Audio/speech", 404),
        ("openai", 404),
        ("other/audio/speech", 404),
        ("OpenAI/audio/speech", 404),
        ("nobody/audio/speech", 404),
    ):
        assert (await found.caller.get(f"/passthrough/{path}")).status == status, path
    assert len(upstream.requests) == 2
    assert (await opened(()).caller.get("/passthrough/openai/audio/speech")).status == 404


async def test_a_caller_needs_a_key_for_the_entry(opened: Callable[..., Opened], upstream: Upstream) -> None:
    for names, status in (
        (["openai"], 200),
        (["openai/*"], 200),
        ([], 200),
        (["other"], 403),
        (["openai/gpt-4.1"], 403),
    ):
        models = {"models": names} if names else {}
        found = opened(keys=[{"name": "alice", "key": ALICE["authorization"][7:], **models}])
        assert (await found.caller.get("/passthrough/openai/files")).status == 401
        assert (await found.caller.get("/passthrough/openai/files?key=alice-0123456789abcdef")).status == 401
        assert (await found.caller.get("/passthrough/openai/files", ALICE)).status == status
    assert len(upstream.requests) == 3


async def test_the_query_cannot_add_a_line(opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened()
    for query in ("a=b\r\nx: y", "a=%0", "a=<b>", "a=b#c", 'a="'):
        assert (await found.caller.send_raw("GET", b"/passthrough/openai/files", query.encode())).status == 400
    assert not upstream.requests


async def test_a_redirect_is_neither_followed_nor_told(opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened()

    async def redirect(request: web.BaseRequest) -> web.Response:
        return web.Response(status=307, headers={"location": f"{upstream.url}/stolen"})

    upstream.answer = redirect
    answer = await found.caller.get("/passthrough/openai/files/f-1/content")
    assert answer.status == 502
    assert "location" not in answer.headers
    assert "redirect" in answer.text
    assert len(upstream.requests) == 1
    assert found.records[0].outcome is Outcome.FAILED


async def test_an_answer_without_content_states_no_length(opened: Callable[..., Opened], upstream: Upstream) -> None:
    """A caller that believed it would take the next answer for the missing bytes (RFC 9110, 8.6)."""
    found = opened()

    async def deleted(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nETag: a\r\nConnection: close\r\n\r\n")
        request.transport.close()
        return web.Response()

    upstream.answer = deleted
    answer = await found.caller.get("/passthrough/openai/files/f-1")
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["etag"] == "a"
    assert "content-length" not in answer.headers


async def test_errors_come_back_without_the_key(opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened()
    error = {"error": {"message": f"no such file; the key was {KEY}", "type": "invalid_request_error", "code": "x"}}

    async def refuse(request: web.BaseRequest) -> web.Response:
        return web.json_response(error, status=404, headers={"retry-after": "3"})

    upstream.answer = refuse
    answer = await found.caller.get("/passthrough/openai/files/f-1")
    assert (answer.status, answer.headers["retry-after"]) == (404, "3")
    assert answer.json["error"]["message"] == "no such file; the key was [key]"
    assert found.records[0].failure is not None
    assert found.records[0].cost_basis is CostBasis.REFUSED
    assert found.log[0].outcome == "failed"

    async def wrong_key(request: web.BaseRequest) -> web.Response:
        return web.json_response({"error": {"message": f"Incorrect API key provided: {KEY}"}}, status=401)

    upstream.answer = wrong_key
    answer = await found.caller.get("/passthrough/openai/files/f-1")
    assert (answer.status, answer.json["error"]["code"]) == (502, "upstream_auth")
    assert KEY not in answer.text


async def test_an_error_is_never_handed_on_in_part(opened: Callable[..., Opened], upstream: Upstream) -> None:
    """Its beginning would be taken for the whole."""
    found = opened()

    async def refuse(request: web.BaseRequest) -> web.Response:
        return web.json_response({"error": {"message": "x" * 100_000, "type": "invalid_request_error"}}, status=400)

    upstream.answer = refuse
    answer = await found.caller.get("/passthrough/openai/files/f-1")
    assert answer.status == 400
    assert "too large to read" in answer.json["error"]["message"]


async def test_websocket_is_refused(opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened()
    headers = {"upgrade": "websocket", "connection": "upgrade"}
    assert (await found.caller.get("/passthrough/openai/realtime", headers)).status == 400
    closed: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        closed.append(message)

    scope = {"type": "websocket", "path": "/passthrough/openai/realtime", "headers": []}
    await found.gateway(scope, receive, send)
    assert [each["type"] for each in closed] == ["websocket.close"]
    assert not upstream.requests


async def test_a_body_beyond_the_cap_is_refused(opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened(body_limit_mb=0.1)
    path, body = "/passthrough/openai/files", bytes(200_000)
    declared = await found.caller.send("POST", path, body, {"content-length": "200000"})
    assert declared.status == 413
    assert not found.records
    counted = await found.caller.send_pieces("POST", path, [bytes(50_000)] * 4)
    assert counted.status == 413
    assert not upstream.requests


async def test_a_body_goes_on_while_it_arrives(opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened()
    seen: list[int] = []

    async def more() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield bytes(1000)
            while upstream.received < 1000 * (len(seen) + 1):
                await asyncio.sleep(0.005)
            seen.append(upstream.received)

    answer = await found.caller.send_pieces("POST", "/passthrough/openai/files", more())
    assert answer.status == 200
    assert seen == [1000, 2000, 3000, 4000]


async def test_an_answer_comes_as_it_arrives_and_a_break_cuts_it(
    opened: Callable[..., Opened], upstream: Upstream
) -> None:
    found = opened()

    async def speak(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "audio/mpeg"})
        await response.prepare(request)
        await response.write(b"\xff\xfb one")
        await asyncio.sleep(0.02)
        await response.write(b"two")
        if request.raw_path.endswith("/broken"):
            assert request.transport is not None
            request.transport.abort()
        elif request.raw_path.endswith("/silent"):
            await asyncio.sleep(2)
        return response

    upstream.answer = speak
    whole = await found.caller.post("/passthrough/openai/audio/speech", {"input": "hi"})
    assert (whole.body, whole.pieces[0], whole.is_complete) == (b"\xff\xfb onetwo", b"\xff\xfb one", True)
    for path in ("broken", "silent"):
        cut = await found.caller.post(f"/passthrough/openai/audio/{path}", {"input": "hi"})
        assert (cut.status, cut.is_complete) == (200, False)
    assert [each.outcome for each in found.records] == [Outcome.WON, Outcome.FAILED, Outcome.FAILED]
    assert [each.outcome for each in found.log] == ["answered", "interrupted", "interrupted"]


async def test_the_caller_who_leaves_ends_it_upstream(opened: Callable[..., Opened], upstream: Upstream) -> None:
    found, left, leave = opened(), asyncio.Event(), asyncio.Event()

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"more")
                leave.set()
                await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.CancelledError):
            left.set()
            raise

    upstream.answer = endless
    await found.caller.send("GET", "/passthrough/openai/files/f-1/content", b"", leave=leave)
    await asyncio.wait_for(left.wait(), 30)
    assert found.records[0].outcome is Outcome.ABORTED
    assert found.log[0].outcome == "client_left"
    assert found.gateway.under_way == 0


async def test_an_address_where_nobody_listens_is_an_error_of_the_gateway(opened: Callable[..., Opened]) -> None:
    config = {"provider": "openai", "api_key": KEY, "base_url": "http://127.0.0.1:1/v1"}
    gateway = app({"llm": {"providers": [config], "gateway": {"passthrough": ["openai/*"]}}})
    answer = await Asgi(gateway).post("/passthrough/openai/files", {"a": 1})
    await gateway.aclose()
    assert answer.status == 502
    assert answer.json["error"]["message"]


async def test_openais_client(opened: Callable[..., Opened], upstream: Upstream) -> None:
    found = opened(("openai/audio/*", "openai/files"))
    client = openai.AsyncOpenAI(
        base_url="http://localhost/passthrough/openai", api_key="any", http_client=over(found.gateway)
    )

    async def speak(request: web.BaseRequest) -> web.Response:
        if request.path.endswith("/transcriptions"):
            return web.json_response({"text": "hello"})
        return web.Response(body=b"\xff\xfb sound", content_type="audio/mpeg")

    upstream.answer = speak
    sound = await client.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input="hi")
    assert sound.content == b"\xff\xfb sound"
    heard = await client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"\xff\xfb sound"))
    assert heard.text == "hello"
    assert b"\xff\xfb sound" in upstream.requests[-1][3]
    with pytest.raises(openai.NotFoundError, match="passthrough"):
        await client.images.generate(prompt="hi")
