"""What emulated models answer."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from understudy.domain import events as e
from understudy.domain.content import CacheMark, File, Image, Text, Thinking, ToolCall, ToolResult
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message, Tool, ToolChoice
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning
from understudy.domain.responses import GenerationResponse
from understudy.emulator.delivery import answer
from understudy.emulator.memory import PromptCache
from understudy.emulator.persona import Cached, Performance, Persona
from understudy.emulator.prompt import prompt_tokens
from understudy.emulator.tokens import count, words
from understudy.emulator.vectors import embed

TURN = Performance(persona=Persona(title="OpenAI", thinking="signed"), model="m-1", number=7)
WEATHER = Tool(
    name="get_weather",
    description="The weather of a city",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
        "required": ["city"],
    },
)
CLOCK = Tool(name="readClock", parameters={"type": "object", "properties": {}})


def say(text: str, **fields: Any) -> GenerationResponse:
    return fold(answer(GenerationRequest(messages=(Message.user(text),), **fields), TURN))


def arguments(response: GenerationResponse) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in response.tool_calls]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("What is the capital of Japan?", "The capital is Tokyo."),
        ("Tell me the capital of the United Kingdom please", "The capital is London."),
        ("What's 12 * 3?", "12 * 3 = 36."),
        ("7 / 2 is what?", "7 / 2 = 3.5."),
        ("1 / 0", "Nothing can be divided by zero."),
        ("Reply with exactly: pong", "pong"),
        ('Say "all is well".', "all is well"),
        ("Count from 3 to 6", "3, 4, 5, 6"),
        ("Since 2026-01-02?", "The emulated OpenAI heard you say: Since 2026-01-02?"),
        ("", "The emulated OpenAI heard nothing."),
    ],
)
def test_what_it_knows(text: str, said: str) -> None:
    assert say(text).text == said


def test_it_names_itself() -> None:
    assert "emulated OpenAI" in say("Hello!").text
    assert "m-1" in say("Who are you?").text


def test_long_numbers_take_no_time() -> None:
    began = time.process_time()
    for text in ("6" * 50_000, "Count to " + "9" * 5000, "1 + " + "2" * 5000):
        assert say(text).text
    assert time.process_time() - began < 1.0


def test_it_remembers_the_conversation() -> None:
    messages = (Message.user("My name is Ada."), Message.assistant("Hello!"), Message.user("What is my name?"))
    assert fold(answer(GenerationRequest(messages=messages), TURN)).text == "Your name is Ada."


def test_same_request_same_answer() -> None:
    request = GenerationRequest(messages=(Message.user("Hello"),), tools=(WEATHER,))
    assert answer(request, TURN) == answer(request, TURN)


def test_events_begin_with_the_prompt_and_end_with_the_reason() -> None:
    events = answer(GenerationRequest(messages=(Message.user("Count to 3"),)), TURN)
    assert [type(event) for event in events] == [
        e.Started,
        e.UsageReported,
        *[e.TextDelta] * 3,
        e.UsageReported,
        e.Finished,
    ]


def test_tools_are_called_when_the_text_asks_for_them() -> None:
    assert arguments(say("How is the weather in Paris?", tools=(WEATHER, CLOCK))) == [
        ("get_weather", {"city": "Paris"})
    ]
    assert arguments(say("Read the clock", tools=(WEATHER, CLOCK))) == [("readClock", {})]
    assert say("Tell me a story", tools=(WEATHER, CLOCK)).tool_calls == ()


def test_arguments_come_from_the_text_where_they_fit() -> None:
    response = say("What is the weather in New York in Fahrenheit?", tools=(WEATHER,))
    assert arguments(response) == [("get_weather", {"city": "New York", "unit": "fahrenheit"})]
    assert response.finish_reason is FinishReason.TOOL_CALLS


def test_several_things_mean_parallel_calls() -> None:
    text = "Weather in Paris and Oslo, please"
    assert [call["city"] for _, call in arguments(say(text, tools=(WEATHER,)))] == ["Paris", "Oslo"]
    assert len(say(text, tools=(WEATHER,), parallel_tool_calls=False).tool_calls) == 1
    both = say("Read the clock and the weather in Oslo", tools=(WEATHER, CLOCK))
    assert [call.name for call in both.tool_calls] == ["get_weather", "readClock"]
    assert len({call.id for call in both.tool_calls}) == 2


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        (ToolChoice("none"), []),
        (ToolChoice("required"), ["get_weather"]),
        (ToolChoice("tool", ("readClock",)), ["readClock"]),
        (ToolChoice("required", ("readClock",)), ["readClock"]),
    ],
)
def test_tool_choice(choice: ToolChoice, called: list[str]) -> None:
    response = say("Weather in Paris?", tools=(WEATHER, CLOCK), tool_choice=choice)
    assert [call.name for call in response.tool_calls] == called


def test_a_tool_result_is_answered_even_when_a_call_is_required() -> None:
    call = ToolCall(id="1", name="get_weather", arguments='{"city":"Paris"}')
    messages = (
        Message.user("Weather?"),
        Message.assistant((call,)),
        Message.tool(ToolResult(call_id="1", content="18")),
    )
    request = GenerationRequest(messages=messages, tools=(WEATHER,), tool_choice=ToolChoice("required"))
    assert fold(answer(request, TURN)).text == "get_weather says: 18"


def test_structured_output_fits_and_uses_the_text() -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "answer": {"type": "string"}},
        "required": ["name", "age", "answer"],
    }
    response = say("Take down that Ada is 36", output=OutputFormat(json_schema=schema))
    value = json.loads(response.text)
    assert (value["name"], value["age"]) == ("Ada", 36)
    assert "Ada is 36" in value["answer"]
    assert json.loads(say("What is 2 + 2?", output=OutputFormat(kind="json_object")).text) == {"answer": "2 + 2 = 4."}


def test_media_are_described() -> None:
    content = (
        Text("Look"),
        Image(data="aaaa", media_type="image/png"),
        Image(url="https://x.invalid/"),
        File(data="a"),
    )
    text = fold(answer(GenerationRequest(messages=(Message.user(content),)), TURN)).text
    assert text.startswith("I see 2 images (image/png, by URL). I read 1 file (unknown type).")


def test_max_tokens_count_everything() -> None:
    response = say("Count to 50", max_tokens=5)
    assert (response.text, response.finish_reason) == ("1, 2, 3, 4, 5,", FinishReason.LENGTH)
    assert response.usage.output_total == 5
    thinking = say("Count to 50", max_tokens=5, reasoning=Reasoning(effort="high"))
    assert (thinking.text, thinking.usage.output_total) == ("", 5)
    long = say("Reply with exactly: incomprehensibilities", max_tokens=2)
    assert (long.text, long.finish_reason) == ("incompre", FinishReason.LENGTH)


def test_the_first_stop_sequence_ends_the_text() -> None:
    request = GenerationRequest(messages=(Message.user("Count to 9"),), stop=("7", "4"))
    events = answer(request, TURN)
    assert fold(events).text == "1, 2, 3, "
    assert events[-1] == e.Finished(FinishReason.STOP)
    named = Performance(persona=Persona(title="X", stop_word="stop_sequence"), model="m")
    assert answer(request, named)[-2:] == [
        e.FactReported("stop_sequence", "4"),
        e.Finished(FinishReason.STOP, "stop_sequence"),
    ]


@pytest.mark.parametrize(
    ("reasoning", "thought"),
    [
        (None, False),
        (Reasoning(effort="none"), False),
        (Reasoning(mode="disabled"), False),
        (Reasoning(effort="low"), True),
        (Reasoning(mode="adaptive"), True),
        (Reasoning(budget=2000), True),
    ],
)
def test_thinking_only_when_asked(reasoning: Reasoning | None, thought: bool) -> None:
    response = say("Hello", reasoning=reasoning)
    assert bool(response.thinking) is thought
    assert bool(response.usage.reasoning) is thought


def test_thinking_shows_as_the_persona_wants() -> None:
    request = GenerationRequest(messages=(Message.user("Hello"),), reasoning=Reasoning(effort="low"))

    def thinking(way: Any, display: str | None = None) -> list[Thinking]:
        turn = Performance(persona=Persona(title="X", thinking=way), model="m")
        asked = GenerationRequest(messages=request.messages, reasoning=Reasoning(effort="low", display=display))
        return [part for part in fold(answer(asked, turn)).message.parts if isinstance(part, Thinking)]

    assert thinking("hidden") == []
    assert thinking("summary") == []
    assert thinking("summary", "auto")[0].text
    assert thinking("shown")[0].signature is None
    assert thinking("signed")[0].signature
    omitted = thinking("signed", "omitted")[0]
    assert omitted.text == ""
    assert omitted.signature


def test_pieces_cost_what_the_whole_costs() -> None:
    text = "  The quick,  brown fox\njumped over 12 incomprehensible dogs. "
    assert "".join(words(text)) == text
    assert count(text) == sum(map(count, words(text)))


def test_the_prompt_cache_reads_what_was_written() -> None:
    cache = PromptCache()
    marked = Message.user((Text("a long document " * 20, cache=CacheMark()),))
    first = GenerationRequest(messages=(marked, Message.user("One?")))
    written = cache.look_up(first, "m")
    assert written.read == 0
    assert 0 < written.write < prompt_tokens(first)
    assert cache.look_up(first, "m") == Cached(read=written.write)
    assert cache.look_up(first, "other").read == 0
    assert cache.look_up(GenerationRequest(messages=(Message.user("One?"),)), "m") == Cached()


def test_a_growing_conversation_is_cached_in_steps() -> None:
    cache = PromptCache()
    one, two = Message.user("first words"), Message.user((Text("second words", cache=CacheMark(ttl="1h")),))
    first = cache.look_up(GenerationRequest(messages=(one,), cache=CacheMark()), "m")
    assert cache.look_up(GenerationRequest(messages=(one, two)), "m") == Cached(first.write, 0, first.write)


def test_similar_texts_are_closer() -> None:
    def likeness(left: str, right: str) -> float:
        return sum(a * b for a, b in zip(embed(left, 256), embed(right, 256), strict=True))

    text = "How do I reset my password?"
    assert likeness(text, text) == pytest.approx(1.0)
    related = likeness(text, "I forgot my password, how can I reset it?")
    assert related > likeness(text, "Our office is closed on Sundays.") + 0.2
    assert likeness("colour", "colours") > likeness("colour", "elephant")
    assert embed("", 4) == (1.0, 0.0, 0.0, 0.0)
