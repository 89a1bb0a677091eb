"""What each server is asked through the public API. A scene asserts only what must hold whatever the words are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field

import understudy as u
from understudy.client.provider import Provider
from understudy.emulator import Emulator

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
ENOUGH = 400
"""Tokens within which the random model ends its JSON and its calls."""

ONCE = u.FallbackConfig(max_retries=1)


class Face(NamedTuple):
    """A wire format that a server speaks: the built-in provider, the path of its routes, and a model."""

    provider: str
    path: str
    model: str
    embedding_model: str | None = None

    def __str__(self) -> str:
        return f"{self.provider}-{self.model}"


@asynccontextmanager
async def connect(
    url: str, face: Face, key: str = "sk-no-key-needed", retry: u.FallbackConfig = ONCE, **settings: Any
) -> AsyncIterator[Provider]:
    """Open a provider. Unless `retry` allows more, a call is a single attempt: no retry hides a refusal."""
    config = u.ProviderConfig(
        provider=face.provider,
        base_url=url + face.path,
        api_key=u.Secret(key),
        text_model=face.model,
        embedding_model=face.embedding_model,
        **settings,
    )
    async with u.create_provider(config, fallback=retry) as llm:
        yield llm


class City(BaseModel):
    name: str
    size: Literal["big", "small"]
    near: list[Literal["sea", "hills"]] = Field(max_length=2)
    rank: int | None = None


def weather(city: Literal["Paris", "Rome"]) -> str:
    """Look up the weather in a city."""
    return f"sunny in {city}"


ODD_TOOLS = (
    u.Tool(name="fs.read/file", description="", parameters={}),
    u.Tool(name="städte", description="Cities", parameters={"type": "object"}),
    u.Tool(
        name="a" * 70,
        description="A long name, and a recursive schema",
        parameters={
            "type": "object",
            "properties": {
                "count": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
                "tree": {"$ref": "#/$defs/Tree"},
            },
            "$defs": {"Tree": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
        },
    ),
)


async def chat(llm: Provider) -> None:
    answer = await llm.generate("Say hello.", max_tokens=60)
    assert answer.text
    assert answer.finish_reason in (u.FinishReason.STOP, u.FinishReason.LENGTH)
    assert answer.model


async def stream(llm: Provider) -> None:
    async with llm.stream("Say hello.", max_tokens=60) as answer:
        pieces = [text async for text in answer.text()]
    assert pieces
    assert "".join(pieces) == answer.response.text
    assert answer.response.finish_reason in (u.FinishReason.STOP, u.FinishReason.LENGTH)


async def tool_loop(llm: Provider) -> None:
    run = await llm.run_tools(
        "Call weather for Paris.", tools=[weather], tool_choice="required", max_steps=12, max_tokens=ENOUGH
    )
    done = [outcome for outcome in run.outcomes if outcome.error is None]
    assert done
    assert {outcome.value for outcome in done} <= {"sunny in Paris", "sunny in Rome"}
    assert run.text


async def streamed_tool_call(llm: Provider) -> None:
    answer = await llm.stream(
        "Call weather for Paris.", tools=[weather], tool_choice="required", max_tokens=ENOUGH
    ).collect()
    assert answer.tool_calls[0].name == "weather"
    assert answer.tool_calls[0].parsed_arguments()["city"] in ("Paris", "Rome")


async def odd_tools(llm: Provider) -> None:
    answer = await llm.generate("Call a tool.", tools=ODD_TOOLS, tool_choice="required", max_tokens=ENOUGH)
    assert answer.text or answer.tool_calls
    assert {call.name for call in answer.tool_calls} <= {tool.name for tool in ODD_TOOLS}


async def moved_from_anthropic(llm: Provider) -> None:
    await _moved(llm, "anthropic", "claude-sonnet-4-5")


async def moved_from_google(llm: Provider) -> None:
    await _moved(llm, "google", "gemini-3.8-flash")


async def _moved(llm: Provider, provider: str, model: str) -> None:
    """Begin at another provider, which calls an oddly named tool after thinking, and go on here with its result."""
    tool = u.Tool(
        name="fs.read/weather für Städte",
        description="The weather",
        parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    )
    question = u.Message.user("What is the weather in Paris? Use the tool.")
    async with Emulator([provider]) as emulator:
        first = Face(provider, "", model)
        async with connect(emulator.url(provider), first, emulator.key) as elsewhere:
            begun = await elsewhere.generate([question], tools=[tool], reasoning="low")
    assert [call.name for call in begun.tool_calls] == [tool.name]
    found = u.ToolResult(call_id=begun.tool_calls[0].id, name=tool.name, content='{"degrees": 22}')
    answer = await llm.generate([question, begun.message, u.Message.tool(found)], tools=[tool], max_tokens=ENOUGH)
    assert answer.text or answer.tool_calls


def broken_history() -> list[u.Message]:
    """Odd ids and names, arguments that are cut off, results that come late, and empty messages."""
    odd = "toolu_01 odd|x" * 6
    return [
        u.Message.user("What is the weather in Paris?"),
        u.Message.assistant(
            (
                u.Text("Let me look."),
                u.ToolCall(id=odd, name="fs.read/file", arguments='{"city": "Par'),
                u.ToolCall(id="b", name="städte", arguments=""),
            )
        ),
        u.Message.system("Be brief."),
        u.Message.tool(u.ToolResult(call_id="b", content="")),
        u.Message.user("And?"),
        u.Message.tool(u.ToolResult(call_id=odd, content='{"degrees": 22}')),
        u.Message.user("   "),
        u.Message.assistant(""),
        u.Message.user("Go on."),
    ]


async def broken_conversation(llm: Provider) -> None:
    for tools in ((), ODD_TOOLS):
        await _answered(llm, broken_history(), tools=list(tools))


async def system_in_the_middle(llm: Provider) -> None:
    system, user, assistant = u.Message.system, u.Message.user, u.Message.assistant
    await _answered(llm, [system("Be kind."), user("Hi"), assistant("Hello"), system("Be brief."), user("Go on.")])
    await _answered(llm, [user("Hi"), system("Be brief.")])


async def empty_messages(llm: Provider) -> None:
    await _answered(llm, [u.Message.user(""), u.Message.assistant(" "), u.Message.user("Hello")])
    await _answered(llm, [u.Message.system(""), u.Message.user("Hello"), u.Message.assistant("")])


async def prefill(llm: Provider) -> None:
    await _answered(llm, [u.Message.user("Hi"), u.Message.assistant("Well, ")])


async def text_file(llm: Provider) -> None:
    await _answered(llm, [u.Message.user(("What is this?", u.File(text="A note.", name="note.txt")))])


async def options(llm: Provider) -> None:
    await _answered(
        llm, "Hi", temperature=0.5, top_p=0.9, top_k=5, seed=1, stop=["zz"], presence_penalty=0.1, user="ann"
    )


async def _answered(llm: Provider, prompt: str | Sequence[u.Message], **settings: Any) -> None:
    answer = await llm.generate(prompt, max_tokens=ENOUGH, **settings)
    assert answer.text or answer.tool_calls


async def structured(llm: Provider) -> None:
    answer = await llm.generate("Describe Lisbon.", schema=City, max_tokens=ENOUGH)
    assert isinstance(answer.parsed, City)


async def health(llm: Provider) -> None:
    status = await llm.health_check()
    assert status.reachable
    assert status.ok, status.detail


Scene = Callable[[Provider], Awaitable[None]]
TALK: tuple[Scene, ...] = (
    chat,
    stream,
    odd_tools,
    moved_from_anthropic,
    moved_from_google,
    broken_conversation,
    system_in_the_middle,
    empty_messages,
    prefill,
    text_file,
    options,
)
TOOLS: tuple[Scene, ...] = (tool_loop, streamed_tool_call)
