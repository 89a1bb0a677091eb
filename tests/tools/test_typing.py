"""What type checkers see: mypy and pyright read this file, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import understudy as u
from tests.tools.scripted import Scripted, call, calls, model

if TYPE_CHECKING:
    from typing import assert_type


@u.tool
def double(number: int) -> int:
    return 2 * number


@u.tool(name="shout", needs_approval=False)
async def loud(word: str) -> str:
    return word.upper()


class City:
    def __init__(self, name: str) -> None:
        self.name = name

    @u.tool(description="Greet somebody.")
    def greet(self, person: str, *, loudly: bool = False) -> str:
        return f"{self.name} greets {person}{'!' if loudly else ''}"


async def test_decorated_functions_are_called_as_before() -> None:
    doubled = double(4)
    word = await loud("x")
    greeting = City("Lisbon").greet("Ann", loudly=True)
    wrapped = u.FunctionTool(double)
    again = wrapped(5)
    if TYPE_CHECKING:
        assert_type(doubled, int)
        assert_type(word, str)
        assert_type(greeting, str)
        assert_type(again, int)
    assert (doubled, word, greeting, again) == (8, "X", "Lisbon greets Ann!", 10)


async def test_lists_of_any_tools_are_accepted_and_results_are_typed() -> None:
    tools = [double, loud, City("Lisbon").greet, u.Tool(name="plain"), u.FunctionTool(len, name="count")]
    llm, _ = model(calls(call("double", number=4)), '{"value": [1, 2]}')
    run = await llm.run_tools("Go.", tools=tools, schema=list[int])
    if TYPE_CHECKING:
        assert_type(run, u.RunResult[list[int]])
        assert_type(run.parsed, list[int])
    assert run.parsed == [1, 2]


def test_a_conversation_is_typed() -> None:
    chat = u.Conversation(u.ProviderManager([Scripted()]), tools=[double, loud])
    if TYPE_CHECKING:
        assert_type(chat.stream("x", schema=City), u.RunStream[City])
        assert_type(chat.last, u.RunResult[Any] | None)
    assert chat.last is None
