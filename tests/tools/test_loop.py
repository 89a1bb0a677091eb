"""The loop between a model and its tools."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import threading
from typing import Any

import pytest

import understudy as u
from tests.tools.scripted import Scripted, call, calls, model, results, results_in


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def shout(word: str) -> str:
    return word.upper()


async def test_the_model_gets_its_results_and_answers() -> None:
    llm, scripted = model(calls(call("add", a=1, b=2), call("shout", word="hi")), "3 and HI")
    run = await llm.run_tools("Add and shout.", tools=[add, shout], system="Be brief.", temperature=0.5)
    assert run.text == "3 and HI"
    assert run.finish_reason is u.FinishReason.STOP
    assert results(run) == [("add", "3", None), ("shout", "HI", None)]
    assert [message.role.value for message in run.messages] == ["user", "assistant", "tool", "assistant"]
    assert run.new_messages == run.messages[1:]
    assert results_in(run.messages) == [
        u.ToolResult(call_id="call-add", name="add", content="3"),
        u.ToolResult(call_id="call-shout", name="shout", content="HI"),
    ]
    assert [outcome.value for outcome in run.outcomes] == [3, "HI"]
    assert (len(run.steps), run.pending, run.provider) == (2, (), "scripted")
    assert run.usage == u.Usage(input=20, output=2)
    assert len(run.attempts) == 2
    first, second = scripted.requests
    assert [tool.name for tool in first.tools if isinstance(tool, u.Tool)] == ["add", "shout"]
    assert first.tools == second.tools
    assert second.messages == (u.Message.system("Be brief."), *run.messages[:-1])
    assert second.temperature == 0.5


async def test_an_answer_without_calls_ends_the_loop_at_once() -> None:
    llm, scripted = model("hello")
    run = await llm.run_tools("Hi")
    assert (run.text, len(run.steps), run.outcomes) == ("hello", 1, ())
    assert scripted.requests[0].tools == ()


async def test_a_run_can_be_continued() -> None:
    llm, scripted = model(calls(call("add", a=1, b=2)), "3", "still 3")
    run = await llm.run_tools("Add.", tools=[add])
    again = await llm.run_tools([*run.messages, u.Message.user("Sure?")], tools=[add])
    assert again.text == "still 3"
    assert again.prompt == (*run.messages, u.Message.user("Sure?"))
    assert scripted.requests[-1].messages == again.prompt


async def test_a_whole_request_as_a_prompt() -> None:
    llm, scripted = model(calls(call("add", a=1, b=2)), "3")
    request = u.GenerationRequest(messages=(u.Message.user("Add."),), max_tokens=50)
    run = await llm.run_tools(request, tools=[add])
    assert run.text == "3"
    assert [each.max_tokens for each in scripted.requests] == [50, 50]
    assert len(scripted.requests[1].messages) == 3


async def test_calls_of_one_answer_run_side_by_side() -> None:
    meeting = threading.Barrier(2, timeout=30)
    both = asyncio.Barrier(2)

    def wait_in_thread(who: str) -> str:
        meeting.wait()
        return who

    async def wait_on_loop(who: str) -> str:
        await both.wait()
        return who

    llm, _ = model(
        calls(
            call("wait_in_thread", "1", who="a"),
            call("wait_on_loop", "2", who="b"),
            call("wait_in_thread", "3", who="c"),
            call("wait_on_loop", "4", who="d"),
        ),
        "done",
    )
    async with asyncio.timeout(30):
        run = await llm.run_tools("Go.", tools=[wait_in_thread, wait_on_loop])
    assert [content for _, content, _ in results(run)] == ["a", "b", "c", "d"]


async def test_results_stand_in_the_order_of_the_calls() -> None:
    async def sleep(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    llm, _ = model(calls(call("sleep", "1", seconds=0.02), call("sleep", "2", seconds=0.0)), "done")
    stream = llm.stream_tools("Go.", tools=[sleep])
    ended = [event.outcome.call.id async for event in stream if isinstance(event, u.ToolEnded)]
    assert ended == ["2", "1"]
    assert [result.call_id for result in results_in(stream.result.messages)] == ["1", "2"]


class Odd:
    def __str__(self) -> str:
        return "odd \ud800"


@dataclasses.dataclass
class City:
    name: str


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("text", "text"),
        ("half \ud800", "half ?"),
        (None, "null"),
        ({"a": [1, 2.5, True]}, '{"a":[1,2.5,true]}'),
        ([], "[]"),
        (City("Lisbon"), '{"name":"Lisbon"}'),
        ({City}, None),
        (Odd(), "odd ?"),
        (u.Text("part"), (u.Text("part"),)),
        ([u.Text("a"), u.Image(url="https://x/y.png")], (u.Text("a"), u.Image(url="https://x/y.png"))),
    ],
)
async def test_what_a_function_returns_becomes_a_result(value: Any, content: Any) -> None:
    def give() -> Any:
        return value

    llm, _ = model(calls(call("give")), "done")
    run = await llm.run_tools("Go.", tools=[give])
    assert results(run) == [("give", str(value) if content is None else content, None)]


async def test_a_pydantic_model_and_a_result_of_ones_own() -> None:
    import pydantic

    class Person(pydantic.BaseModel):
        name: str

    def person() -> Any:
        return Person(name="Ann")

    def failed() -> Any:
        return u.ToolResult(call_id="", content="no", is_error=True)

    llm, _ = model(calls(call("person"), call("failed")), "done")
    run = await llm.run_tools("Go.", tools=[person, failed])
    assert results(run) == [("person", '{"name":"Ann"}', None), ("failed", "no", True)]
    assert run.outcomes[1].result.call_id == "call-failed"


def fail(text: str = "broken") -> None:
    raise ValueError(text)


async def afail() -> None:
    raise RuntimeError


def advise() -> None:
    raise u.ToolError("no such city: ask for its name")


def stop() -> None:
    raise StopIteration


async def cancelled() -> None:
    raise asyncio.CancelledError


async def test_errors_are_handed_to_the_model(caplog: pytest.LogCaptureFixture) -> None:
    long = "x" * 3000
    wrong = u.ToolCall(id="cut", name="add", arguments='{"a": 1, "b"')
    llm, _ = model(
        calls(
            call("fail"),
            call("fail", "long", text=long),
            call("afail"),
            call("advise"),
            call("stop"),
            call("cancelled"),
            call("nothing"),
            call("add", a=1),
            wrong,
            u.ToolCall(id="empty", name="afail", arguments=""),
        ),
        "sorry",
    )
    tools = [fail, afail, advise, stop, cancelled, add]
    with caplog.at_level(logging.WARNING, "understudy"):
        run = await llm.run_tools("Go.", tools=tools)
    told = results(run)
    assert all(is_error for _, _, is_error in told)
    assert [content for _, content, _ in told[:8]] == [
        "ValueError: broken",
        f"ValueError: {long[:988]}… (3,012 characters)",
        "RuntimeError",
        "no such city: ask for its name",
        "RuntimeError: StopIteration",
        "the tool was cancelled",
        "unknown tool 'nothing'; the tools are: fail, afail, advise, stop, cancelled, add",
        "invalid arguments: Object missing required field `b`",
    ]
    assert told[8][1].startswith("invalid arguments: arguments of tool call 'add' are not valid JSON")
    assert told[9][1] == "RuntimeError"
    assert isinstance(run.outcomes[0].error, ValueError)
    assert "broken" in caplog.text  # with its traceback, for the developer
    assert run.text == "sorry"


async def test_what_an_exception_says_can_be_kept_from_the_model() -> None:
    llm, _ = model(calls(call("fail"), call("advise")), "sorry")
    run = await llm.run_tools("Go.", tools=[fail, advise], tool_errors="type")
    assert [content for _, content, _ in results(run)] == [
        "the tool failed with ValueError",
        "no such city: ask for its name",
    ]


async def test_an_exception_can_be_raised() -> None:
    started = asyncio.Event()
    ended = asyncio.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def fail_later() -> None:
        await started.wait()
        raise ValueError("broken")

    llm, _ = model(calls(call("wait"), call("fail_later")), "never")
    with pytest.raises(ValueError, match="broken"):
        await llm.run_tools("Go.", tools=[wait, fail_later], tool_errors="raise")
    assert ended.is_set()
    assert len(asyncio.all_tasks()) == 1


# ---- approval ----


@u.tool(needs_approval=True)
def delete(path: str) -> str:
    return f"deleted {path}"


@u.tool(needs_approval=False)
def look(path: str) -> str:
    return f"looked at {path}"


async def test_approvals() -> None:
    asked: list[str] = []

    def approve(call: u.ToolCall) -> bool | str:
        asked.append(f"{call.name} {call.parsed_arguments()}")
        answers: dict[str, bool | str] = {"/a": True, "/b": False, "/c": "ask the owner first"}
        return answers[call.parsed_arguments()["path"]]

    llm, _ = model(
        calls(
            call("delete", "1", path="/a"),
            call("delete", "2", path="/b"),
            call("delete", "3", path="/c"),
            call("look", "4", path="/d"),
            call("add", "5", a=1),
        ),
        "done",
    )
    run = await llm.run_tools("Go.", tools=[delete, look, add], approve=approve)
    assert results(run)[:4] == [
        ("delete", "deleted /a", None),
        ("delete", "the call was not approved", True),
        ("delete", "ask the owner first", True),
        ("look", "looked at /d", None),
    ]
    assert asked == [f"delete {{'path': '/{each}'}}" for each in "abc"]


async def test_an_approval_may_be_asynchronous_and_concerns_every_tool() -> None:
    async def approve(call: u.ToolCall) -> bool:
        await asyncio.sleep(0)
        return call.name == "add"

    llm, _ = model(calls(call("add", a=1, b=1), call("shout", word="x")), "done")
    run = await llm.run_tools("Go.", tools=[add, shout], approve=approve)
    assert results(run) == [("add", "2", None), ("shout", "the call was not approved", True)]


async def test_without_an_approval_calls_are_handed_back_and_can_be_resumed() -> None:
    llm, scripted = model(calls(call("delete", path="/a"), call("look", path="/b")), "done")
    run = await llm.run_tools("Go.", tools=[delete, look])
    assert run.pending == (call("delete", path="/a"),)
    assert results(run) == [("look", "looked at /b", None)]
    assert len(scripted.requests) == 1
    again = await llm.run_tools(run.messages, tools=[delete, look], approve=lambda call: True)
    assert again.text == "done"
    assert [outcome.result.content for outcome in again.resumed] == ["deleted /a"]
    assert [each.call_id for each in results_in(scripted.requests[1].messages)] == ["call-look", "call-delete"]


async def test_a_hook_that_answers_nonsense_or_raises() -> None:
    llm, _ = model(calls(call("add", a=1, b=1)), calls(call("add", a=1, b=1)))
    with pytest.raises(u.Misuse, match="approve must return True, False or a string, got int"):
        await llm.run_tools("Go.", tools=[add], approve=lambda call: 5)  # type: ignore[arg-type,return-value]

    async def broken(call: u.ToolCall) -> bool:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await llm.run_tools("Go.", tools=[add], approve=broken)


# ---- what is handed back ----

PLAIN = u.Tool(name="plain", parameters={"type": "object", "properties": {}})
HOSTED = u.OpaqueTool("anthropic", {"type": "bash_20250124", "name": "bash"})


async def test_calls_of_tools_without_a_function_are_handed_back() -> None:
    llm, scripted = model(calls(call("plain"), call("add", a=1, b=1)), "done")
    run = await llm.run_tools("Go.", tools=[add, PLAIN])
    assert run.pending == (call("plain"),)
    assert results(run) == [("add", "2", None)]
    answered = [*run.messages, u.Message.tool(u.ToolResult(call_id="call-plain", name="plain", content="ok"))]
    assert (await llm.run_tools(answered, tools=[add, PLAIN])).text == "done"
    assert len(scripted.requests) == 2


async def test_calls_that_may_be_of_a_hosted_tool_are_handed_back() -> None:
    llm, _ = model(calls(call("bash", command="ls")))
    run = await llm.run_tools("Go.", tools=[add, HOSTED])
    assert run.pending == (call("bash", command="ls"),)


async def test_a_filtered_answer_executes_nothing() -> None:
    llm, _ = model()
    scripted = Scripted()
    response = u.GenerationResponse(message=calls(call("add", a=1, b=1)), finish_reason=u.FinishReason.CONTENT_FILTER)
    scripted.respond = lambda request: response  # type: ignore[method-assign]
    llm = u.ProviderManager([scripted])
    run = await llm.run_tools("Go.", tools=[add])
    assert (run.pending, run.outcomes) == ((call("add", a=1, b=1),), ())


async def test_a_paused_answer_is_continued() -> None:
    scripted = Scripted("half", "whole")
    plain = scripted.respond
    reasons = [u.FinishReason.PAUSED, u.FinishReason.STOP]

    def paused(request: u.GenerationRequest) -> u.GenerationResponse:
        import msgspec

        return msgspec.structs.replace(plain(request), finish_reason=reasons.pop(0))

    scripted.respond = paused  # type: ignore[method-assign]
    run = await u.ProviderManager([scripted]).run_tools("Go.", tools=[add])
    assert (run.text, len(run.steps)) == ("whole", 2)
    assert scripted.requests[1].messages[-1] == u.Message.assistant("half")


# ---- limits ----


async def test_a_limit_of_steps() -> None:
    llm, scripted = model(*(calls(call("add", a=1, b=n)) for n in range(3)), "done")
    with pytest.raises(u.RunLimitExceeded, match="the model still calls tools after max_steps=3 answers") as caught:
        await llm.run_tools("Go.", tools=[add], max_steps=3)
    run = caught.value.run
    assert run is not None
    assert len(run.steps) == len(caught.value.attempts) == 3
    assert len(run.outcomes) == 3
    assert isinstance(caught.value, u.Unavailable)
    assert (await llm.run_tools(run.messages, tools=[add])).text == "done"
    assert len(scripted.requests) == 4


async def test_the_last_step_can_be_an_answer() -> None:
    llm, scripted = model(calls(call("add", a=1, b=1)), "done")
    run = await llm.run_tools("Go.", tools=[add], max_steps=2, on_limit="answer")
    assert run.text == "done"
    assert [each.tool_choice for each in scripted.requests] == [None, u.ToolChoice("none")]
    assert scripted.requests[1].tools


async def test_a_limit_of_tool_calls() -> None:
    two = calls(call("add", "1", a=1, b=1), call("add", "2", a=2, b=2))
    llm, scripted = model(two, two)
    with pytest.raises(u.RunLimitExceeded, match="has requested 4 tool calls, more than max_tool_calls=3"):
        await llm.run_tools("Go.", tools=[add], max_tool_calls=3)
    llm, scripted = model(two, two, "done")
    run = await llm.run_tools("Go.", tools=[add], max_tool_calls=3, on_limit="answer")
    assert [is_error for _, _, is_error in results(run)] == [None, None, True, True]
    assert [each.tool_choice for each in scripted.requests] == [None, None, u.ToolChoice("none")]


async def test_a_deadline_ends_tools() -> None:
    ended = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    llm, _ = model(calls(call("wait")), "never")
    with pytest.raises(u.DeadlineExceeded, match="while tools were running") as caught:
        await asyncio.wait_for(llm.run_tools("Go.", tools=[wait], deadline=0.1), 30)
    assert ended.is_set()
    assert caught.value.run is not None
    assert len(caught.value.run.steps) == len(caught.value.attempts) == 1


async def test_a_deadline_ends_approvals_and_counts_over_all_steps() -> None:
    async def never(call: u.ToolCall) -> bool:
        await asyncio.sleep(60)
        return True

    async def nap() -> None:
        await asyncio.sleep(0.05)

    llm, _ = model(calls(call("add", a=1, b=1)))
    with pytest.raises(u.DeadlineExceeded, match="while waiting for an approval"):
        await llm.run_tools("Go.", tools=[add], approve=never, deadline=0.3)
    llm, scripted = model(*[calls(call("nap"))] * 20)
    with pytest.raises(u.DeadlineExceeded):
        await llm.run_tools("Go.", tools=[nap], deadline=0.12, max_steps=20)
    assert len(scripted.requests) <= 4


async def test_cancellation_leaves_nothing_behind() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    llm, _ = model(calls(call("wait")), "never")
    task = asyncio.create_task(llm.run_tools("Go.", tools=[wait]))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert len(asyncio.all_tasks()) == 1


# ---- choice, form, failures ----


@pytest.mark.parametrize("choice", ["required", "add", u.ToolChoice("tool", ("add",))])
async def test_a_choice_that_forces_a_call_is_for_the_first_step(choice: Any) -> None:
    llm, scripted = model(calls(call("add", a=1, b=1)), "2")
    await llm.run_tools("Go.", tools=[add], tool_choice=choice)
    first, second = scripted.requests
    assert first.tool_choice is not None
    assert first.tool_choice.mode in ("required", "tool")
    assert second.tool_choice == u.ToolChoice("auto")


async def test_the_last_answer_can_have_a_form() -> None:
    llm, scripted = model(calls(call("add", a=1, b=1)), '{"name": "Lisbon"}')
    run = await llm.run_tools("Go.", tools=[add], schema=City)
    assert run.parsed == City("Lisbon")
    assert all(each.output is not None for each in scripted.requests)


async def test_an_error_has_the_steps_before_it() -> None:
    llm, _ = model(calls(call("add", a=1, b=1)), u.Unavailable("down"))
    with pytest.raises(u.Unavailable) as caught:
        await llm.run_tools("Go.", tools=[add])
    error = caught.value
    assert error.run is not None
    assert [each.outcome.value for each in error.attempts] == ["won", "failed"]
    assert [message.role.value for message in error.run.messages] == ["user", "assistant", "tool"]


async def test_another_provider_takes_over_between_two_steps() -> None:
    first = Scripted(calls(call("add", a=1, b=1)), u.Unavailable("down"), name="first")
    second = Scripted("2", name="second", priority=2)
    llm = u.ProviderManager([first, second], u.FallbackConfig(max_retries=1, retry_delay_ms=1))
    run = await llm.run_tools("Go.", tools=[add])
    assert (run.text, run.provider) == ("2", "second")
    assert [step.response.provider for step in run.steps] == ["first", "second"]
    assert [(each.provider, each.outcome.value) for each in run.attempts] == [
        ("first", "won"),
        ("first", "failed"),
        ("second", "won"),
    ]
    assert second.requests[0].messages == run.messages[:-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_steps": 0}, "max_steps must be a whole number above 0, got 0"),
        ({"max_steps": True}, "max_steps must be"),
        ({"max_tool_calls": "3"}, "max_tool_calls must be"),
        ({"on_limit": "stop"}, "on_limit must be 'raise' or 'answer', got 'stop'"),
        ({"tool_errors": "hide"}, "tool_errors must be 'message', 'type' or 'raise', got 'hide'"),
        ({"approve": True}, "approve must be a function of a ToolCall, got bool"),
        ({"approve": lambda: True}, "approve must be a function of one argument, the ToolCall: too many positional"),
        ({"max_step": 3}, "unknown option 'max_step'; did you mean 'max_steps'?"),
        ({"temprature": 3}, "did you mean 'temperature'"),
        ({"tools": "add"}, "tools must be a list of functions or tools, not a string"),
        ({"tools": [add, add]}, "two tools are named 'add'"),
        ({"tools": [add, u.Tool(name="add")]}, "two tools are named 'add'"),
        ({"tools": [lambda x: x]}, "a lambda has no name"),
        ({"deadline": 0}, "deadline must be"),
    ],
)
async def test_wrong_calls(options: Any, words: str) -> None:
    llm, scripted = model("never")
    with pytest.raises(u.Misuse, match=words):
        await llm.run_tools("Go.", **options)
    with pytest.raises(u.Misuse, match=words):
        llm.stream_tools("Go.", **options)
    assert scripted.requests == []


async def test_generate_knows_functions_too() -> None:
    llm, scripted = model(calls(call("add", a=1, b=1)), "x")
    answer = await llm.generate("Go.", tools=[add, PLAIN])
    assert answer.tool_calls == (call("add", a=1, b=1),)
    assert [tool.name for tool in scripted.requests[0].tools if isinstance(tool, u.Tool)] == ["add", "plain"]
    await llm.generate("Go.", tools=add)  # type: ignore[call-overload]
    assert len(scripted.requests[1].tools) == 1


async def test_a_run_has_a_plain_form() -> None:
    import json

    llm, _ = model(calls(call("fail"), call("add", a=1, b=2)), '{"name": "Lisbon"}')
    run = await llm.run_tools("Go.", tools=[fail, add], schema=City)
    plain = json.loads(json.dumps(run.to_dict()))
    assert plain["text"] == '{"name": "Lisbon"}'
    assert plain["usage"] == {"input": 20, "output": 2}
    assert plain["steps"][0]["outcomes"][1]["value"] == 3
    assert plain["steps"][1]["response"]["parsed"] == {"name": "Lisbon"}
    assert u.RunResult[Any].from_dict(plain).messages == run.messages
