"""Conversations that no provider would accept as they are, as each wire receives them.

What is expected is written by hand, from the refusals that the services document or send.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from understudy import providers
from understudy.dialects import load
from understudy.dialects.base import Send
from understudy.dialects.history import localize
from understudy.domain.content import CacheMark, File, Image, Opaque, Refusal, Text, Thinking, ToolCall, ToolResult
from understudy.domain.events import Warned
from understudy.domain.messages import Message, Role, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, Reasoning
from understudy.providers.base import dialect_for, endpoint_of

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
MODELS = {
    "openai": "gpt-4o",
    "responses": "gpt-6.1-sol",
    "azure-openai": "gpt-4o",
    "groq": "openai/gpt-oss-120b",
    "together": "openai/gpt-oss-120b",
    "huggingface": "openai/gpt-oss-120b",
    "anthropic": "claude-sonnet-4-5",
    "google": "gemini-3.8-flash",
    "gemini-2": "gemini-2.5-flash",
    "cohere": "command-a-plus-05-2026",
    "ollama": "qwen3",
}
PROVIDERS = {"responses": "openai", "gemini-2": "google"}
OPENAI = ("openai", "azure-openai", "groq", "together", "huggingface")
STRICT = (*OPENAI, "responses", "anthropic", "google", "gemini-2", "cohere")
"""All wires that demand results next to their calls."""

HI = Message.user("Hi")


def encoded(
    target: str, *messages: Message, model: str | None = None, **fields: Any
) -> tuple[dict[str, Any], set[tuple[str, str]]]:
    """The body that is sent, and what is said about it."""
    row = providers.row(PROVIDERS.get(target, target))
    endpoint = endpoint_of(row, model or MODELS[target])
    request = GenerationRequest(messages=messages, **fields)
    name = "responses" if target == "responses" else dialect_for(row, Operation.CHAT, endpoint.quirks, request)
    assert name is not None
    dialect = load(name)
    localized = localize(request, dialect, endpoint)
    steps = localized.dialect(dialect, endpoint).open(Operation.CHAT, localized.request, endpoint).start()
    warnings = [step.warning for step in (*localized.warnings, *steps) if isinstance(step, Warned)]
    (send,) = [step for step in steps if isinstance(step, Send)]
    assert send.request.body is not None
    return msgspec.json.decode(send.request.body), {(str(warning.kind), warning.what) for warning in warnings}


def call(call_id: str = "call_1", name: str = "weather", arguments: str = '{"city":"Paris"}') -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


def result(call_id: str = "call_1", content: Any = "18 degrees") -> ToolResult:
    return ToolResult(call_id=call_id, content=content)


def shape(target: str, body: dict[str, Any]) -> list[str]:
    """The conversation in short: `call:ID`, `result:ID`, or the role and the first word of a text."""
    match target:
        case "responses":
            said = body["input"]
            return [_item(item) for item in ([{"role": "user", "content": said}] if isinstance(said, str) else said)]
        case "google" | "gemini-2":
            return [word for content in body["contents"] for word in _content(content)]
        case "anthropic":
            return [word for message in body["messages"] for word in _blocks(message)]
        case _:
            return [word for message in body["messages"] for word in _message(message)]


def _said(role: str, content: Any) -> str:
    text = content if isinstance(content, str) else next((part["text"] for part in content if "text" in part), "")
    return f"{role}:{text.split()[0] if text else ''}"


def _item(item: dict[str, Any]) -> str:
    match item.get("type", "message"):
        case "function_call":
            return f"call:{item['call_id']}"
        case "function_call_output":
            return f"result:{item['call_id']}"
        case _:
            return _said(item["role"], item["content"])


def _content(content: dict[str, Any]) -> list[str]:
    words = []
    for part in content["parts"]:
        if "functionCall" in part:
            words.append(f"call:{part['functionCall']['id']}")
        elif "functionResponse" in part:
            words.append(f"result:{part['functionResponse']['id']}")
        elif "text" in part:
            words.append(_said({"model": "assistant"}.get(content["role"], "user"), part["text"]))
    return words


def _blocks(message: dict[str, Any]) -> list[str]:
    if isinstance(message["content"], str):
        return [_said(message["role"], message["content"])]
    words = []
    for block in message["content"]:
        match block["type"]:
            case "tool_use":
                words.append(f"call:{block['id']}")
            case "tool_result":
                words.append(f"result:{block['tool_use_id']}")
            case "text":
                words.append(_said(message["role"], block["text"]))
    return words


def _message(message: dict[str, Any]) -> list[str]:
    if message["role"] == "tool":
        return [f"result:{message['tool_call_id']}"]
    words = [_said(message["role"], message["content"])] if message.get("content") else []
    words += [_said(message["role"], message["tool_plan"])] if message.get("tool_plan") else []
    return words + [f"call:{each['id']}" for each in message.get("tool_calls", [])]


# ---- results next to their calls ----

TWO = Message.assistant((call("a"), call("b")))

LOOPS: dict[str, tuple[tuple[Message, ...], list[str], set[str]]] = {
    "a user between call and result": (
        (HI, TWO, Message.tool(result("a")), Message.user("wait"), Message.tool(result("b"))),
        ["user:Hi", "call:a", "call:b", "result:a", "result:b", "user:wait"],
        set(),
    ),
    "results in another order": (
        (HI, TWO, Message.tool(result("b"), result("a"))),
        ["user:Hi", "call:a", "call:b", "result:a", "result:b"],
        set(),
    ),
    "a result mixed with text": (
        (HI, Message.assistant((call("a"),)), Message.user((Text("so"), result("a")))),
        ["user:Hi", "call:a", "result:a", "user:so"],
        set(),
    ),
    "no result in the middle": (
        (HI, TWO, Message.tool(result("a")), Message.user("and?")),
        ["user:Hi", "call:a", "call:b", "result:a", "result:b", "user:and?"],
        {"tool result"},
    ),
    "no result at the end": (
        (HI, Message.assistant((call("a"),))),
        ["user:Hi", "call:a", "result:a"],
        {"tool result"},
    ),
    "a result without a call": (
        (HI, Message.tool(result("gone")), Message.user("and?")),
        ["user:Hi", "user:[Result", "user:18", "user:and?"],
        {"tool result"},
    ),
    "two results of one call": (
        (HI, Message.assistant((call("a"),)), Message.tool(result("a", "old")), Message.tool(result("a"))),
        ["user:Hi", "call:a", "result:a"],
        {"tool result"},
    ),
    "a tool message in words": (
        (HI, Message(Role.TOOL, "18 degrees")),
        ["user:Hi", "user:18"],
        {"tool message"},
    ),
    "two answers with a call each": (
        (HI, Message.assistant((call("a"),)), Message.assistant((call("b"),)), Message.tool(result("a"), result("b"))),
        ["user:Hi", "call:a", "result:a", "call:b", "result:b"],
        set(),
    ),
}


def flat(words: list[str]) -> list[str]:
    """Without what follows another piece of the same message's text, which some wires keep in one string."""
    return [word for word in words if word != "user:18"]


