"""A caller of the provider's own wire format gets the provider's bytes: whole bodies, frames of streams, errors."""

from __future__ import annotations

import asyncio
import json
import pickle
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import msgspec
import pytest

import understudy as u
from tests.contract.native import REQUESTS
from tests.contract.targets import server_of
from understudy.dialects.server import Inbound
from understudy.domain.operation import Operation
from understudy.domain.wire_answer import WireAnswer, wire_answer_of
from understudy.wire.http import HttpRequest

KEY = "sk-canary-0123456789abcdef"
PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "gemini": "google", "cohere": "cohere", "ollama": "ollama"}
HEADERS = (
    "request-id: req_1\r\nx-ratelimit-remaining-tokens: 7\r\nopenai-organization: ours\r\nset-cookie: c=1\r\n"
    "anthropic-ratelimit-tokens-limit: 9\r\nretry-after: 3\r\nconnection: close\r\n"
)
PASSED = {
    "request-id": "req_1",
    "x-ratelimit-remaining-tokens": "7",
    "anthropic-ratelimit-tokens-limit": "9",
    "retry-after": "3",
}

WHOLE: dict[str, bytes] = {
    "openai": b'{ "id":"c",\n "zz": [1.0, 1E2 , "\\u0041"], "choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"hel\\u006co"},"finish_reason":"stop"}], "usage":{"prompt_tokens":3,"completion_tokens":1}, '
    b'"zz": 2 }\r\n',
    "anthropic": b' {"type":"message","id":"m","role":"assistant","content":[{"type":"text" , "text":"hello","zz":1}],'
    b'"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}',
    "gemini": b'{"candidates": [{"content": {"parts": [{"text": "hello"}],"role": "model"},"finishReason": "STOP"}],'
    b'"usageMetadata": {"promptTokenCount": 3,"candidatesTokenCount": 1}, "zz": 1.50}\n',
    "cohere": b'{"id":"c","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":'
    b'"hello"}]}, "zz":{"a":1.0}}',
    "ollama": b'{"model":"m","message":{"role":"assistant","content":"hello"},"done":true,"done_reason":"stop", '
    b'"zz":1.0}',
}
USAGE_FRAME = (
    b'data: {"id":"c", "service_tier":"new", "choices" : [],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'
)
STREAMS: dict[str, list[bytes]] = {
    "openai": [
        b'data: {"id":"c","choices":[],"prompt_filter_results":[{"zz":1}],"usage":null}\n\n',
        b': a comment\n\ndata: {"id":"c","zz":1.0,"choices":[{"index":0,"delta":{"content":"hel"}}]}\r\n\r\n',
        b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"lo"},"zz":null}], "usage": null}\n\n',
        b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        USAGE_FRAME,
        b"data: [DONE]\n\n",
    ],
    "anthropic": [
        b'event: message_start\ndata: {"type":"message_start", "message":{"id":"m","model":"c","content":[],"usage":'
        b'{"input_tokens":3}}}\n\n',
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text",'
        b'"text":""}}\n\n',
        b'event: ping\ndata: {"type": "ping"}\n\n',
        b'event: zz_tomorrow\ndata: {"type":"zz_tomorrow","n":1.0}\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
        b'"text":"hello"}}\n\n',
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":'
        b'{"output_tokens":1}}\n\n',
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ],
    "gemini": [
        b'data: {"candidates": [{"content": {"parts": [{"text": "hel"}],"role": "model"},"index": 0}]}\r\n\r\n',
        b'data: {"candidates": [{"content": {"parts": [{"text": "lo"}]},"finishReason": "STOP"}],"usageMetadata": '
        b'{"promptTokenCount": 3,"candidatesTokenCount": 1}}\r\n\r\n',
    ],
    "cohere": [
        b'event: message-start\ndata: {"type":"message-start","id":"c","delta":{"message":{"role":"assistant"}}}\n\n',
        b'event: content-start\ndata: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text",'
        b'"text":""}}}}\n\n',
        b'event: content-delta\ndata: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":'
        b'"hello"}}}}\n\n',
        b'event: content-end\ndata: {"type":"content-end","index":0}\n\n',
        b'event: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"COMPLETE"}}\n\n',
        b"data: [DONE]\n\n",
    ],
    "ollama": [
        b'{"model":"m", "message":{"role":"assistant","content":"hel"},"done":false}\r\n',
        b'\n{"model":"m","message":{"role":"assistant","content":"lo"},"zz":1.0,"done":false}\n',
        b'{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n',
    ],
}
STREAM_TYPES = {"ollama": "application/x-ndjson"}
ERROR = b'{ "type":"error","error":{"type":"invalid_request_error","message":"no \\u0073uch thing", "zz":1.0}}\n'

