"""From what callers write to a request: every form, and every mistake by its name."""

from __future__ import annotations

from typing import Any

import pytest

import understudy as u
from tests.engine.fakes import RecordingTransport
from understudy.client.prompt import read_prompt, read_texts


def test_a_text_becomes_a_users_message_and_options_become_fields() -> None:
    ask = read_prompt(
        "hi", {"system": "be brief", "temperature": 0.5, "stop": "END", "reasoning": "low", "deadline": 3}
    )
    assert [(m.role, m.text) for m in ask.request.messages] == [("system", "be brief"), ("user", "hi")]
    assert ask.request.temperature == 0.5
    assert ask.request.stop == ("END",)
    assert ask.request.reasoning == u.Reasoning(effort="low")
    assert ask.deadline == 3


def test_messages_may_be_ours_or_mappings_in_openais_form() -> None:
    ask = read_prompt(
        [
            {"role": "system", "content": "be brief"},
            u.Message.user("hi"),
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
        ],
        {},
    )  # fmt: skip
    roles = [message.role for message in ask.request.messages]
    assert roles == ["system", "user", "assistant", "tool"]
    (call,) = ask.request.messages[2].parts
    assert isinstance(call, u.ToolCall)
    assert call.name == "f"


def test_a_whole_request_passes_as_it_is() -> None:
    request = u.GenerationRequest(messages=(u.Message.user("hi"),), seed=1)
    assert read_prompt(request, {}).request == request
    assert read_prompt(request, {"seed": 2}).request.seed == 2


def test_a_mistake_in_a_mapping_is_told_with_its_place() -> None:
    with pytest.raises(u.Misuse, match=r"messages\[2\]"):
        read_prompt([u.Message.user("hi"), {"role": "assistant", "content": "x"}, {"role": "user", "content": 5}], {})


TOOL = u.Tool(name="weather")


@pytest.mark.parametrize(
    ("prompt", "options", "words"),
    [
        ("", {}, "empty"),
        ([], {}, "non-empty"),
        ([42], {}, "message 0 is a whole number"),
        ([{"role": "wizard", "content": "x"}], {}, "wizard"),
        ("hi", {"temprature": 1}, "did you mean 'temperature'"),
        ("hi", {"temperature": "hot"}, "temperature must be a number, not a string: 'hot'"),
        ("hi", {"max_tokens": 0}, "max_tokens must be at least 1, got 0"),
        ("hi", {"max_tokens": True}, "max_tokens must be a whole number, not true"),
        ("hi", {"tool_choice": "weather"}, "not among the tools"),
        ("hi", {"deadline": 0}, "deadline must be greater than 0, got 0"),
        ("hi", {"tools": [{"type": "function", "function": {}}]}, r"tools\[0\].function.name"),
        ("hi", {"tools": [42]}, r"tools\[0\] is a whole number: pass a function"),
        ("hi", {"tools": [TOOL], "tool_choice": {"function": {"name": "other"}}}, "not among the tools"),
        ("hi", {"response_format": {"type": "json_object"}}, "write schema="),
        ("hi", {"stream": True}, "call stream"),
        ("hi", {"num_retries": 2}, "counts all attempts"),
        ("hi", {"schema": {"type": "wizard"}}, "JSON Schema is not valid"),
        ("hi", {"schema": {}, "output": u.OutputFormat(kind="text")}, "not both"),
    ],
)
def test_a_mistake_is_named(prompt: Any, options: Any, words: str) -> None:
    with pytest.raises(u.Misuse, match=words):
        read_prompt(prompt, options)


def test_a_tool_choice_is_a_mode_or_a_tools_name() -> None:
    assert read_prompt("hi", {"tools": [TOOL], "tool_choice": "required"}).request.tool_choice == u.ToolChoice(
        "required"
    )
    named = read_prompt("hi", {"tools": [TOOL], "tool_choice": "weather"}).request.tool_choice
    assert named == u.ToolChoice("tool", ("weather",))


def test_tools_and_choices_may_be_mappings_in_openais_form() -> None:
    function = {"name": "forecast", "description": "…", "parameters": {"type": "object"}, "strict": True}
    given = {"type": "function", "function": function}
    request = read_prompt(
        "hi", {"tools": [TOOL, given], "tool_choice": {"type": "function", "function": {"name": "weather"}}}
    ).request
    assert request.tools == (
        TOOL,
        u.Tool(name="forecast", description="…", parameters={"type": "object"}, strict=True),
    )
    assert request.tool_choice == u.ToolChoice("tool", ("weather",))
    (hosted,) = read_prompt("hi", {"tools": [{"type": "web_search"}]}).request.tools
    assert not isinstance(hosted, u.Tool)


def test_texts_to_embed() -> None:
    read = read_texts("one", {"dimensions": 8, "deadline": 2, "concurrency": 3})
    assert read.request.texts == ("one",)
    assert read.request.single
    assert read.request.dimensions == 8
    assert (read.deadline, read.concurrency) == (2, 3)
    assert not read_texts(["one"], {}).request.single


@pytest.mark.parametrize(
    ("texts", "options", "words"),
    [
        ([], {}, "empty"),
        (["a", ""], {}, "text 1 is empty"),
        (["a", 3], {}, "text 1 is a whole number, not a string"),
        ("a", {"dimension": 3}, "did you mean 'dimensions'"),
        ("a", {"input_type": "poem"}, "input_type"),
        (None, {}, "EmbeddingRequest, not None"),
        (b"abc", {}, "EmbeddingRequest, not bytes"),
        (["a", "ab\ud800"], {}, "text 1 contains a lone surrogate at character 2"),
        ("a", {"dimensions": 0}, "dimensions must be at least 1, got 0"),
        ("a", {"dimensions": 2.5}, "dimensions"),
        ("a", {"concurrency": 0}, "concurrency must be at least 1, got 0"),
        ("a", {"concurrency": True}, "concurrency must be a whole number, not true"),
    ],
)
def test_a_mistake_in_an_embedding_is_named(texts: Any, options: Any, words: str) -> None:
    with pytest.raises(u.Misuse, match=words):
        read_texts(texts, options)


async def test_half_a_character_is_the_callers_mistake() -> None:
    """Such texts come of cutting JSON escapes; they have no form in UTF-8."""
    for provider in ("openai", "anthropic", "ollama", "google", "cohere"):
        config = u.ProviderConfig(provider=provider, api_key=u.Secret("k-1234567"), text_model="a/m")
        llm = u.create_provider(config, transport=RecordingTransport())
        with pytest.raises(u.Misuse, match=r"a lone surrogate \('\\ud800'\)"):
            await llm.generate("cut \ud800 here")
        with pytest.raises(u.Misuse, match="a lone surrogate"):
            await llm.stream("cut \ud800 here").collect()