@pytest.mark.parametrize("target", STRICT)
@pytest.mark.parametrize("case", LOOPS)
def test_results_stand_next_to_their_calls(case: str, target: str) -> None:
    messages, wanted, warned = LOOPS[case]
    body, warnings = encoded(target, *messages)
    got = shape(target, body)
    if case != "a tool message in words":
        got, wanted = flat(got), flat(wanted)
    assert got == wanted
    # Gemini's placeholder of a signature, and its names of results, are said too.
    assert {what for _, what in warnings} - {"thinking"} == warned


@pytest.mark.parametrize("target", STRICT)
def test_the_last_of_several_results_counts(target: str) -> None:
    messages, *_ = LOOPS["two results of one call"]
    assert "old" not in str(encoded(target, *messages)[0])
    assert "18 degrees" in str(encoded(target, *messages)[0])


@pytest.mark.parametrize("target", STRICT)
@pytest.mark.parametrize(
    "messages",
    [
        (Message.system("Be kind."), HI, Message.assistant("Hello."), Message.user("How are you?")),
        (HI, Message.assistant((Text("I look."), call("a"), call("b"))), Message.tool(result("a"), result("b"))),
        (HI, TWO, Message.tool(result("a")), Message.tool(result("b")), Message.assistant("Warm."), HI),
        (HI, TWO, Message.user((result("a"), result("b"))), Message.assistant("Warm."), HI),
    ],
)
def test_an_ordinary_conversation_passes_as_it_is(target: str, messages: tuple[Message, ...]) -> None:
    request = GenerationRequest(messages=messages, tools=(Tool(name="weather"),))
    row = providers.row(PROVIDERS.get(target, target))
    dialect = load("responses" if target == "responses" else row.dialects[Operation.CHAT])
    localized = localize(request, dialect, endpoint_of(row, MODELS[target]))
    assert localized.request is request
    assert localized.warnings == []
    assert localized.dialect(dialect, endpoint_of(row, MODELS[target])) is dialect


