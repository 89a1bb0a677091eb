"""aimock (npm `@copilotkit/aimock`): six wire formats, with answers and errors from a file of fixtures."""

from __future__ import annotations

import pytest

import understudy as u
from tests.servers import scenes
from tests.servers.running import Running
from tests.servers.scenes import Face, Scene, connect

EMBEDS = (
    Face("openai", "/v1", "gpt-4o", "text-embedding-3-small"),
    Face("cohere", "", "command-a-03-2025", "embed-v4.0"),
    Face("azure-openai", "", "gpt-4.1", "text-embedding-3-small"),
)
FACES = (
    *EMBEDS,
    Face("ollama", "", "qwen3-vl"),  # its /api/embed answers in the form of the older /api/embeddings
    Face("openai", "/v1", "gpt-5-pro"),  # asked by the Responses API
    Face("anthropic", "", "claude-sonnet-4-5"),
    Face("google", "/v1beta", "gemini-2.5-flash"),
    Face("google", "/v1beta", "gemini-3.8-flash"),
)
SCENES = (*scenes.TALK, *scenes.TOOLS, scenes.structured)


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
async def test_scene(aimock: Running, face: Face, scene: Scene) -> None:
    async with connect(aimock.url, face) as llm:
        await scene(llm)


@pytest.mark.parametrize("face", FACES, ids=str)
async def test_a_tool_result_reaches_it(aimock: Running, face: Face) -> None:
    """It answers so only to the result of the very call, whose words it finds."""
    async with connect(aimock.url, face) as llm:
        run = await llm.run_tools("Call weather for Paris.", tools=[scenes.weather])
    assert [(outcome.call.name, outcome.value) for outcome in run.outcomes] == [("weather", "sunny in Paris")]
    assert run.text == "It is sunny."


@pytest.mark.parametrize("face", FACES, ids=str)
async def test_an_image_reaches_it(aimock: Running, face: Face) -> None:
    seen = u.Image(data=scenes.PNG, media_type="image/png")
    async with connect(aimock.url, face) as llm:
        answer = await llm.generate([u.Message.user(("What is this?", seen))], max_tokens=50)
    assert answer.text == "Hello from the mock."


@pytest.mark.parametrize("face", FACES, ids=str)
async def test_a_rate_limit_is_recognised(aimock: Running, face: Face) -> None:
    async with connect(aimock.url, face) as llm:
        with pytest.raises(u.RateLimited):
            await llm.generate("Be busy.")


@pytest.mark.parametrize("face", EMBEDS, ids=str)
async def test_embeddings(aimock: Running, face: Face) -> None:
    async with connect(aimock.url, face) as llm:
        answer = await llm.embed("ping")
    assert list(answer.embedding) == pytest.approx([0.25, 0.5, -0.75])


@pytest.mark.parametrize(
    "face", [face for face in FACES if face.provider in ("openai", "anthropic", "ollama")], ids=str
)
async def test_models(aimock: Running, face: Face) -> None:
    async with connect(aimock.url, face) as llm:
        assert "gpt-4o" in [model.id for model in await llm.list_models()]
