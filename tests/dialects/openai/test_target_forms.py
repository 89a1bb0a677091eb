"""Messages, tools and formats of an answer in the form that a target accepts, by the quirks of its provider."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.openai.talking import sent
from understudy import providers
from understudy.dialects import load
from understudy.dialects.history import localize
from understudy.dialects.quirks import Quirks
from understudy.domain.content import Provenance, Refusal, Text, Thinking, ToolCall, ToolResult
from understudy.domain.messages import Message, Tool
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning
from understudy.providers.base import endpoint_of

HELLO = Message.user("hello")


def quirks(provider: str, model: str) -> Quirks:
    return endpoint_of(providers.row(provider), model).quirks


def asked(provider: str, model: str, *messages: Message, **fields: Any) -> Any:
    return sent(GenerationRequest(messages=messages or (HELLO,), **fields), quirks(provider, model), provider=provider)


def test_alternatives_alone_are_a_number_at_together() -> None:
    assert asked("together", "Qwen/Qwen3.5-397B-A17B", top_logprobs=3)[0]["logprobs"] == 3


def test_the_newest_models_give_five_alternatives() -> None:
    asking = {"logprobs": True, "top_logprobs": 20, "reasoning": Reasoning(effort="none")}
    assert asked("openai", "gpt-6-luna", **asking)[0]["top_logprobs"] == 5
    assert asked("openai", "gpt-4.1", logprobs=True, top_logprobs=20)[0]["top_logprobs"] == 20


TEXTS = (Text("a"), Text("b"))
CALL = ToolCall(id="c1", name="f", arguments="{}")


@pytest.mark.parametrize("provider", ["groq", "together", "huggingface"])
def test_texts_alone_are_one_string_where_lists_may_be_refused(provider: str) -> None:
    messages = (
        Message.system(TEXTS),
        Message.user(TEXTS),
        Message.assistant((*TEXTS, CALL)),
        Message.tool(ToolResult(call_id="c1", content=TEXTS)),
        Message.assistant((Refusal("no"),)),
        HELLO,
    )
    body, _ = asked(provider, "llama-3.3-70b-versatile", *messages)
    assert [message["content"] for message in body["messages"]] == [*["a\n\nb"] * 4, "no", "hello"]
    assert not any("refusal" in message for message in body["messages"])


def test_tools_and_a_form_of_the_answer_do_not_go_together_at_groq() -> None:
    output = OutputFormat(kind="json_schema", json_schema={"type": "object", "properties": {}})
    body, warnings = asked("groq", "openai/gpt-oss-120b", output=output, tools=(Tool(name="f"),))
    assert "response_format" not in body
    assert "JSON Schema" in body["messages"][0]["content"]
    assert warnings["output"] == "emulated"


@pytest.mark.parametrize("strict", [True, False, None])
def test_a_tool_has_no_strict_where_the_field_is_unknown(strict: bool | None) -> None:
    parameters = {"type": "object", "properties": {}}
    body, _ = asked("together", "m", tools=(Tool(name="f", parameters=parameters, strict=strict),))
    assert body["tools"][0]["function"].keys() == {"name", "parameters"}


def test_arrays_in_parameters_have_items_also_beside_those_of_a_tuple() -> None:
    pair = {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}
    parameters = {"type": "object", "properties": {"a": {"anyOf": [pair, {"type": "null"}]}, "b": {"type": "array"}}}
    body, _ = asked("openai", "gpt-4.1", tools=(Tool(name="f", parameters=parameters),))
    a, b = body["tools"][0]["function"]["parameters"]["properties"].values()
    assert (a["anyOf"][0], b) == ({**pair, "items": {}}, {"type": "array", "items": {}})


def test_a_conversation_of_which_nothing_is_left_is_not_empty() -> None:
    foreign = Thinking("hm", signature="c2ln", provenance=Provenance("openai", "m", "private", "https://a.example"))
    request = GenerationRequest(messages=(Message.assistant((foreign,)),))
    found = localize(request, load("openai"), endpoint_of(providers.row("openai"), "gpt-5"))
    assert [message.text for message in found.request.messages] == ["(empty message)"]
    nothing = GenerationRequest(messages=())
    assert localize(nothing, load("openai"), endpoint_of(providers.row("openai"), "gpt-5")).request.messages == ()