@pytest.mark.parametrize("target", ["google", "gemini-2"])
def test_gemini_gets_text_and_calls_in_one_turn_and_all_results_in_the_next(target: str) -> None:
    history = (HI, Message.assistant("I look."), TWO, Message.tool(result("a")), HI, Message.tool(result("b")))
    contents = encoded(target, *history)[0]["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user", "user"]
    assert [len(content["parts"]) for content in contents] == [1, 3, 2, 1]


@pytest.mark.parametrize("target", STRICT)
@pytest.mark.parametrize("call_id", ["", "same"])
def test_calls_of_one_turn_with_one_id_are_told_apart(target: str, call_id: str) -> None:
    history = (
        HI,
        Message.assistant((call(call_id), call(call_id))),
        Message.tool(result(call_id, "1"), result(call_id)),
    )
    body, warnings = encoded(target, *history)
    first, second, *results = [word.partition(":")[2] for word in shape(target, body)[1:]]
    assert first != second
    assert results == [first, second]
    assert ("renamed", "tool call id") in warnings
    assert str(body).index("'1'") < str(body).index("18 degrees")


# ---- arguments ----


@pytest.mark.parametrize("target", [*STRICT, "ollama"])
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("", {}),
        ('{"city": "Par', {"raw_arguments": '{"city": "Par'}),
        ("[1, 2]", {"raw_arguments": [1, 2]}),
        ("3", {"raw_arguments": 3}),
        ('{"n": 1e400}', {"raw_arguments": '{"n": 1e400}'}),
        ('{"a": {"b": [1]}}', {"a": {"b": [1]}}),
    ],
)
def test_arguments_are_an_object(target: str, given: str, wanted: dict[str, Any]) -> None:
    body, warnings = encoded(target, HI, Message.assistant((call(arguments=given),)), Message.tool(result()))
    (sent,) = list(_arguments(body))
    assert sent == wanted or (target == "ollama" and sent == {"raw_arguments": given})
    assert (("emulated", "tool call arguments") in warnings) is ("raw_arguments" in wanted)


