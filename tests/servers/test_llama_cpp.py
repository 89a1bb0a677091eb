"""llama.cpp's server (package `xllamacpp`), with a tiny random model: chat completions and Anthropic's messages."""

from __future__ import annotations

import pytest

import understudy as u
from tests.cli.running import CommandLine
from tests.servers import scenes
from tests.servers.conftest import LARGE, SMALL
from tests.servers.running import Running
from tests.servers.scenes import Face, Scene, connect
from understudy.client.provider import Provider

CHAT = Face("openai", "/v1", "tiny")
MESSAGES = Face("anthropic", "", "tiny")
FACES = (CHAT, MESSAGES)
WORD = "word " * 1000
"""5,000 tokens of a model that has one for each character: more than the small window, less than the large one."""


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize(
    "scene", [*scenes.TALK, scenes.streamed_tool_call, scenes.health], ids=lambda scene: scene.__name__
)
async def test_scene(small: Running, face: Face, scene: Scene) -> None:
    async with connect(small.url, face) as llm:
        await scene(llm)


@pytest.mark.parametrize("face", FACES, ids=str)
async def test_a_tool_loop(large: Running, face: Face) -> None:
    """Twelve steps of one or more calls each do not fit into the small window."""
    async with connect(large.url, face) as llm:
        # Rarely the random model calls nothing within its tokens, or ends without words.
        for last in (False, False, True):
            try:
                await scenes.tool_loop(llm)
                break
            except AssertionError:
                if last:
                    raise


async def test_a_grammar_enforces_a_schema(small: Running) -> None:
    async with connect(small.url, CHAT) as llm:
        await scenes.structured(llm)
        streamed = await llm.stream("Describe Lisbon.", schema=scenes.City, max_tokens=scenes.ENOUGH).collect()
        assert isinstance(streamed.parsed, scenes.City)
        listed = await llm.generate("Describe cities.", schema=list[scenes.City], max_tokens=1500)
        assert isinstance(listed.parsed, list)


async def test_messages_ignore_a_schema_which_is_noticed(small: Running) -> None:
    async with connect(small.url, MESSAGES) as llm:
        with pytest.raises(u.InvalidResponse, match="does not match the schema"):
            await llm.generate("Describe Lisbon.", schema=scenes.City, max_tokens=scenes.ENOUGH)


@pytest.mark.parametrize("face", FACES, ids=str)
async def test_images_are_refused_as_unsupported(small: Running, face: Face) -> None:
    seen = u.Image(data=scenes.PNG, media_type="image/png")
    result = u.ToolResult(call_id="a", content=(u.Text("See:"), seen))
    histories = (
        [u.Message.user(("What is this?", seen))],
        [
            u.Message.user("Take a picture."),
            u.Message.assistant((u.ToolCall(id="a", name="camera", arguments="{}"),)),
            u.Message.tool(result),
        ],
    )
    async with connect(small.url, face) as llm:
        for history in histories:
            with pytest.raises(u.Unsupported, match="image input is not supported"):
                await llm.generate(history, max_tokens=20)


@pytest.mark.parametrize("face", FACES, ids=str)
async def test_models_and_counts(small: Running, face: Face) -> None:
    async with connect(small.url, face) as llm:
        (model,) = await llm.list_models()
        assert (model.id, model.context_window) == ("tiny", SMALL)
        assert await llm.is_model_available("tiny")
        with pytest.raises(u.Unsupported, match="'other'"):  # the route is missing, and the server answers any name
            await llm.is_model_available("other")
        assert (await llm.count_tokens("Hello")).input_tokens > 5


@pytest.mark.parametrize("face", FACES, ids=str)
async def test_an_overflow_goes_to_the_larger_window(small: Running, large: Running, face: Face) -> None:
    async with connect(small.url, face) as first:
        with pytest.raises(u.ContextLengthExceeded):
            await first.generate(WORD, max_tokens=20)
    larger = face._replace(model="tiny-8k")
    async with (
        connect(small.url, face, name="first") as first,
        connect(large.url, larger, name="second") as second,
        u.ProviderManager([first, second]) as llm,
    ):
        answer = await llm.generate(WORD, max_tokens=20)
        streamed = await llm.stream(WORD, max_tokens=20).collect()
    for each in (answer, streamed):
        assert [attempt.model for attempt in each.attempts][-1] == "tiny-8k"
        assert each.provider == "second"


async def test_windows_are_learnt_from_the_list(large: Running) -> None:
    async with connect(large.url, Face("openai", "/v1", "tiny-8k")) as llm:
        assert [model.context_window for model in await llm.list_models()] == [LARGE]


async def test_embeddings(small: Running, embedder: Running) -> None:
    face = Face("openai", "/v1", "tiny-embed", "tiny-embed")
    async with connect(embedder.url, face) as llm:
        answer = await llm.embed(["one", "two", "one"])
    first, second, third = answer.embeddings
    assert len(first) == 32
    assert list(first) == pytest.approx(list(third))
    assert list(first) != pytest.approx(list(second))
    async with connect(small.url, face) as llm:
        with pytest.raises(u.Unsupported, match="does not support embeddings"):
            await llm.embed("one")


async def test_a_fallback_in_the_middle_of_a_tool_loop(small: Running, large: Running) -> None:
    """One step of the loop is answered by the messages route of one server, the next by the completions of another."""
    async with connect(small.url, MESSAGES) as first, connect(large.url, Face("openai", "/v1", "tiny-8k")) as second:
        begun = await _call(first)
        results = [u.ToolResult(call_id=call.id, name=call.name, content="sunny") for call in begun.tool_calls]
        history = [u.Message.user("Call weather."), begun.message, u.Message.tool(*results)]
        answer = await second.generate(history, tools=[scenes.weather], max_tokens=scenes.ENOUGH)
    assert answer.text or answer.tool_calls


async def _call(llm: Provider) -> u.GenerationResponse:
    return await llm.generate("Call weather.", tools=[scenes.weather], tool_choice="required", max_tokens=scenes.ENOUGH)


def test_the_command_line_checks_and_asks(small: Running, embedder: Running, cli: CommandLine) -> None:
    cli.configure(
        f"""
[llm.provider_types.llama]
dialect = "openai"
base_url = "{small.url}/v1"
key_required = false
local = true

[[llm.providers]]
provider = "llama"
text_model = "tiny"

[[llm.providers]]
name = "vectors"
provider = "llama"
base_url = "{embedder.url}/v1"
embedding_model = "tiny-embed"
"""
    )
    checked = cli.run("check", "--json")
    assert checked.code == 0, checked.err
    assert [(entry["name"], entry["ok"]) for entry in checked.json["entries"]] == [("llama", True), ("vectors", True)]
    asked = cli.run("ask", "Say hello.", "--max-tokens", "20")
    assert asked.code == 0, asked.err
    assert asked.out.strip()
    listed = cli.run("models")
    assert "tiny" in listed.out
