"""A long body is read in outline: no more of it where the provider speaks the wire format of the caller, and as a whole
as soon as another one is asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from tests.contract.native import GEMINI
from tests.forwarding.conversations import FURTHER, MESSAGES, TOOLS, TURNS
from tests.gateway.asgi import Answer, Asgi
from tests.gateway.upstream import Canned, serving
from understudy.dialects import load_server
from understudy.dialects import server as halves
from understudy.dialects.ollama import parse as ollama
from understudy.dialects.server import ServerHalf
from understudy.domain.attempts import AttemptRecord
from understudy.gateway import handling
from understudy.gateway.application import app
from understudy.wire import splice
from understudy.wire.http import HttpRequest

FACES = {
    "openai": ("/v1/chat/completions", "groq"),
    "responses": ("/v1/responses", "openai"),  # with one of the models that have no other API
    "anthropic": ("/v1/messages", "anthropic"),
    "gemini": (f"{GEMINI}ine:generateContent", "google"),
    "cohere": ("/v2/chat", "cohere"),
    "ollama": ("/api/chat", "ollama"),
}
"""Paths, and a provider that speaks each wire format."""
ANSWERS: dict[str, Any] = {
    "openai": {
        "id": "a",
        "model": "theirs",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    },
    "responses": {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "theirs",
        "output": [
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "hi", "annotations": []}],
            }
        ],
        "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4},
    },
    "anthropic": {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "model": "theirs",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 1},
    },
    "gemini": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4},
    },
    "cohere": {
        "id": "a",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "hi"}]},
        "finish_reason": "COMPLETE",
        "usage": {"billed_units": {"input_tokens": 3, "output_tokens": 1}},
    },
    "ollama": {
        "model": "theirs",
        "message": {"role": "assistant", "content": "hi"},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 3,
        "eval_count": 1,
    },
}
MODEL = "gpt-5-codex"
UNFIT = ("functions", "n", "documents", "response_format", "text", "format")
"""What would demand another answer."""
FEW = 4_000
"""Bytes: more than an outline has, and much less than the body."""


def body_of(face: str, turns: int = 60, **more: Any) -> bytes:
    """Return the request of an agent, of about 40 KB."""
    talk = [message for number in range(turns) for message in TURNS[face][0 if number == 0 else 1]]
    fields: dict[str, Any] = {MESSAGES.get(face, "messages"): talk, "tools": TOOLS[face][:1] * 20, **more}
    if face not in ("gemini",):
        fields |= {"model": "mine", "stream": False}
    if face == "anthropic":
        fields |= {"max_tokens": 100, "system": [{"type": "text", "text": "You are an agent. " * 20}]}
    return json.dumps(fields, ensure_ascii=False).encode()


class Made:
    """A gateway with two entries, whose providers answer as given."""

    def __init__(self, caller: Asgi, upstreams: dict[str, Canned], records: list[AttemptRecord]) -> None:
        self.caller = caller
        self.upstreams = upstreams
        self.records = records

    async def ask(self, face: str, body: bytes) -> Answer:
        return await self.caller.post(FACES[face][0], body)


@asynccontextmanager
async def gateway(**providers: Canned) -> AsyncIterator[Made]:
    """Serve with an entry for each provider, the first of which is `mine`."""
    records: list[AttemptRecord] = []
    async with AsyncExitStack() as stack:
        for canned in providers.values():
            await stack.enter_async_context(serving(canned))
        entries = [
            {
                "name": "mine" if number == 0 else kind,
                "provider": kind,
                "base_url": canned.url,
                "api_key": "k",
                "text_model": MODEL if kind == "openai" else "theirs",
                "priority": number,
            }
            for number, (kind, canned) in enumerate(providers.items())
        ]
        config = {"llm": {"providers": entries, "fallback": {"max_retries": 1, "whole": "plain"}}}
        made = app(config, observers=[records.append])
        yield Made(Asgi(made), providers, records)
        await made.aclose()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all JSON that is decoded of bodies."""
    sizes: list[int] = []

    def watched(module: Any, name: str) -> None:
        function = getattr(module, name)

        def call(data: bytes) -> Any:
            sizes.append(len(data))
            return function(data)

        monkeypatch.setattr(module, name, call)

    watched(halves, "receive")
    watched(ollama, "receive")
    watched(splice, "_decoded")
    return sizes


@pytest.mark.parametrize("face", FACES)
async def test_a_long_body_is_not_read_where_the_wire_format_stays(face: str, read: list[int]) -> None:
    body = body_of(face)
    assert 20_000 < len(body) < 80_000
    answer = json.dumps(ANSWERS[face]).encode()
    async with gateway(**{FACES[face][1]: Canned(answer)}) as made:
        found = await made.ask(face, body)
        assert (found.status, found.body) == (200, answer)
        (sent,) = made.upstreams[FACES[face][1]].bodies
        plain = body.replace(b'"model": "mine"', b'"model": "theirs"')
        assert sent in (plain, plain.replace(b'"theirs"', MODEL.encode().join((b'"', b'"'))))
        assert read
        assert max(read) < FEW