def _arguments(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [found for item in value for found in _arguments(item)]
    if not isinstance(value, dict):
        return []
    found = []
    for key, item in value.items():
        if key in ("arguments", "args", "input") and not isinstance(item, list):
            found.append(msgspec.json.decode(item) if isinstance(item, str) else item)
        else:
            found += _arguments(item)
    return found


def test_valid_arguments_stay_the_model_s_own_string() -> None:
    written = '{ "city":\t"Paris" }'
    body, _ = encoded("openai", HI, Message.assistant((call(arguments=written),)), Message.tool(result()))
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == written


# ---- names ----

ODD = ("fs.read/file", "städte", "x" * 70, "9lives", "a b")
PATTERNS = {"google": r"[A-Za-z_][\w.:-]{0,63}", "gemini-2": r"[A-Za-z_][\w.:-]{0,63}", "cohere": r"[A-Za-z_]\w{0,63}"}


@pytest.mark.parametrize("target", STRICT)
def test_names_of_tools_fit_everywhere_and_are_told_apart(target: str) -> None:
    history = [HI]
    for at, name in enumerate((*ODD, "no longer.offered")):
        history += [Message.assistant((call(f"c{at}", name),)), Message.tool(result(f"c{at}"))]
    body, warnings = encoded(
        target,
        *history,
        tools=tuple(Tool(name=name) for name in ODD),
        tool_choice=ToolChoice("required", ODD[:2]) if target != "anthropic" else ToolChoice("auto"),
    )
    offered = _names(body.get("tools"))
    called = _names(body.get("messages") or body.get("input") or body["contents"])
    pattern = re.compile(PATTERNS.get(target, r"[a-zA-Z0-9_-]{1,64}"), re.ASCII)
    assert all(pattern.fullmatch(name) for name in (*offered, *called, *_names(body.get("tool_choice"))))
    assert set(offered) <= set(called)
    assert len(set(called)) == len(ODD) + 1
    assert ("renamed", "tool name") in warnings
    assert encoded(target, *history, tools=tuple(Tool(name=name) for name in ODD))[0].get("tools") is not None


def _names(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for item in value for name in _names(item)]
    if not isinstance(value, dict):
        return []
    return [
        name
        for key, item in value.items()
        for name in ([item] if key in ("name", "tool_name") and isinstance(item, str) else _names(item))
    ]


def test_a_name_is_sent_in_the_same_way_whatever_stands_beside_it() -> None:
    alone, _ = encoded("openai", HI, tools=(Tool(name="a.b"),))
    beside, _ = encoded("openai", HI, tools=(Tool(name="c.d"), Tool(name="a.b"), Tool(name="a_b")))
    assert _names(alone["tools"])[0] == _names(beside["tools"])[1]
    assert _names(beside["tools"])[2] == "a_b"


@pytest.mark.parametrize("target", ["ollama"])
def test_names_stay_where_any_is_accepted(target: str) -> None:
    body, warnings = encoded(target, HI, tools=(Tool(name="fs.read/file"),))
    assert _names(body["tools"]) == ["fs.read/file"]
    assert warnings == set()


# ---- empty text ----


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_anthropic_gets_no_text_of_white_space(blank: str) -> None:
    history = (
        Message.system((Text("Be kind."), Text(blank))),
        Message.user(blank),
        Message.assistant((Text(blank), Refusal(blank), call())),
        Message.tool(result(content=blank)),
        Message.assistant(blank),
        Message.user((Text(blank), Text("Hi"))),
    )
    body, warnings = encoded("anthropic", *history)
    assert body["system"] == [{"type": "text", "text": "Be kind."}]
    user, assistant, last = body["messages"]
    assert user == {"role": "user", "content": "(empty message)"}
    assert [block["type"] for block in assistant["content"]] == ["tool_use"]
    assert [block.get("content", block.get("text")) for block in last["content"]] == ["", "Hi"]
    assert warnings == {("emulated", "messages")}


@pytest.mark.parametrize("target", ["google", "gemini-2", "cohere", "anthropic"])
def test_an_empty_message_of_the_user_keeps_its_place(target: str) -> None:
    body, warnings = encoded(target, HI, Message.assistant("Yes?"), Message.user(""))
    assert shape(target, body) == ["user:Hi", "assistant:Yes?", "user:(empty"]
    assert warnings == {("emulated", "messages")}


@pytest.mark.parametrize("target", OPENAI)
def test_a_message_without_parts_is_no_empty_list(target: str) -> None:
    body, _ = encoded(target, Message(Role.USER, ()))
    assert body["messages"] == [{"role": "user", "content": ""}]


def test_a_prefill_does_not_end_in_white_space() -> None:
    for content in ("The answer: ", (Text("The answer:"), Text(" \n"))):
        body, _ = encoded("anthropic", HI, Message.assistant(content))
        assert (
            str(body["messages"][-1]["content"]).count("The answer:'" if isinstance(content, tuple) else "answer:") == 1
        )
        last = body["messages"][-1]["content"]
        assert (last if isinstance(last, str) else last[-1]["text"]) == "The answer:"


def test_a_prefill_before_a_system_message_that_moves_does_not_end_in_white_space() -> None:
    body, _ = encoded("anthropic", HI, Message.assistant("The answer: "), Message.system("Hello"))
    last = body["messages"][-1]["content"]
    assert (last if isinstance(last, str) else last[-1]["text"]) in ("The answer:", "Hello")
    assert "answer: " not in str(body)


def test_a_prefill_before_a_part_that_is_left_out_does_not_end_in_white_space() -> None:
    elsewhere = Opaque("openai", {"type": "server_thing"})
    body, _ = encoded("anthropic", HI, Message(Role.ASSISTANT, (Text("The answer:\n"), elsewhere)))
    assert body["messages"][-1] == {"role": "assistant", "content": [{"type": "text", "text": "The answer:"}]}


def test_a_system_message_stays_in_the_middle_only_before_an_answer_that_is_really_sent() -> None:
    """An answer of nothing but another provider's thinking is left out, so the user would follow."""
    thought = Message(Role.ASSISTANT, (Thinking("Hm."),))
    body, _ = encoded("anthropic", HI, Message.system("Be kind."), thought, HI, model="claude-opus-5-5")
    assert [message["role"] for message in body["messages"]] == ["user", "system"], "it may be the last"


@pytest.mark.parametrize("target", ["anthropic", "google"])
def test_a_conversation_begins_with_the_user(target: str) -> None:
    body, warnings = encoded(target, Message.system("Be kind."), Message.assistant("Hello!"), HI)
    assert shape(target, body) == ["user:(The", "assistant:Hello!", "user:Hi"]
    assert warnings == {("emulated", "messages")}


# ---- cache marks ----


def marks(value: Any) -> int:
    if isinstance(value, dict):
        return ("cache_control" in value) + sum(map(marks, value.values()))
    return sum(map(marks, value)) if isinstance(value, list) else 0


def test_anthropic_gets_the_last_four_cache_marks() -> None:
    mark = CacheMark()
    tools = (Tool(name="a", cache=mark), Tool(name="b", cache=mark))
    parts = tuple(Text(word, cache=mark) for word in "cdef")
    body, warnings = encoded("anthropic", Message.system((Text("s", cache=mark),)), Message.user(parts), tools=tools)
    assert (marks(body["tools"]), marks(body.get("system")), marks(body["messages"])) == (0, 0, 4)
    assert warnings == {("dropped", "cache")}
    body, warnings = encoded("anthropic", Message.user(parts), tools=tools, cache=mark)
    assert (marks(body["tools"]), marks(body["messages"])) == (0, 3)
    body, warnings = encoded("anthropic", Message.user(parts))
    assert (marks(body["messages"]), warnings) == (4, set())
    inner = ToolResult(call_id="call_1", content=parts, cache=mark)
    body, warnings = encoded("anthropic", HI, Message.assistant((call(),)), Message.tool(inner))
    assert marks(body["messages"]) == 4
    assert "cache_control" in body["messages"][2]["content"][0]


# ---- media in results ----

PICTURE = Image(data=PNG, media_type="image/png")


@pytest.mark.parametrize("target", ["openai", "azure-openai", "gemini-2", "cohere"])
def test_media_of_results_follow_all_results_of_their_turn(target: str) -> None:
    results = Message.tool(result("a", (Text("a picture"), PICTURE)), result("b"))
    body, warnings = encoded(target, HI, TWO, results, Message.user("and?"))
    words = shape(target, body)
    assert words[3:5] == ["result:a", "result:b"]
    assert words[5:] == ["user:Attachment", "user:and?"]
    assert str(body).count(PNG) == 1
    assert str(body).index("Attachment of the result of the tool call a (weather)") < str(body).index(PNG)
    assert ("emulated", "tool result media") in warnings


@pytest.mark.parametrize("target", ["anthropic", "google", "responses", "ollama"])
def test_media_stay_in_results_where_the_wire_carries_them(target: str) -> None:
    body, warnings = encoded(target, HI, Message.assistant((call(),)), Message.tool(result(content=(PICTURE,))))
    assert "Attachment" not in str(body)
    assert ("emulated", "tool result media") not in warnings


def test_a_plain_text_file_stays_in_its_result() -> None:
    file = File(text="18 degrees", name="weather.txt")
    body, _ = encoded("cohere", HI, Message.assistant((call(),)), Message.tool(result(content=(file,))))
    assert body["messages"][-1]["content"][0]["document"]["data"]["text"] == "18 degrees"


# ---- one wire each ----


def test_cohere_gets_text_beside_calls_as_a_plan() -> None:
    body, warnings = encoded("cohere", HI, Message.assistant((Text("I look."), call())), Message.tool(result()))
    assert body["messages"][1]["tool_plan"] == "I look."
    assert "content" not in body["messages"][1]
    assert warnings == set()


def test_every_item_of_the_responses_api_has_a_type() -> None:
    history = (HI, Message.assistant((Text("I look."), call())), Message.tool(result()), Message.assistant("Warm."), HI)
    assert all("type" in item for item in encoded("responses", *history)[0]["input"])


@pytest.mark.parametrize("target", OPENAI)
def test_names_of_people_have_no_white_space(target: str) -> None:
    body, warnings = encoded(target, Message(Role.USER, "Hi", name="Anna <Müller> " + "x" * 80))
    name = body["messages"][0].get("name")
    assert name is None or (re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) and ("renamed", "name") in warnings)


