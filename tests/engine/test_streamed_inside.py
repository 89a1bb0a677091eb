"""An answer that is streamed inside is the answer that a plain request would have brought, at all ten providers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

import understudy as u
from tests.engine.servers import Asked, kinds, manager, refusing, serving, well
from understudy.emulator import Emulator
from understudy.transport.aiohttp_transport import AioTransport
from understudy.transport.base import Incoming

TOOL = u.Tool(
    name="weather",
    description="Weather of a place",
    parameters={"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
)
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}
ASKS: dict[str, dict[str, Any]] = {
    "text": {},
    "limits": {"max_tokens": 40, "temperature": 0.5, "stop": "zzz"},
    "tools": {"tools": [TOOL], "tool_choice": "required"},
    "schema": {"schema": SCHEMA},
    "reasoning": {"reasoning": "low", "max_tokens": 4000},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
}


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator() as running:
        yield running


def entry(emulator: Emulator, kind: u.ProviderType, **settings: Any) -> u.ProviderConfig:
    return u.ProviderConfig(
        provider=kind,
        base_url=emulator.url(kind),
        api_key=u.Secret(emulator.key),
        **{**MODELS.get(kind, {}), **settings},
    )


MODELS: dict[str, dict[str, Any]] = {
    u.ProviderType.AZURE_OPENAI: {"text_model": "gpt-6-luna"},
    u.ProviderType.HUGGINGFACE: {"text_model": "meta-llama/Llama-3.3-70B-Instruct"},
    u.ProviderType.OLLAMA: {"text_model": "llama3.2"},
    u.ProviderType.REPLICATE: {"text_model": "meta/meta-llama-3-70b-instruct"},
}

OF_THE_CALL = {"id", "created", "attempts", "raw", "message"}
"""What differs between any two calls, or is compared apart."""


def comparable(response: u.GenerationResponse) -> dict[str, Any]:
    fields = {name: getattr(response, name) for name in response.__struct_fields__ if name not in OF_THE_CALL}
    usage = msgspec.structs.replace(response.usage, raw=None)
    calls = [(call.name, json.loads(call.arguments)) for call in response.tool_calls]
    extra = {key: value for key, value in response.extra.items() if key not in ("prediction", "metrics", "x_groq")}
    return {
        **fields,
        "usage": usage,
        "extra": extra,
        "text": response.text,
        "thinking": response.thinking,
        "calls": calls,
    }


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("kind", list(u.ProviderType))
async def test_it_equals_the_plain_answer(emulator: Emulator, kind: u.ProviderType, ask: str) -> None:
    answers: list[Any] = []
    for whole in ("plain", "stream"):
        async with u.create_provider(entry(emulator, kind, whole=whole)) as llm:
            try:
                answers.append(await llm.generate("Why is the sky blue?", **ASKS[ask]))
            except (u.Misuse, u.InvalidRequest) as error:
                answers.append(error)
    if isinstance(answers[0], Exception):
        assert type(answers[0]) is type(answers[1]), "not offered there"
        return
    plain, streamed = map(comparable, answers)
    assert streamed == plain
    assert [bool(each.id) for each in answers] in ([True, True], [False, False])
    assert [bool(each.created) for each in answers] in ([True, True], [False, False])
    assert all(each.raw for each in answers)
    assert [each.attempts[0].cost_basis for each in answers] == [answers[0].attempts[0].cost_basis] * 2


class Unstreaming(AioTransport):
    """Stands for a server that answers every request with a whole body."""

    async def send(self, request: u.HttpRequest, *, connect: float) -> Incoming:
        body = json.loads(request.body or b"{}")
        if "stream" in body:
            body["stream"] = False
            body.pop("stream_options", None)
        url = request.url.replace("streamGenerateContent?alt=sse", "generateContent")
        plain = u.HttpRequest(request.method, url, request.headers, json.dumps(body).encode())
        return await super().send(plain, connect=connect)


@pytest.mark.parametrize("ask", ["text", "tools"])
@pytest.mark.parametrize("kind", [each for each in u.ProviderType if each is not u.ProviderType.REPLICATE])
async def test_a_whole_body_in_answer_to_a_request_for_a_stream_is_the_answer(
    emulator: Emulator, kind: u.ProviderType, ask: str
) -> None:
    async with u.create_provider(entry(emulator, kind, whole="plain")) as llm:
        plain = await llm.generate("Why is the sky blue?", **ASKS[ask])
    async with u.create_provider(entry(emulator, kind, whole="stream"), transport=Unstreaming()) as llm:
        inside = await llm.generate("Why is the sky blue?", **ASKS[ask])
        seen = await llm.stream("Why is the sky blue?", **ASKS[ask]).collect()
    assert comparable(inside) == comparable(seen) == comparable(plain)


# ---- refusals to stream ----

REFUSALS = [
    ("Your organization must be verified to stream this model. Please go to: https://…", 400, "stream"),
    ("Your organization must be verified to stream this model.", 400, None),
    ("Streaming is not supported for this model", 422, None),
    ("Unsupported value: 'stream' does not support true with this model.", 400, "stream"),
    ("Unrecognized request argument supplied: stream_options", 400, None),
    ("'audio.format' does not support 'wav' when stream=true. Supported values are: 'pcm16'.", 400, "audio.format"),
]


@pytest.mark.parametrize(("words", "status", "param"), REFUSALS)
async def test_a_provider_that_refuses_to_stream_is_asked_plainly_and_that_is_remembered(
    words: str, status: int, param: str | None
) -> None:
    script = refusing(words, status=status, param=param, when=lambda asked: asked.streamed)
    async with serving(script, well) as servers, manager(*servers) as llm:
        first, second = await llm.generate("Hi"), await llm.generate("Hi")
        assert first.text == second.text == "hello"
        assert kinds(first.attempts) == kinds(second.attempts) == [("primary", None)]
        assert [each.streamed for each in servers[0].requests] == [True, False, False]
        assert (await llm.generate("Hi", model="primary/other")).text == "hello"
        assert [each.streamed for each in servers[0].requests][3:] == [True, False], "each model for itself"


async def test_other_refusals_are_not_asked_again() -> None:
    def always(asked: Asked) -> bool:
        return True

    async with serving(refusing("max_tokens is too large", when=always), well) as servers, manager(*servers) as llm:
        with pytest.raises(u.InvalidRequest):
            await llm.generate("Hi")
        assert len(servers[0].requests) == 1
    async with serving(refusing("cannot stream", when=always), well) as servers, manager(*servers) as llm:
        assert kinds((await llm.generate("Hi")).attempts)[-1] == ("backup", None)
        assert [each.streamed for each in servers[0].requests] == [True, False], "once, and then the next is asked"