def all_but_times(record: AttemptRecord) -> Any:
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    times = ("request_id", "attempt_id", "started", "duration", "first_event", "waited", "failure")
    return {name: value for name, value in fields.items() if name not in times}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("is_down", [False, True])
async def test_nobody_notices(face: str, is_down: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the outline and without it: the same bytes go out, to the same providers, and the same comes back."""
    other = "groq" if face == "anthropic" else "anthropic"
    own = Canned(b"{}", status=503) if is_down else Canned(json.dumps(ANSWERS[face]).encode())
    away = Canned(json.dumps(ANSWERS["openai" if other == "groq" else "anthropic"]).encode())
    further = {name: value for name, value in FURTHER[face].items() if name not in UNFIT}
    found: list[Any] = []
    for least in (0, 1 << 30):
        monkeypatch.setattr(handling, "LONG", least)
        own.bodies, away.bodies = [], []
        async with gateway(**{FACES[face][1]: own, other: away}) as made:
            answer = await made.ask(face, body_of(face, turns=5, **further))
            headers = {name: value for name, value in answer.headers.items() if "request-id" not in name}
            records = [all_but_times(each) for each in made.records]
            found.append((answer.status, headers, answer.body, own.bodies, away.bodies, records))
    assert found[0][0] == 200, found[0][2]
    assert len(found[0][5]) == (2 if is_down else 1)
    assert found[0] == found[1]


async def test_what_is_invalid_is_refused_when_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider of the caller's wire format judges messages by itself; for any other they are read."""
    body = json.loads(body_of("anthropic"))
    body["messages"][0] = {"role": "nobody", "content": "a" * 8_000}
    asked = json.dumps(body).encode()
    with pytest.raises(halves.BadRequest) as error:
        load_server("anthropic").parse(HttpRequest("POST", "/v1/messages", (), asked))
    for status in (200, 503):
        own = Canned(json.dumps(ANSWERS["anthropic"]).encode(), status=status)
        async with gateway(anthropic=own, groq=(away := Canned(b"{}"))) as made:
            answer = await made.ask("anthropic", asked)
            assert len(own.bodies) == 1
            assert away.bodies == []
            if status == 200:
                assert (answer.status, answer.body) == (200, own.body)
            else:
                assert answer.status == 400
                assert answer.json["error"]["message"] == error.value.failure.message
    monkeypatch.setattr(handling, "LONG", 1 << 30)
    async with gateway(anthropic=own, groq=away) as made:
        again = await made.ask("anthropic", asked)
    assert again.json == {**answer.json, "request_id": again.json["request_id"]}


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda body: body[:-1],
        lambda body: body[:-1] + b',"model":"mine"}',
        lambda body: body.replace(b'"stream": false', b'"stream": "no"'),
        lambda body: body.replace(b'"model": "mine"', b'"model": 1'),
        lambda body: body.replace(b"red", b"\xff"),
    ],
)
async def test_what_is_malformed_is_refused_at_once(spoiled: Any) -> None:
    async with gateway(groq=(own := Canned(b"{}"))) as made:
        answer = await made.ask("openai", spoiled(body_of("openai")))
        assert answer.status == 400
        assert own.bodies == []


@pytest.mark.parametrize("strategy", ["cost_optimized", "task_based"])
async def test_a_strategy_that_weighs_requests_sees_the_whole(strategy: str, read: list[int]) -> None:
    answer = Canned(json.dumps(ANSWERS["openai"]).encode())
    async with serving(answer):
        entry = {"name": "mine", "provider": "groq", "base_url": answer.url, "api_key": "k", "text_model": "theirs"}
        llm = {"providers": [entry, {**entry, "name": "other"}], "fallback": {"strategy": strategy}}
        made = app({"llm": {**llm, **({"tasks": {"long": ["mine"]}} if strategy == "task_based" else {})}})
        body = body_of("openai").replace(b'"model": "mine", ', b"")
        assert (await Asgi(made).post("/v1/chat/completions", body)).status == 200
        await made.aclose()
    assert max(read) == len(body)


async def test_a_conversation_keeps_its_session_when_it_grows_long() -> None:
    """The beginning of the prompt stands for it, whether it is read or not."""
    own = Canned(json.dumps(ANSWERS["openai"]).encode())
    async with gateway(groq=own) as made:
        for turns in (1, 5, 60):
            assert (await made.ask("openai", body_of("openai", turns=turns))).status == 200
        sessions = {each.session for each in made.records}
    assert len(sessions) == 1
    assert None not in sessions


def test_every_face_has_an_outline() -> None:
    for face in FACES:
        half: ServerHalf = load_server(face)
        assert half.long_members is not None
