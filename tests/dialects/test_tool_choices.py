"""A choice among tools over all providers: vendors refuse one where there are no tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy import dialects, providers
from understudy.dialects.base import Send
from understudy.domain.events import Warned
from understudy.domain.failures import Failure
from understudy.domain.messages import Message, OpaqueTool, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.providers.base import dialect_for, endpoint_of

MODELS = {
    "openai": "gpt-4.1",
    "azure-openai": "gpt-4.1",
    "anthropic": "claude-haiku-4-5",
    "google": "gemini-3.8-flash",
    "groq": "openai/gpt-oss-120b",
    "together": "openai/gpt-oss-120b",
    "huggingface": "openai/gpt-oss-120b",
    "cohere": "command-a-03-2025",
    "ollama": "llama3.2",
}
EVERYWHERE = pytest.mark.parametrize(("provider", "model"), [*MODELS.items(), ("openai", "gpt-5-pro")])
FIELDS = ("tools", "tool_choice", "toolConfig")
FOREIGN = OpaqueTool("elsewhere", {"type": "search"})


def sent(provider: str, model: str, **fields: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the body that goes out, and the warnings."""
    row = providers.row(provider)
    endpoint = endpoint_of(row, model, base_url="https://x.example" if row.base_url_required else None)
    request = GenerationRequest(messages=(Message.user("?"),), **fields)
    name = dialect_for(row, Operation.CHAT, endpoint.quirks, request)
    assert name is not None
    steps = dialects.load(name).open(Operation.CHAT, request, endpoint).start()
    (body,) = [json.loads(step.request.body or b"") for step in steps if isinstance(step, Send)]
    return body, [(str(step.warning.kind), step.warning.what) for step in steps if isinstance(step, Warned)]


@EVERYWHERE
@pytest.mark.parametrize("mode", ["auto", "none"])
def test_a_choice_without_tools_is_not_sent(provider: str, model: str, mode: Any) -> None:
    body, warnings = sent(provider, model, tool_choice=ToolChoice(mode))
    assert not body.keys() & set(FIELDS)
    assert not warnings


@EVERYWHERE
def test_a_required_call_of_tools_that_only_another_wire_has_is_a_warning(provider: str, model: str) -> None:
    body, warnings = sent(provider, model, tools=(FOREIGN,), tool_choice=ToolChoice("required"))
    assert not body.keys() & set(FIELDS)
    assert warnings == [("dropped", "tools"), ("dropped", "tool_choice")]


@EVERYWHERE
def test_the_tools_that_the_wire_has_stay_with_their_choice(provider: str, model: str) -> None:
    body, warnings = sent(provider, model, tools=(FOREIGN, Tool(name="f")), tool_choice=ToolChoice("auto"))
    assert len(body["tools"]) == 1
    assert warnings == [("dropped", "tools")]


def test_tools_as_a_provider_writes_them_keep_their_choice() -> None:
    own = {"openai": {"tools": [{"type": "function", "function": {"name": "f"}}]}}
    body, _ = sent("openai", "gpt-4.1", extra=own, tool_choice=ToolChoice("required"))
    assert body["tool_choice"] == "required"


@EVERYWHERE
@pytest.mark.parametrize(
    "choice",
    [ToolChoice("required", extra={"elsewhere": {"type": "search"}}), ToolChoice("tool", ("find",))],
    ids=["by its type", "by its name"],
)
def test_a_tool_that_is_demanded_and_that_only_another_wire_has_is_a_refusal(
    provider: str, model: str, choice: ToolChoice
) -> None:
    row = providers.row(provider)
    endpoint = endpoint_of(row, model, base_url="https://x.example" if row.base_url_required else None)
    tools = (OpaqueTool("elsewhere", {"type": "search_2026", "name": "find"}), Tool(name="other"))
    request = GenerationRequest(messages=(Message.user("?"),), tools=tools, tool_choice=choice)
    name = dialect_for(row, Operation.CHAT, endpoint.quirks, request)
    assert name is not None
    steps = dialects.load(name).open(Operation.CHAT, request, endpoint).start()
    assert [step.message for step in steps if isinstance(step, Failure)] == [
        "tool_choice: it demands a tool that only the elsewhere dialect supports"
    ]
    assert not [step for step in steps if isinstance(step, Send)]