def test_thinking_that_must_precede_calls_is_off_where_another_began_the_loop() -> None:
    """Anthropic, with thinking by budget: "a final `assistant` message must start with a thinking block"."""
    loop = (HI, Message.assistant((call(),)), Message.tool(result()))
    think = Reasoning(budget=2048)
    body, warnings = encoded("anthropic", *loop, reasoning=think, max_tokens=9000)
    assert body.get("thinking", {}).get("type") != "enabled"
    assert ("dropped", "reasoning") in warnings
    body, warnings = encoded("anthropic", *loop, Message.assistant("Warm."), HI, reasoning=think, max_tokens=9000)
    assert body["thinking"]["type"] == "enabled"
    assert warnings == set()


@pytest.mark.parametrize("target", ["cohere", "anthropic"])
def test_an_id_that_a_later_turn_repeats_is_another_one(target: str) -> None:
    """Cohere: "cannot have duplicate tool ids"; Anthropic: "`tool_use` ids must be unique"."""
    turn = (Message.assistant((call("0"),)), Message.tool(result("0")))
    words = [word.partition(":")[2] for word in shape(target, encoded(target, HI, *turn, *turn)[0])]
    assert words[1] == words[2] == "0"
    assert words[3] == words[4] != "0"


def test_an_output_without_parts_is_no_empty_list() -> None:
    """OpenAI's Responses API: "empty array. Expected an array with minimum length 1"."""
    body, _ = encoded("responses", HI, Message.assistant((call(),)), Message.tool(result(content=())))
    assert body["input"][-1]["output"] == ""


