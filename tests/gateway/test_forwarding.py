"""A caller of the provider's own wire format sends its own bytes, and gets the provider's: answers, errors, headers.

The answers are written after the vendors' documentation, with spellings that no encoder would choose.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.gateway.asgi import Asgi
from tests.gateway.upstream import Canned, serving
from understudy.gateway.application import app

ASKED = b"""{
   "x_unknown" :  {"a":1.0, "b": 1e2, "a": "\\u00e9", "c": 12345678901234567890123},
   "model":"mine"  ,"max_tokens": 50,
 "messages": [ {"role":"user", "content":"h\\u0069"} ] }"""
SENT = ASKED.replace(b'"mine"', b'"theirs"')

MESSAGE = b"""{ "type":"message","id":"msg_1", "role":"assistant","model":"theirs","x_new": [1.0, 1e2],
  "content":[{"text":"h\\u0069","type":"text"}],"stop_reason":"end_turn","stop_sequence":null,
  "usage":{"input_tokens":3,"output_tokens":1,"x_new":0.50}}"""
STREAM = b"".join(
    (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","x":1.0,'
        b'"role":"assistant","model":"theirs","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}\n\n',
        b": a comment\n\n",
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}\n\n',
        b'event: x_new\ndata:{"type":"x_new", "value":1e2}\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"h\\u0069"}}\n\n',
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
        b'"usage":{"output_tokens":1}}\n\n',
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    )
)
OVERLOADED = b'{"type":"error","error":{"type":"overloaded_error","message":"Over\\u006coaded"}, "request_id":"req_1"}'
LIMITS = {"anthropic-ratelimit-requests-remaining": "7", "request-id": "req_1"}


@asynccontextmanager
async def gateway(canned: Canned) -> AsyncIterator[Asgi]:
    async with serving(canned):
        entry = {
            "name": "mine",
            "provider": "anthropic",
            "base_url": canned.url,
            "api_key": "k",
            "text_model": "theirs",
        }
        made = app({"llm": {"providers": [entry], "fallback": {"max_attempts": 1}}})
        yield Asgi(made, {"anthropic-version": "2023-06-01", "anthropic-beta": "a-2025-01-01,b-2026-01-01"})
        await made.aclose()


async def test_a_whole_answer() -> None:
    async with gateway(canned := Canned(MESSAGE, headers=LIMITS)) as caller:
        answer = await caller.post("/v1/messages?beta=true", ASKED)
        assert (answer.status, answer.body) == (200, MESSAGE)
        assert canned.bodies == [SENT]
        assert answer.headers | LIMITS == answer.headers
        assert "anthropic-beta: a-2025-01-01,b-2026-01-01" in canned.heads[0].lower()
        assert "x-api-key: k\r\n" in canned.heads[0].lower()


async def test_a_stream() -> None:
    asked = ASKED.replace(b"{\n", b'{ "stream" : true ,\n', 1)
    async with gateway(canned := Canned(STREAM, content_type="text/event-stream", headers=LIMITS)) as caller:
        answer = await caller.post("/v1/messages", asked)
        assert (answer.status, answer.body) == (200, STREAM)
        assert canned.bodies == [asked.replace(b'"mine"', b'"theirs"')]
        assert answer.headers | LIMITS == answer.headers


async def test_an_error() -> None:
    async with gateway(Canned(OVERLOADED, status=529, headers=LIMITS)) as caller:
        answer = await caller.post("/v1/messages", ASKED)
        assert (answer.status, answer.body) == (529, OVERLOADED)


async def test_an_error_in_the_middle_of_a_stream() -> None:
    event = (
        b'event: error\ndata: {"type":"error", "error":{"type":"overloaded_error","message":"Over\\u006coaded"}}\n\n'
    )
    begun = STREAM[: STREAM.index(b"event: content_block_stop")]
    async with gateway(Canned(begun + event, content_type="text/event-stream")) as caller:
        answer = await caller.post("/v1/messages", ASKED.replace(b"{\n", b'{"stream":true,\n', 1))
        assert answer.body == begun + event


async def test_a_refused_key_is_told_in_our_words() -> None:
    body = b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}'
    async with gateway(Canned(body, status=401)) as caller:
        answer = await caller.post("/v1/messages", ASKED)
        assert answer.status == 502
        assert answer.body != body


@pytest.mark.parametrize("twice", [b'"model":"mine"', b'"stream":false', b'"mod\\u0065l":"other"'])
async def test_what_two_readers_could_read_differently_is_refused(twice: bytes) -> None:
    async with gateway(canned := Canned(MESSAGE)) as caller:
        body = b'{"stream":false,"model":"mine","max_tokens":1,"messages":[{"role":"user","content":"hi"}],%s}' % twice
        assert (await caller.post("/v1/messages", body)).status == 400
        assert canned.bodies == []
