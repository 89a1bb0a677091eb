"""LiteLLM's proxy: models that answer with fixed words or fail, and llama.cpp's tiny model behind it."""

from __future__ import annotations

import pytest

import understudy as u
from tests.cli.running import CommandLine
from tests.servers import scenes
from tests.servers.conftest import LITELLM_KEY
from tests.servers.running import Running
from tests.servers.scenes import Face, Scene, connect

CHAT = Face("openai", "/v1", "mock")
MESSAGES = Face("anthropic", "", "mock-claude")
LLAMA = Face("openai", "/v1", "llama", "llama-embed")


@pytest.mark.parametrize("face", [CHAT, MESSAGES, LLAMA], ids=str)
@pytest.mark.parametrize("scene", [*scenes.TALK, scenes.health], ids=lambda scene: scene.__name__)
async def test_scene(proxy: Running, face: Face, scene: Scene) -> None:
    async with connect(proxy.url, face, LITELLM_KEY) as llm:
        await scene(llm)


@pytest.mark.parametrize("scene", [scenes.structured, scenes.streamed_tool_call], ids=lambda scene: scene.__name__)
async def test_scene_of_llama_behind_it(proxy: Running, scene: Scene) -> None:
    async with connect(proxy.url, LLAMA, LITELLM_KEY) as llm:
        await scene(llm)


@pytest.mark.parametrize("face", [CHAT, MESSAGES], ids=str)
async def test_models_and_wrong_ones(proxy: Running, face: Face) -> None:
    async with connect(proxy.url, face, LITELLM_KEY) as llm:
        models = {model.id: model for model in await llm.list_models()}
        assert {"mock", "mock-claude", "llama"} <= models.keys()
        assert models["mock"].context_window == 128_000
        assert await llm.is_model_available("mock")
        assert not await llm.is_model_available("no-such-model")
        with pytest.raises(u.ModelNotFound, match="Invalid model name"):
            await llm.generate("Hi", model="no-such-model", max_tokens=5)


@pytest.mark.parametrize("face", [CHAT, MESSAGES], ids=str)
async def test_a_wrong_key_is_an_authentication_failure(proxy: Running, face: Face) -> None:
    async with connect(proxy.url, face, "sk-this-is-wrong-0") as llm:
        with pytest.raises(u.AuthenticationFailed):
            await llm.generate("Hi", max_tokens=5)


@pytest.mark.parametrize(
    ("model", "error"),
    [("limited", u.RateLimited), ("full", u.ContextLengthExceeded), ("broken", u.Unavailable)],
)
async def test_failures_fall_back(proxy: Running, model: str, error: type[u.LLMError]) -> None:
    face = CHAT._replace(model=model)
    async with connect(proxy.url, face, LITELLM_KEY) as llm:
        with pytest.raises(error):
            await llm.generate("Hi", max_tokens=5)
    async with (
        connect(proxy.url, face, LITELLM_KEY, name="first") as first,
        connect(proxy.url, MESSAGES, LITELLM_KEY, name="second") as second,
        u.ProviderManager([first, second]) as llm,
    ):
        answer = await llm.generate("Hi", max_tokens=5)
    assert (answer.text, answer.provider) == ("Hello from the mock.", "second")


async def test_an_overflow_of_the_server_behind_it(proxy: Running) -> None:
    async with (
        connect(proxy.url, LLAMA, LITELLM_KEY, name="first") as first,
        connect(proxy.url, CHAT, LITELLM_KEY, name="second") as second,
    ):
        with pytest.raises(u.ContextLengthExceeded):
            await first.generate("word " * 1000, max_tokens=5)
        async with u.ProviderManager([first, second]) as llm:
            assert (await llm.generate("word " * 1000, max_tokens=5)).provider == "second"


async def test_images_are_refused_by_the_server_behind_it(proxy: Running) -> None:
    seen = u.Image(data=scenes.PNG, media_type="image/png")
    async with connect(proxy.url, LLAMA, LITELLM_KEY) as llm:
        with pytest.raises(u.Unsupported, match="image input is not supported"):
            await llm.generate([u.Message.user(("What is this?", seen))], max_tokens=5)


async def test_embeddings(proxy: Running) -> None:
    async with connect(proxy.url, LLAMA, LITELLM_KEY) as llm:
        answer = await llm.embed(["one", "two"])
        assert [len(vector) for vector in answer.embeddings] == [32, 32]


def test_the_command_line_checks_and_asks(proxy: Running, cli: CommandLine) -> None:
    cli.configure(
        f"""
[[llm.providers]]
name = "chat"
provider = "openai"
base_url = "{proxy.url}/v1"
api_key = "${{PROXY_KEY}}"
text_model = "mock"

[[llm.providers]]
name = "messages"
provider = "anthropic"
base_url = "{proxy.url}"
api_key = "${{PROXY_KEY}}"
text_model = "mock-claude"
"""
    )
    checked = cli.run("check", "--json", PROXY_KEY=LITELLM_KEY)
    assert checked.code == 0, checked.err
    assert [entry["ok"] for entry in checked.json["entries"]] == [True, True]
    assert "Hello from the mock." in cli.run("ask", "Hi", PROXY_KEY=LITELLM_KEY).out