Answer = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]


@asynccontextmanager
async def provider(dialect: str, answer: Answer, **settings: Any) -> AsyncIterator[u.ProviderManager]:
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        with suppress(ConnectionError):
            await answer(writer, await reader.readexactly(size))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    kind = PROVIDERS[dialect]
    entry = u.ProviderConfig(
        provider=kind,
        base_url=f"{url}/v1" if kind == "openai" else url,
        api_key=u.Secret(KEY),
        text_model="a-model",
        embedding_model="a-model",
    )
    fallback = u.FallbackConfig(max_retries=1, **settings)
    try:
        async with u.ProviderManager([u.create_provider(entry)], fallback) as llm:
            yield llm
    finally:
        server.close()
        await asyncio.gather(*filter(None, serving), return_exceptions=True)


def replying(body: bytes, kind: str = "application/json", status: str = "200 OK") -> Answer:
    async def answer(writer: asyncio.StreamWriter, asked: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{HEADERS}\r\n"
        writer.write(head.encode() + body)

    return answer


def streaming(pieces: list[bytes], kind: str = "text/event-stream", seed: int | None = None) -> Answer:
    async def answer(writer: asyncio.StreamWriter, asked: bytes) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{HEADERS}\r\n".encode())
        data, dice = b"".join(pieces), random.Random(seed)
        cuts = sorted({0, len(data), *(dice.randrange(len(data)) for _ in range(0 if seed is None else 12))})
        for start, end in pairwise(cuts):
            writer.write(data[start:end])
            await writer.drain()
            await asyncio.sleep(0 if seed is None else 0.001)

    return answer


def asked(dialect: str, *, stream: bool = False, **changes: Any) -> Inbound:
    _, path, fields = REQUESTS[dialect, Operation.CHAT]
    body = {**(fields or {}), **({} if dialect == "gemini" else {"stream": stream}), **changes}
    if dialect == "gemini" and stream:
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    return server_of(dialect).parse(HttpRequest("POST", path, (), json.dumps(body).encode()))


def unnamed(inbound: Inbound) -> u.GenerationRequest:
    assert isinstance(inbound.request, u.GenerationRequest)
    return msgspec.structs.replace(inbound.request, model=None)


@pytest.mark.parametrize("dialect", PROVIDERS)
async def test_a_whole_body_is_handed_on(dialect: str) -> None:
    long: dict[str, Any] = {} if dialect == "gemini" else {"max_tokens": 64_000}
    async with provider(dialect, replying(WHOLE[dialect])) as llm:
        response = await llm.generate(unnamed(asked(dialect, **long)))
    assert response.text == "hello"
    answer = wire_answer_of(response)
    assert answer is not None
    assert (answer.status, answer.body, dict(answer.headers)) == (200, WHOLE[dialect], PASSED)


async def test_no_other_caller_gets_it() -> None:
    async with provider("openai", replying(WHOLE["openai"])) as llm:
        plain = await llm.generate("hello")
        translated = await llm.generate(unnamed(asked("anthropic")))
    assert wire_answer_of(plain) is wire_answer_of(translated) is None


async def test_it_is_no_part_of_the_response() -> None:
    async with provider("openai", replying(WHOLE["openai"])) as llm:
        response = await llm.generate(unnamed(asked("openai")))
    answer = wire_answer_of(response)
    assert repr(answer) == f"WireAnswer(200, body={len(WHOLE['openai'])} bytes)"
    assert "WireAnswer" not in repr(response)
    assert wire_answer_of(pickle.loads(pickle.dumps(response))) is None
    assert "wire_answer" not in response.to_dict()
    assert response == pickle.loads(pickle.dumps(response))


async def forwarded(dialect: str, answer: Answer, **changes: Any) -> tuple[bytes, WireAnswer | None]:
    """What a gateway would write of a stream."""
    inbound = asked(dialect, stream=True, **changes)
    renderer = server_of(dialect).renderer(inbound)
    async with provider(dialect, answer) as llm, llm.stream(unnamed(inbound)) as stream:
        written = [renderer.feed(event) async for event in stream]
        return b"".join((*written, renderer.close())), wire_answer_of(stream.response)


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("dialect", PROVIDERS)
async def test_the_frames_of_a_stream_are_handed_on(dialect: str, seed: int | None) -> None:
    kind = STREAM_TYPES.get(dialect, "text/event-stream")
    wanted = b"".join(piece for piece in STREAMS[dialect] if piece is not USAGE_FRAME)
    written, answer = await forwarded(dialect, streaming(STREAMS[dialect], kind, seed))
    assert written == wanted
    assert answer is not None
    assert (answer.status, answer.body, dict(answer.headers)) == (200, None, PASSED)


async def test_usage_that_was_asked_for_is_handed_on() -> None:
    written, _ = await forwarded("openai", streaming(STREAMS["openai"]), stream_options={"include_usage": True})
    assert written == b"".join(STREAMS["openai"])


async def test_usage_that_cannot_be_read_is_withheld_too() -> None:
    odd = USAGE_FRAME.replace(b'"usage":{', b'"usage":{"zz":[],')
    spoiled = USAGE_FRAME.replace(b'"prompt_tokens":3', b'"prompt_tokens":"three"')
    for frame in (odd, spoiled):
        pieces = [frame if piece is USAGE_FRAME else piece for piece in STREAMS["openai"]]
        written, _ = await forwarded("openai", streaming(pieces))
        assert written == b"".join(piece for piece in pieces if piece is not frame)


async def refused(answer: Answer, dialect: str = "anthropic", origin: str = "anthropic", **settings: Any) -> u.LLMError:
    async with provider(dialect, answer, **settings) as llm:
        with pytest.raises(u.LLMError) as error:
            await llm.generate(unnamed(asked(origin)))
    return error.value


async def test_a_long_error_is_handed_on() -> None:
    body = ERROR.replace(b"thing", b"thing " * 8_000)
    answer = wire_answer_of(await refused(replying(body, status="400 Bad Request")))
    assert answer is not None
    assert answer.body == body


async def test_an_error_is_handed_on() -> None:
    error = await refused(replying(ERROR, status="400 Bad Request"))
    answer = wire_answer_of(error)
    assert answer is not None
    assert (answer.status, answer.body, dict(answer.headers), answer.is_error) == (400, ERROR, PASSED, True)
    assert wire_answer_of(await refused(replying(ERROR, status="400 Bad Request"), origin="openai")) is None


@pytest.mark.parametrize(
    "body",
    [
        ERROR.replace(b"thing", KEY.encode()),
        ERROR.replace(b"thing", KEY.replace("canary", "c\\u0061nary").encode()),
        ERROR.replace(b"thing", KEY[:12].encode() + b"****" + KEY[-4:].encode()),
    ],
)
async def test_an_error_is_handed_on_without_the_key(body: bytes) -> None:
    answer = wire_answer_of(await refused(replying(body, status="400 Bad Request")))
    assert answer is not None
    assert answer.body is None or (answer.body.startswith(b'{ "type":"error"') and b"0123456789" not in answer.body)
    assert KEY not in json.dumps(json.loads(answer.body or b"{}"))


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"<html>busy</html>", "text/html", "503 Service Unavailable"),
        (b"{cut", "application/json", "400 Bad Request"),
        (b'{"error":{"message":"%b"}}' % (b"x" * 70_000), "application/json", "400 Bad Request"),
        (b"", "application/json", "400 Bad Request"),
    ],
)
async def test_what_is_no_error_of_the_wire_format_is_not_handed_on(body: bytes, kind: str, status: str) -> None:
    answer = wire_answer_of(await refused(replying(body, kind, status)))
    assert answer is not None
    assert (answer.status, answer.body) == (int(status[:3]), None)


