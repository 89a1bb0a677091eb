"""Scripts of answers: the steps of a task, whoever asks for them, in whatever wire format, however often."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
import pytest

import understudy as u
from tests.contract.public import MODELS
from understudy.emulator import Emulator, Fault
from understudy.emulator.answers import Answers
from understudy.testing import tool_call

TEN = sorted(set(u.ProviderType) - {u.ProviderType.REPLICATE})
"""Replicate's API has no field for tools."""

STEPS: list[Any] = [
    ["I look first.", tool_call("read", path="a.txt")],
    [tool_call("read", path="b.txt"), tool_call("write", path="a.txt", text="é\n")],
    tool_call("read", path="a.txt"),
    "All done.",
]
EXPECTED = ["read a.txt", "read b.txt", "write a.txt", "read a.txt"]


class Files:
    """Two tools, which note what they are called with."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def read(self, path: str) -> str:
        """Read a file."""
        self.done.append(f"read {path}")
        return f"<{path}>"

    def write(self, path: str, text: str) -> str:
        """Write a file."""
        assert text == "é\n"
        self.done.append(f"write {path}")
        return "written"

    @property
    def tools(self) -> list[Any]:
        return [self.read, self.write]


def provider(emulator: Emulator, name: str, **settings: Any) -> u.Provider:
    config: dict[str, Any] = {"provider": name, "api_key": emulator.key, "base_url": emulator.url(name)}
    llm = u.create_provider(config | MODELS.get(name, {}) | settings, transport=emulator.transport(name))
    assert isinstance(llm, u.Provider)
    return llm


@pytest.mark.parametrize("name", TEN)
async def test_a_task_takes_its_steps_in_every_wire_format(name: str) -> None:
    async with Emulator([name]) as emulator, provider(emulator, name) as llm:
        emulator.answers(name, STEPS)
        files = Files()
        run = await llm.run_tools("Do it.", tools=files.tools)
        assert (files.done, run.text) == (EXPECTED, "All done.")
        assert [request.status for request in emulator.requests(name)] == [200] * 4


async def test_steps_are_thought_about_and_streamed_over_responses_and_messages() -> None:
    async with Emulator(["openai", "anthropic"]) as emulator:
        url = emulator.url("openai")
        responses = {"dialect": "responses", "base_url": url, "operations": {"embed": False, "models": False}}
        entry = {"provider": "acme", "text_model": "gpt-6-luna", "api_key": emulator.key}
        config = {"provider_types": {"acme": responses}, "providers": [entry]}
        acme = u.from_config(config, transport=emulator.transport("openai"))
        for name, llm in (("openai", acme), ("anthropic", provider(emulator, "anthropic"))):
            emulator.answers(name, STEPS)
            files = Files()
            thinking = u.Reasoning(effort="medium", display="auto")
            async with llm, llm.stream_tools("Do it.", tools=files.tools, reasoning=thinking) as steps:
                events = [event async for event in steps]
            assert files.done == EXPECTED
            assert any(isinstance(event, u.ThinkingDelta) for event in events)
            assert [request.status for request in emulator.requests(name)] == [200] * 4
        assert {request.dialect for request in emulator.requests("openai")} == {"responses"}


async def test_other_requests_take_no_step() -> None:
    async with Emulator(["openai"]) as emulator, provider(emulator, "openai") as llm:
        emulator.answers("openai", STEPS)
        assert "Paris" in (await llm.generate("What is the capital of France?")).text
        only_one = await llm.generate("What is the capital of France?", tools=Files().tools[:1])
        assert only_one.text == "The capital is Paris."
        none = await llm.generate("What is the capital of France?", tools=Files().tools, tool_choice="none")
        assert none.text == "The capital is Paris."
        assert [call.name for call in (await llm.generate("Do it.", tools=Files().tools)).tool_calls] == ["read"]


async def test_a_step_is_repeated_until_its_answer_is_in_the_conversation() -> None:
    async with Emulator(["openai", "anthropic"]) as emulator:
        for name in emulator.providers:
            emulator.answers(name, STEPS)
        first, second = provider(emulator, "openai"), provider(emulator, "anthropic", priority=20)
        async with u.ProviderManager([first, second], u.FallbackConfig(max_retries=1)) as llm:
            emulator.script("openai", [None, Fault.cut(2), None, Fault.status(503)])
            files = Files()
            run = await llm.run_tools("Do it.", tools=files.tools)
        assert (files.done, run.text) == (EXPECTED, "All done.")
        assert emulator.requests("anthropic")


async def test_a_step_has_faults_of_its_own() -> None:
    async with Emulator(["openai"]) as emulator, provider(emulator, "openai") as llm:
        faults: dict[int, Any] = {1: [Fault.status(503), Fault.cut(1)], 3: u.FailureKind.OVERLOADED}
        emulator.answers("openai", STEPS, faults=faults)
        # What is not of the script takes no fault of a step.
        await llm.generate("Hello")
        files = Files()
        manager = u.ProviderManager([llm], u.FallbackConfig(max_retries=3, retry_delay_ms=0))
        run = await manager.run_tools("Do it.", tools=files.tools)
        assert (files.done, run.text) == (EXPECTED, "All done.")
        struck = [request.fault.kind if request.fault else None for request in emulator.requests("openai")]
        assert struck == [None, None, "status", "cut", None, None, "error", None]
        assert [request.step for request in emulator.requests("openai")] == [None, 0, 1, 1, 1, 2, 3, 3]
        assert [request.status for request in emulator.requests("openai") if request.error] == [503, 503]


async def test_a_fault_that_providers_share_strikes_whichever_is_asked_first() -> None:
    async with (
        Emulator(["openai", "anthropic"]) as emulator,
        provider(emulator, "openai") as first,
        provider(emulator, "anthropic") as second,
    ):
        shared: dict[int, Any] = {2: iter([Fault.status(429, retry_after=60), u.FailureKind.OVERLOADED])}
        for name in ("openai", "anthropic"):
            emulator.answers(name, STEPS, faults=shared)
        files = Files()
        manager = u.ProviderManager([first, second], u.FallbackConfig(max_retries=2, retry_delay_ms=0))
        run = await manager.run_tools("Do it.", tools=files.tools)
        assert (files.done, run.text) == (EXPECTED, "All done.")
        struck = {
            name: [request.status for request in emulator.requests(name) if request.fault]
            for name in ("openai", "anthropic")
        }
        assert struck == {"openai": [429], "anthropic": [529]}


async def test_after_the_script_and_for_other_prompts_the_model_answers_itself() -> None:
    async with Emulator(["openai"]) as emulator, provider(emulator, "openai") as llm:
        emulator.answers("openai", ["Once."], when=lambda request: "script" in request.messages[0].text)
        assert (await llm.generate("Hello")).text != "Once."
        assert (await llm.generate("script")).text == "Once."
        history = [u.Message.user("script"), u.Message.assistant("Once."), u.Message.user("capital of France?")]
        assert (await llm.generate(history)).text == "The capital is Paris."
        emulator.forget_answers("openai")
        assert (await llm.generate("script")).text != "Once."


async def test_what_is_no_answer_is_refused() -> None:
    async with Emulator(["openai"]) as emulator:
        with pytest.raises(TypeError, match="an answer consists of strings, Text, Thinking and ToolCall parts, got"):
            emulator.answers("openai", [[3]])  # type: ignore[list-item]
        with pytest.raises(ValueError, match="step 2 does not exist; the script has 2 answers"):
            emulator.answers("openai", ["one", "two"], faults={2: Fault.cut()})


async def test_arguments_arrive_as_written() -> None:
    arguments = {"path": "a.txt", "text": 'line\n"quoted" \\ and \u2028 \U0001f600', "n": [1, 2.5, None, {"x": True}]}
    async with Emulator(["openai", "anthropic", "google"]) as emulator:
        for name in emulator.providers:
            emulator.answers(name, [u.ToolCall(id="", name="write", arguments=msgspec.json.encode(arguments).decode())])
            async with provider(emulator, name) as llm:
                schema = {"type": "object", "properties": {"path": {"type": "string"}}}
                answer = await llm.stream("Do it.", tools=[u.Tool(name="write", parameters=schema)]).collect()
                assert answer.tool_calls[0].parsed_arguments() == arguments


def call(call_id: str, name: str, **arguments: Any) -> list[u.Message]:
    """Return a call and its result."""
    asked = u.ToolCall(id=call_id, name=name, arguments=msgspec.json.encode(arguments).decode())
    return [u.Message.assistant((asked,)), u.Message.tool(u.ToolResult(call_id=call_id, content="done"))]


@pytest.mark.parametrize(
    ("since", "step"),
    [
        (call("1", "read", path="a.txt"), 1),
        # Claude Code completes arguments by their defaults, opencode keeps calls whose answers were interrupted.
        (call("1", "read", path="a.txt", limit=3), 1),
        (call("0", "read") + call("1", "read", path="a.txt"), 1),
        (call("1", "read", path="b.txt"), 0),
        (call("1", "write", path="a.txt"), 0),
        ([u.Message.assistant("I am new here."), u.Message.user("And?")], 0),
    ],
)
def test_the_step_is_read_from_the_conversation(since: list[u.Message], step: int) -> None:
    script = Answers(STEPS)
    tools = tuple(u.Tool(name=name) for name in ("read", "write"))
    request = u.GenerationRequest(messages=(u.Message.user("Do it."), *since), tools=tools)
    assert script.step(request) == step
    assert Answers(STEPS, first=2).step(request) == 2 + step


async def test_custom_tools_and_those_in_the_conversation_can_be_called() -> None:
    """Codex offers a custom tool in a namespace, in an item of the conversation."""
    own = {"type": "custom_tool_call", "namespace": "functions"}
    script = u.ToolCall(id="", name="exec", arguments="text(1)", extra={"responses": own})
    tool = {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}
    question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Do it."}]}
    body = {
        "model": "gpt-6-sol",
        "input": [{"type": "additional_tools", "role": "developer", "tools": [tool]}, question],
    }
    async with Emulator(["openai"]) as emulator, aiohttp.ClientSession() as session:
        emulator.answers("openai", [script, "Done."])
        url, headers = f"{emulator.url('openai')}/responses", {"authorization": f"Bearer {emulator.key}"}
        async with session.post(url, json=body, headers=headers) as response:
            (item,) = (await response.json())["output"]
        assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "exec", "text(1)")
        assert item["namespace"] == "functions"