def test_anthropic_gets_a_system_message_of_the_middle_behind_the_user() -> None:
    late, kind = Message.system("Be brief."), Message(Role.DEVELOPER, "Be kind.")
    body, _ = encoded(
        "anthropic", HI, late, kind, Message.user("So?"), Message.assistant("Yes."), HI, model="claude-opus-5-5"
    )
    assert [message["role"] for message in body["messages"]] == ["user", "system", "assistant", "user"]
    assert shape("anthropic", body)[2:4] == ["system:Be", "system:Be"]
    body, warnings = encoded("anthropic", HI, Message.assistant("Yes?"), late, model="claude-opus-5-5")
    assert "system" in body
    assert ("emulated", "messages") in warnings


def test_anthropic_gets_a_failed_result_in_words() -> None:
    """Refused: "content cannot be empty if `is_error` is true", "all content must be type `text` if …"."""
    for content in ("", " ", (PICTURE,)):
        failed = ToolResult(call_id="call_1", content=content, is_error=True)
        body, _ = encoded("anthropic", HI, Message.assistant((call(),)), Message.tool(failed))
        (block,) = body["messages"][-1]["content"]
        assert "(The tool call failed.)" in str(block["content"])
        assert ("is_error" in block) is isinstance(content, str)


@pytest.mark.parametrize("target", ["anthropic", "google"])
def test_a_conversation_of_which_nothing_is_left_has_a_message(target: str) -> None:
    body, warnings = encoded(target, Message.system(""), Message.assistant(""))
    assert shape(target, body) == ["user:(empty"]
    assert ("emulated", "messages") in warnings


def test_groq_gets_refusals_as_text_and_no_thinking_where_the_model_does_not_reason() -> None:
    """Refused there: "property 'refusal' is unsupported", "property 'reasoning' is unsupported"."""
    answer = Message.assistant((Thinking("hm"), Refusal("No.")))
    body, warnings = encoded("groq", HI, answer, HI, model="llama-3.3-70b-versatile")
    assert body["messages"][1] == {"role": "assistant", "content": "No."}
    assert warnings == {("dropped", "thinking")}
