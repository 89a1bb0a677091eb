"""Values beyond what a target accepts are sent in a form that it does, with a warning."""

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
from understudy.domain.requests import GenerationRequest, OutputFormat
from understudy.providers.base import endpoint_of

HELLO = Message.user("hello")


def quirks(provider: str, model: str) -> Quirks:
    return endpoint_of(providers.row(provider), model).quirks


def asked(provider: str, model: str, *messages: Message, **fields: Any) -> Any:
    return sent(GenerationRequest(messages=messages or (HELLO,), **fields), quirks(provider, model), provider=provider)


@pytest.mark.parametrize("provider", ["openai", "azure-openai"])
def test_metadata_are_sent_as_far_as_they_are_accepted(provider: str) -> None:
    many = {f"k{n}": "v" for n in range(20)}
    body, warnings = asked(provider, "gpt-4.1", metadata=many)
    assert body["metadata"] == {f"k{n}": "v" for n in range(16)}
    assert warnings == {"metadata": "dropped"}
    long = {"k" * 64: "v" * 512, "k" * 65: "v", "k": "v" * 513}
    assert asked(provider, "gpt-4.1", metadata=long)[0]["metadata"] == {"k" * 64: "v" * 512}
    assert asked(provider, "gpt-4.1", metadata={"a": "b"})[1] == {}


def test_long_identifiers_are_sent_as_their_hash() -> None:
    body, warnings = asked("openai", "gpt-5", user="u" * 65, cache_key="k" * 65)
    assert [len(body[key]) for key in ("safety_identifier", "prompt_cache_key")] == [64, 64]
    assert body["safety_identifier"] != body["prompt_cache_key"]
    assert warnings == {"user": "renamed", "cache_key": "renamed"}
    assert asked("openai", "gpt-5", user="u" * 65)[0]["safety_identifier"] == body["safety_identifier"]
    body, warnings = asked("openai", "gpt-5", user="u" * 64, cache_key="k")
    assert (body["safety_identifier"], body["prompt_cache_key"], warnings) == ("u" * 64, "k", {})


@pytest.mark.parametrize("provider", ["openai", "azure-openai", "huggingface"])
def test_alternatives_ask_for_log_probabilities_too(provider: str) -> None:
    body, warnings = asked(provider, "gpt-4.1", top_logprobs=3)
    assert (body["logprobs"], body["top_logprobs"], warnings) == (True, 3, {})
    body, warnings = asked(provider, "gpt-4.1", top_logprobs=3, logprobs=False)
    assert ("top_logprobs" in body, warnings) == (False, {"top_logprobs": "dropped"})
    body, warnings = asked(provider, "gpt-4.1", top_logprobs=0)
    assert (body.keys() & {"logprobs", "top_logprobs"}, warnings) == (set(), {})


def test_alternatives_alone_are_a_number_at_together() -> None:
    assert asked("together", "Qwen/Qwen3.5-397B-A17B", top_logprobs=3)[0]["logprobs"] == 3


def test_numbers_stay_in_the_ranges_of_the_target() -> None:
    body, warnings = asked("huggingface", "m", seed=-1, top_logprobs=20, logprobs=True)
    assert (body["seed"], body["top_logprobs"]) == (0, 5)
    assert warnings == {"seed": "clamped", "top_logprobs": "clamped"}
    assert asked("openai", "gpt-4.1", seed=-1)[0]["seed"] == -1


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


def test_a_conversation_of_which_nothing_is_left_is_not_empty() -> None:
    foreign = Thinking("hm", signature="c2ln", provenance=Provenance("openai", "m", "private", "https://a.example"))
    request = GenerationRequest(messages=(Message.assistant((foreign,)),))
    found = localize(request, load("openai"), endpoint_of(providers.row("openai"), "gpt-5"))
    assert [message.text for message in found.request.messages] == ["(empty message)"]
    nothing = GenerationRequest(messages=())
    assert localize(nothing, load("openai"), endpoint_of(providers.row("openai"), "gpt-5")).request.messages == ()