async def test_an_empty_answer_is_no_error_to_hand_on() -> None:
    empty = WHOLE["openai"].replace(b'"hel\\u006co"', b'""')
    assert wire_answer_of(await refused(replying(empty), "openai", "openai")) is None


BROKEN = b'event: error\ndata: {"type":"error", "error":{"type":"overloaded_error","message":"%b"},"zz":1.0}\n\n'


@pytest.mark.parametrize(("words", "handed_on"), [(b"too busy", b"too busy"), (KEY.encode(), b"[key]")])
async def test_the_error_that_ends_a_stream_is_handed_on(words: bytes, handed_on: bytes) -> None:
    pieces = [*STREAMS["anthropic"][:5], BROKEN % words]
    written: list[bytes] = []
    inbound = asked("anthropic", stream=True)
    renderer = server_of("anthropic").renderer(inbound)
    async with provider("anthropic", streaming(pieces)) as llm, llm.stream(unnamed(inbound)) as stream:
        with pytest.raises(u.LLMError) as error:
            async for event in stream:
                written.append(renderer.feed(event))
    answer = wire_answer_of(error.value)
    assert answer is not None
    assert answer.event == BROKEN % handed_on
    assert b"".join(written) == b"".join(pieces[:-1])


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b"data: {cut", b"", b'data: {"a":\n\n'])
async def test_a_stream_that_is_cut_has_no_word_of_the_provider(end: bytes) -> None:
    inbound = asked("openai", stream=True)
    pieces = [STREAMS["openai"][0], *([STREAMS["openai"][1]] if end != b"data: [DONE]\n\n" else []), end]
    async with provider("openai", streaming(pieces)) as llm, llm.stream(unnamed(inbound)) as stream:
        with pytest.raises(u.LLMError) as error:
            async for _ in stream:
                pass
    assert wire_answer_of(error.value) is None


