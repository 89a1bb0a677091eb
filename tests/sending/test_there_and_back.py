"""A conversation moves from one provider to another in the middle of its tool loops, and back again.

Every pair of the ten. At each step the vendor's examiner and its client's types accept what is sent, and at home again
the first provider finds its own calls under the ids and names that it gave them. `--deep` moves 50 conversations for
each pair.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import understudy as u
from tests.sending.conversations import NAMES, conversations, texts
from tests.sending.targets import Family, Sender, refused

FAMILIES = (
    Family("openai", "gpt-5-mini"),
    Family("azure-openai", "gpt-4.1"),
    Family("anthropic", "claude-sonnet-4-5"),
    Family("google", "gemini-3.8-flash"),
    Family("groq", "openai/gpt-oss-120b"),
    Family("together", "Qwen/Qwen3.5-397B-A17B"),
    Family("huggingface", "Qwen/Qwen3-VL-235B-A22B-Instruct"),
    Family("cohere", "command-a-plus-05-2026"),
    Family("ollama", "qwen3-vl"),
    Family("replicate", "openai/gpt-5-mini"),
)
WITHOUT_TOOLS = ("replicate",)
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ABOUT = "The weather in a city, such as Paris or London"
"""The emulated models call a tool if the prompt has several words of this, whatever the tool is called."""
PAUSE = u.Message.assistant("All right.")
"""What came before is answered, so that nobody replies to its results instead."""
QUESTION = u.Message.user("What is the weather in Paris and London? Use the tool.")


@cache
def sender_of(family: Family) -> Sender:
    return Sender(family)


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    for family in FAMILIES:
        sender_of(family).close()


class Step(Exception):
    """What went wrong, and where."""


def ask(family: Family, history: list[u.Message], tool: u.Tool) -> tuple[dict[str, Any], u.GenerationResponse]:
    """Return the last body and the answer of a provider. Raise `Step` if anybody objects."""
    request = u.GenerationRequest(messages=tuple(history), tools=(tool,), reasoning=u.Reasoning(effort="low"))
    sent, answer = sender_of(family).generate(request)
    if found := refused(sent, lambda each: each.complaint) + refused(sent, lambda each: each.objection):
        raise Step(f"{family.label}: {'; '.join(found)}")
    if isinstance(answer, u.LLMError):
        raise Step(f"{family.label}: {answer!r}")
    return sent[-1].body, answer


def results(answer: u.GenerationResponse, words: str) -> list[u.Message]:
    """Return the answer and the results of its calls."""
    found = [u.ToolResult(call_id=call.id, name=call.name, content=words) for call in answer.tool_calls]
    return [answer.message, u.Message.tool(*found)] if found else [answer.message]


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from strings(item)
        case list():
            for item in value:
                yield from strings(item)


PAIRS = [pytest.param(a, b, id=f"{a.provider} {b.provider}") for a, b in itertools.permutations(FAMILIES, 2)]


@pytest.mark.parametrize(("home", "abroad"), PAIRS)
def test_a_conversation_goes_there_and_back(home: Family, abroad: Family, deep: bool) -> None:
    @settings(
        max_examples=50 if deep else 2,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        phases=(Phase.generate,),
    )
    @given(before=conversations(), name=st.sampled_from(NAMES), words=texts)
    def check(before: tuple[u.Message, ...], name: str, words: str) -> None:
        tool = u.Tool(name=name, description=ABOUT, parameters=PARAMETERS)
        start = [*before, PAUSE, QUESTION]
        _, first = ask(home, start, tool)
        assert {call.name for call in first.tool_calls} == (set() if home.provider in WITHOUT_TOOLS else {name})
        history = [*start, *results(first, words)]
        _, second = ask(abroad, history, tool)
        history += [*results(second, words), PAUSE, QUESTION]
        _, third = ask(abroad, history, tool)
        assert {call.name for call in third.tool_calls} == (set() if abroad.provider in WITHOUT_TOOLS else {name})
        history += results(third, words)
        body, fourth = ask(home, history, tool)
        carried = set(strings(body))
        assert [call.id for call in first.tool_calls if call.id not in carried and not anonymous(home)] == []
        assert fourth.text or fourth.tool_calls

    check()


def anonymous(family: Family) -> bool:
    """Whether the provider's wire has calls without ids, or no calls at all."""
    return family.provider in (*WITHOUT_TOOLS, "google", "ollama")
