"""What one account signed never reaches another of the same wire format, and everything else keeps its bytes.

Bodies are spelled as no encoder would spell them, so that a byte that is written anew shows.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.asgi import Asgi
from tests.gateway.upstream import Canned, serving
from understudy.config import read_given
from understudy.domain.requests import GenerationRequest, WireOrigin
from understudy.gateway.application import app
from understudy.gateway.site import Site


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format: what its vendors answer, and how a client sends that back."""

    provider: str
    model: str
    base: str
    path: str
    answer: Any
    signed: str
    """A piece of a body with `SIGNED` as its signature."""
    unsigned: str
    """The same without it; empty if all of it goes."""
    body: str
    """The body around some pieces, with `MODEL` as the model."""
    events: Any = None


SIGNED = "EqRkAbCd0123456789+/=="
CALL = {"name": "look", "arguments": "{}"}
ITEMS = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": SIGNED},
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": "completed", **CALL},
]
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-6-luna",
    "output": ITEMS, "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
}  # fmt: skip
USAGE = {"input_tokens": 3, "output_tokens": 1}
BLOCKS = [
    {"type": "thinking", "thinking": "Hm.", "signature": SIGNED},
    {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
]
MESSAGE = {
    "type": "message", "id": "msg_1", "role": "assistant", "model": "claude-haiku-4-5", "content": BLOCKS,
    "stop_reason": "tool_use", "stop_sequence": None, "usage": USAGE,
}  # fmt: skip
PARTS = [{"functionCall": {"name": "look", "args": {}}, "thoughtSignature": SIGNED}]
CANDIDATE = {
    "candidates": [{"content": {"role": "model", "parts": PARTS}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4},
}
PLACEHOLDER = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""Base64 of `skip_thought_signature_validator`: https://ai.google.dev/gemini-api/docs/thought-signatures."""

FACES = {
    "responses": Face(
        provider="openai",
        model="gpt-6-luna",
        base="/v1",
        path="/v1/responses",
        answer=RESPONSE,
        events=[
            {"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "status": "in_progress"}},
            *(
                {"type": f"response.output_item.{what}", "sequence_number": 2, "output_index": at, "item": item}
                for at, item in enumerate(ITEMS)
                for what in ("added", "done")
            ),
            {"type": "response.completed", "sequence_number": 9, "response": RESPONSE},
        ],
        signed='{"summary" :[],"type":"reasoning" , "encrypted_content":"%s"},',
        unsigned="",
        body='{"n":1e2,"model":"MODEL" ,"store":false,"input":[{"role":"user","content":"h\\u0069"},'
        '%s{"type":"function_call","call_id":"call_1","name":"look", "arguments":"{}"},'
        '{"type":"function_call_output","call_id":"call_1","output":"1.0"}]}',
    ),
    "anthropic": Face(
        provider="anthropic",
        model="claude-haiku-4-5",
        base="",
        path="/v1/messages",
        answer=MESSAGE,
        events=[
            {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
            {"type": "content_block_start", "index": 0,
             "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": SIGNED}},
            {"type": "content_block_stop", "index": 0},
            {"type": "content_block_start", "index": 1, "content_block": BLOCKS[1]},
            {"type": "content_block_stop", "index": 1},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ],
        signed='{"thinking":"Hm.","type":"thinking" , "signature":"%s"},',
        unsigned="",
        body='{"n":1e2,"model":"MODEL" ,"max_tokens":99,"messages":[{"role":"user","content":"h\\u0069"},'
        '{"role":"assistant" ,"content":[%s{"type":"tool_use","id":"toolu_1", "name":"look","input":{"n":1.0}}]},'
        '{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"1.0"}]}]}',
    ),
    "gemini": Face(
        provider="google",
        model="gemini-3.5-flash",
        base="/v1beta",
        path="/v1beta/models/NAME:generateContent",
        answer=CANDIDATE,
        signed=', "thoughtSignature" :"%s"',
        unsigned=f',"thoughtSignature":"{PLACEHOLDER}"',
        body='{"n":1e2,"contents":[{"role":"user","parts":[{"text":"h\\u0069"}]},'
        '{"role":"model" ,"parts":[{"functionCall":{"name":"look","args":{"n":1.0}}%s}]},'
        '{"role":"user","parts":[{"functionResponse":{"name":"look","response":{"n":1.0}}}]}]}',
    ),
}  # fmt: skip
EACH = pytest.mark.parametrize("name", FACES)


STREAMED = b',"stream":true'
"""What a body has more that asks for a stream."""


def sse(events: list[Any]) -> bytes:
    return "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in events).encode()


@asynccontextmanager
async def opened(
    face: Face, entries: list[dict[str, Any]], *, stream: bool = False, **gateway: Any
) -> AsyncIterator[Any]:
    """Yield a caller, and the two servers. An entry says at which of them it is (`at`)."""
    whole = (sse(face.events) if stream else json.dumps(face.answer).encode()), SIGNED.encode()
    kind = "text/event-stream" if stream else "application/json"
    made = [Canned(whole[0].replace(whole[1], each), content_type=kind) for each in (whole[1], b"OtHeR" + whole[1])]
    async with serving(made[0]), serving(made[1]):
        tables = [
            {
                "provider": face.provider,
                "text_model": face.model,
                "base_url": made[each.pop("at")].url + face.base,
                **each,
            }
            for each in entries
        ]
        running = app({"llm": {"providers": tables, "gateway": gateway}})
        try:
            yield Asgi(running), *made
        finally:
            await running.aclose()


async def ask(caller: Asgi, face: Face, entry: str, piece: str, *, stream: bool = False) -> Any:
    """Send the body with a piece to an entry."""
    body = face.body % piece
    if stream:
        body = body.replace('{"n":1e2', '{"n":1e2' + STREAMED.decode(), 1)
    path = face.path.replace("NAME", entry)
    answer = await caller.post(path, body.replace("MODEL", entry).encode(), {"anthropic-version": "2023-06-01"})
    assert answer.status == 200, answer.text
    return answer


def sent(face: Face, piece: str, model: str = "") -> bytes:
    return (face.body % piece).replace("MODEL", model or face.model).encode()


TWO_SERVERS = ({"name": "one", "at": 0, "api_key": "key-of-one"}, {"name": "two", "at": 1, "api_key": "key-of-two"})


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@EACH
async def test_another_server_does_not_get_it(name: str, stream: bool) -> None:
    face = FACES[name]
    if stream and face.events is None:
        pytest.skip("its streams are made of the same chunks")
    async with opened(face, [dict(each) for each in TWO_SERVERS], stream=stream) as (caller, one, two):
        own = face.signed % SIGNED
        await ask(caller, face, "one", face.unsigned, stream=stream)
        answer = await ask(caller, face, "two", own, stream=stream)
        assert two.bodies[-1].replace(STREAMED, b"") == sent(face, face.unsigned)
        assert "dropped thinking: another account or model wrote it" in answer.headers["x-understudy-warnings"]
        answer = await ask(caller, face, "one", own, stream=stream)
        assert one.bodies[-1].replace(STREAMED, b"") == sent(face, own)
        assert "thinking" not in answer.headers.get("x-understudy-warnings", ""), answer.headers
        await ask(caller, face, "one", face.signed % ("OtHeR" + SIGNED), stream=stream)
        assert one.bodies[-1].replace(STREAMED, b"") == sent(face, face.unsigned)


@EACH
async def test_what_nobody_is_known_to_have_written_goes_on(name: str) -> None:
    face = FACES[name]
    async with opened(face, [dict(each) for each in TWO_SERVERS]) as (caller, _, two):
        await ask(caller, face, "two", face.signed % SIGNED)
        assert two.bodies[-1] == sent(face, face.signed % SIGNED)


ACCOUNTS = {
    "other keys": ("key-of-one", "key-of-two", {}, {}),
    "one key": ("key-of-one", "key-of-one", {}, {}),
    "one organization": (
        "key-of-one",
        "key-of-two",
        {"OpenAI-Organization": "org-1"},
        {"OpenAI-Organization": "org-1"},
    ),
    "other organizations": (
        "key-of-one",
        "key-of-one",
        {"OpenAI-Organization": "org-1"},
        {"OpenAI-Organization": "org-2"},
    ),
}


@pytest.mark.parametrize("case", ACCOUNTS)
async def test_openais_reasoning_belongs_to_an_organization(case: str) -> None:
    face = FACES["responses"]
    one, two, ours, theirs = ACCOUNTS[case]
    entries = [
        {"name": "one", "at": 0, "api_key": one, "headers": ours},
        {"name": "two", "at": 0, "api_key": two, "headers": theirs},
    ]
    async with opened(face, entries) as (caller, server, _):
        await ask(caller, face, "one", "")
        await ask(caller, face, "two", face.signed % SIGNED)
        accepted = case in ("one key", "one organization")
        assert server.bodies[-1] == sent(face, face.signed % SIGNED if accepted else "")


@pytest.mark.parametrize("name", ["anthropic", "gemini"])
async def test_signatures_of_others_belong_to_a_server(name: str) -> None:
    """Anthropic's are compatible between its platforms: https://platform.claude.com/docs/en/build-with-claude/extended-thinking."""
    face = FACES[name]
    entries = [{"name": each, "at": 0, "api_key": f"key-of-{each}"} for each in ("one", "two")]
    async with opened(face, entries) as (caller, server, _):
        await ask(caller, face, "one", face.unsigned)
        await ask(caller, face, "two", face.signed % SIGNED)
        assert server.bodies[-1] == sent(face, face.signed % SIGNED)


async def test_thinking_of_a_model_that_accepts_only_its_own() -> None:
    face = FACES["anthropic"]
    async with opened(face, [{"name": "one", "at": 0, "api_key": "key-of-one"}]) as (caller, server, _):
        await ask(caller, face, "one", "")
        await ask(caller, face, "one/claude-haiku-5-5", face.signed % SIGNED)
        assert server.bodies[-1] == sent(face, "", "claude-haiku-5-5")
        await ask(caller, face, "one/claude-haiku-4-5-20261001", face.signed % SIGNED)
        assert server.bodies[-1] == sent(face, face.signed % SIGNED, "claude-haiku-4-5-20261001")


async def test_all_workers_know_it(tmp_path: Path) -> None:
    face, file = FACES["responses"], str(tmp_path / "gateway.db")
    async with opened(face, [dict(each) for each in TWO_SERVERS], state_file=file) as (caller, one, _):
        await ask(caller, face, "one", "")
        url = one.url
        async with opened(face, [dict(each) for each in TWO_SERVERS], state_file=file) as (other, _, two):
            assert url != two.url
            await ask(other, face, "two", face.signed % SIGNED)
            assert two.bodies[-1] == sent(face, "")


async def test_sealed_reasoning_of_another_account_stays_behind() -> None:
    """A client of Anthropic's wire format, whose conversation moves between two accounts of OpenAI."""
    face = FACES["responses"]
    entries = [{"name": each, "at": 0, "api_key": f"key-of-{each}"} for each in ("one", "two")]
    async with opened(face, entries) as (caller, server, _):
        question = {"role": "user", "content": "hi"}
        asked = {
            "model": "one", "max_tokens": 99, "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"},
            "tools": [{"name": "look", "input_schema": {"type": "object"}}], "messages": [question],
        }  # fmt: skip
        answer = await caller.post("/v1/messages", asked)
        assert answer.status == 200, answer.text
        blocks = answer.json["content"]
        assert [each["type"] for each in blocks] == ["thinking", "tool_use"]
        result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": blocks[1]["id"], "content": "1"}]}
        history = {**asked, "messages": [question, {"role": "assistant", "content": blocks}, result]}
        for entry, encrypted in (("two", []), ("one", [SIGNED])):
            await caller.post("/v1/messages", {**history, "model": entry})
            items = json.loads(server.bodies[-1])["input"]
            assert [each["encrypted_content"] for each in items if each.get("type") == "reasoning"] == encrypted


async def test_a_compaction_of_another_account_is_left_out_with_a_warning() -> None:
    face, item = FACES["responses"], {"type": "compaction", "id": "cmp_1", "encrypted_content": SIGNED}
    face = msgspec.structs.replace(face, answer={**face.answer, "output": [item]})
    compacted = json.dumps(item) + ","
    async with opened(face, [dict(each) for each in TWO_SERVERS]) as (caller, one, two):
        await ask(caller, face, "one", "")
        answer = await ask(caller, face, "two", compacted)
        assert two.bodies[-1] == sent(face, "")
        assert "dropped compaction: another account" in answer.headers["x-understudy-warnings"]
        await ask(caller, face, "one", compacted)
        assert one.bodies[-1] == sent(face, compacted)


class Refusing(Canned):
    """Refuses reasoning, in OpenAI's words: https://github.com/openai/codex/issues/8145."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        self.bodies.append(body)
        refuses = b"encrypted_content" in body
        reply = UNVERIFIED if refuses else self.body
        status = b"400 Bad Request" if refuses else b"200 OK"
        writer.write(b"HTTP/1.1 %b\r\ncontent-type: application/json\r\n" % status)
        writer.write(b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(reply), reply))
        await writer.drain()
        writer.close()


UNVERIFIED = json.dumps(
    {
        "error": {
            "message": "The encrypted content gAAA...DQ== could not be verified.",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_encrypted_content",
        }
    }
).encode()


async def test_what_is_refused_after_all_is_left_out() -> None:
    """Reasoning whose author is not remembered."""
    face = FACES["responses"]
    server = Refusing(json.dumps(face.answer).encode())
    async with serving(server):
        entry = {"provider": "openai", "name": "one", "base_url": f"{server.url}/v1", "api_key": "key-of-one"}
        running = app({"llm": {"providers": [{**entry, "text_model": face.model}]}})
        try:
            caller = Asgi(running)
            answer = await ask(caller, face, "one", face.signed % SIGNED)
            assert server.bodies == [sent(face, face.signed % SIGNED), sent(face, "")]
            assert answer.body == server.body
            assert "dropped thinking: the provider could not read it" in answer.headers["x-understudy-warnings"]
            compacted = json.dumps({"type": "compaction", "encrypted_content": SIGNED}) + ","
            refused = await caller.post(face.path, (face.body % compacted).replace("MODEL", "one").encode())
            assert (refused.status, refused.body) == (400, UNVERIFIED)
            assert len(server.bodies) == 3
        finally:
            await running.aclose()


def test_one_account_alone_costs_nothing() -> None:
    body = FACES["anthropic"].body % (FACES["anthropic"].signed % SIGNED)
    request = GenerationRequest(messages=(), model="one", origin=WireOrigin("anthropic", body.encode()))
    entry = {"provider": "anthropic", "name": "one", "api_key": "key-of-one", "text_model": "claude-haiku-4-5"}
    for entries in ([entry], [entry, {**entry, "name": "two"}]):
        site = Site(read_given({"llm": {"providers": entries}}))
        assert site.signers.known(request) is request


async def test_an_account_is_never_shown(tmp_path: Path) -> None:
    face, file = FACES["responses"], tmp_path / "gateway.db"
    async with opened(face, [dict(each) for each in TWO_SERVERS], state_file=str(file)) as (caller, *_):
        answer = await ask(caller, face, "one", "")
        assert answer.body == json.dumps(face.answer).encode()
        written = file.read_bytes() + Path(f"{file}-wal").read_bytes()
        assert b"http://127.0.0.1" in written  # so it is here where the account is, too
        assert b"key-of-one" not in written
        assert SIGNED.encode() not in written