async def test_vectors_are_handed_on() -> None:
    body = b'{"data":[ {"index":0,"embedding":[1.0, 2.50]},{"index":1,"embedding":[3,4]}],"model":"e", "zz":1.0}'
    _, path, fields = REQUESTS["openai", Operation.EMBED]
    request = server_of("openai").parse(HttpRequest("POST", path, (), json.dumps(fields).encode())).request
    assert isinstance(request, u.EmbeddingRequest)
    async with provider("openai", replying(body)) as llm:
        response = await llm.embed(msgspec.structs.replace(request, model=None))
    answer = wire_answer_of(response)
    assert answer is not None
    assert (answer.status, answer.body) == (200, body)


async def test_a_count_of_tokens_is_handed_on() -> None:
    body = b'{ "input_tokens" : 14, "zz":1.0}'
    _, path, fields = REQUESTS["anthropic", Operation.COUNT_TOKENS]
    request = server_of("anthropic").parse(HttpRequest("POST", path, (), json.dumps(fields).encode())).request
    assert isinstance(request, u.GenerationRequest)
    async with provider("anthropic", replying(body)) as llm:
        count = await llm.count_tokens(msgspec.structs.replace(request, model=None))
        assert wire_answer_of(await llm.count_tokens("hello")) is None
    assert count.input_tokens == 14
    answer = wire_answer_of(count)
    assert answer is not None
    assert (answer.status, answer.body) == (200, body)


async def test_the_last_of_several_answers_is_not_the_answer() -> None:
    _, path, _ = REQUESTS["cohere", Operation.COUNT_TOKENS]
    for text, handed_on in (("a", True), ("a" * 70_000, False)):
        asked_for = json.dumps({"text": text, "model": "m"}).encode()
        request = server_of("cohere").parse(HttpRequest("POST", path, (), asked_for)).request
        assert isinstance(request, u.GenerationRequest)
        async with provider("cohere", replying(b'{"tokens": [1, 2]}')) as llm:
            answer = wire_answer_of(await llm.count_tokens(msgspec.structs.replace(request, model=None)))
        assert answer is not None
        assert (answer.body is not None) is handed_on
