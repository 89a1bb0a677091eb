"""Every operation of every provider through the public face, over real sockets; catalogues and health checks stand in
`test_catalogues.py`."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

import understudy as u
from understudy import providers
from understudy.client.provider import Provider
from understudy.domain.operation import Operation
from understudy.emulator import Emulator, Fault

ONE_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001000502"
    "0a2db40000000049454e44ae426082"
)
WEATHER = u.Tool(
    name="weather",
    description="The weather in a city",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
        "required": ["city", "unit"],
        "additionalProperties": False,
    },
)


@dataclass
class City:
    name: str
    population: int


MODELS = {"azure-openai": {"text_model": "gpt-6-luna", "embedding_model": "text-embedding-3-small"}}
"""Where no default can be known: deployments have the names that their owner gives them."""


@pytest.fixture(params=providers.types())
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    row = providers.row(request.param)
    async with Emulator((row.type,)) as emulator:
        config = u.ProviderConfig(
            provider=row.type,
            base_url=emulator.url(row.type),
            api_key=u.Secret(emulator.key),
            embedding_model=row.embedding_model,
        )
        config = msgspec.structs.replace(config, **MODELS.get(row.type, {}))
        async with u.create_provider(config) as made:
            yield made


async def whole(provider: Provider, streamed: bool, *prompt: Any, **options: Any) -> u.GenerationResponse:
    if streamed:
        return await provider.stream(*prompt, **options).collect()
    return await provider.generate(*prompt, **options)


ABLE = {
    "groq": {"model": "qwen/qwen3.8-27b"},
    "together": {"model": "Qwen/Qwen3.5-397B-A17B"},
    "ollama": {"model": "qwen3-vl"},
    "replicate": {"model": "openai/gpt-5-mini"},
    "huggingface": {"model": "Qwen/Qwen3-VL-235B-A22B-Instruct"},
}
"""Where the default model neither sees nor thinks: one that does both."""

TAKES_NO_TOOLS = {"replicate"}
HIDES_ITS_THINKING = {"openai", "azure-openai", "google", "replicate"}
"""Google shows it where a display is asked for."""

both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])


@both_ways
async def test_chat(provider: Provider, streamed: bool) -> None:
    response = await whole(provider, streamed, "Why is the sky blue?", system="Be brief.")
    assert response.text
    assert response.finish_reason is u.FinishReason.STOP
    assert response.provider == provider.name
    assert response.model
    assert response.usage.input_total
    assert response.usage.output_total
    assert response.warnings == ()
    assert response.attempts[-1].outcome is u.Outcome.WON


async def test_a_stream_and_a_whole_answer_are_the_same(provider: Provider) -> None:
    plain = await whole(provider, False, "Why is the sky blue?")
    streamed = await whole(provider, True, "Why is the sky blue?")
    assert plain.message == streamed.message
    assert plain.finish_reason is streamed.finish_reason
    assert plain.usage.total == streamed.usage.total


@both_ways
async def test_tools_and_their_results(provider: Provider, streamed: bool) -> None:
    conversation = [u.Message.user("What is the weather in Lisbon? Use the tool.")]
    response = await whole(provider, streamed, conversation, tools=[WEATHER])
    if provider.provider_type in TAKES_NO_TOOLS:
        assert [(warning.kind, warning.what) for warning in response.warnings] == [("dropped", "tools")]
        assert response.finish_reason is u.FinishReason.STOP
        return
    assert response.finish_reason is u.FinishReason.TOOL_CALLS
    (call,) = response.tool_calls
    assert call.name == "weather"
    assert set(call.parsed_arguments()) == {"city", "unit"}
    conversation += [response.message, u.Message.tool(u.ToolResult(call_id=call.id, name=call.name, content="Sunny"))]
    final = await whole(provider, streamed, conversation, tools=[WEATHER])
    assert "Sunny" in final.text
    assert final.finish_reason is u.FinishReason.STOP


@both_ways
async def test_structured_output(provider: Provider, streamed: bool) -> None:
    response = await whole(provider, streamed, "Describe Lisbon.", schema=City)
    assert isinstance(response.parsed, City)
    asked_in_words = [warning.what for warning in response.warnings if warning.kind == "emulated"]
    assert asked_in_words == (["output"] if provider.provider_type == "replicate" else [])


@both_ways
async def test_images(provider: Provider, streamed: bool) -> None:
    picture = u.Image.from_bytes(ONE_PIXEL)
    prompt = [u.Message.user((u.Text("What is in this picture?"), picture))]
    response = await whole(provider, streamed, prompt, **ABLE.get(provider.provider_type, {}))
    assert response.text
    assert "image" not in {warning.what for warning in response.warnings}


@both_ways
async def test_thinking(provider: Provider, streamed: bool) -> None:
    able = ABLE.get(provider.provider_type, {})
    response = await whole(provider, streamed, "Why is the sky blue?", reasoning="low", **able)
    assert response.text
    shown = provider.provider_type not in HIDES_ITS_THINKING
    assert bool(response.thinking) is shown


async def test_a_model_that_cannot_think_says_so(provider: Provider) -> None:
    if provider.provider_type != "ollama":
        pytest.skip("the others leave the field out, with a warning")
    response = await provider.generate("Why is the sky blue?", reasoning="low")
    assert response.text
    assert [warning.what for warning in response.warnings] == ["reasoning"]
    assert len(response.attempts) == 1, "the refusal cost nothing"


async def test_embeddings(provider: Provider) -> None:
    if Operation.EMBED not in provider.row.dialects:
        with pytest.raises(u.Unsupported, match=provider.row.title):
            await provider.embed("hello", model="any")
        return
    response = await provider.embed(["the cat sat on the mat", "a cat sat on a mat", "quarterly tax report"])
    near, far = (math.dist(response.embeddings[0], other) for other in response.embeddings[1:])
    assert near < far
    assert len(response.embeddings) == 3
    assert (await provider.embed("the cat sat on the mat")).embedding == pytest.approx(response.embedding, abs=1e-6)


@both_ways
async def test_facts_in_the_head_of_an_answer_are_noted(streamed: bool) -> None:
    async with Emulator(("huggingface",)) as emulator:
        emulator.script("huggingface", [Fault.status(500)])
        config = u.ProviderConfig(
            provider="huggingface", base_url=emulator.url("huggingface"), api_key=u.Secret(emulator.key)
        )
        async with u.create_provider(config, fallback=u.FallbackConfig(retry_delay_ms=1)) as llm:
            response = await whole(llm, streamed, "Say hello.")
    assert response.extra["inference_provider"] == "groq"
    assert len(response.attempts) == 2


async def test_token_counting(provider: Provider) -> None:
    if Operation.COUNT_TOKENS not in provider.row.dialects:
        with pytest.raises(u.Unsupported, match=provider.row.title):
            await provider.count_tokens("hello")
        return
    few, many = await provider.count_tokens("hello"), await provider.count_tokens("hello there " * 50)
    assert 0 < few.input_tokens < many.input_tokens


async def test_health_of_a_wrong_key_and_of_no_server() -> None:
    async with Emulator(("openai",)) as emulator:
        config = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), api_key=u.Secret("wrong"))
        async with u.create_provider(config) as llm:
            status = await llm.health_check()
            assert (status.reachable, status.authenticated, status.ok) == (True, False, False)
            await emulator.stop("openai")
            status = await llm.health_check()
            assert (status.reachable, status.ok) == (False, False)
            assert status.detail


async def test_embed_without_an_embedding_model_says_so() -> None:
    llm = u.create_provider(u.ProviderConfig(provider="openai", name="mine", api_key=u.Secret("k")))
    with pytest.raises(u.ConfigError, match="mine: embedding_model is missing"):
        await llm.embed("hello")
