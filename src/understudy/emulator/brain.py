"""What an emulated model answers: a request in, the parts of an answer out. Pure and deterministic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import msgspec
from msgspec.structs import replace

from understudy.domain.content import AnyPart, Json, Text, Thinking, ToolCall
from understudy.domain.messages import Tool
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning
from understudy.emulator import compaction, knowledge
from understudy.emulator.persona import Performance
from understudy.emulator.prompt import Prompt, describe, gist, result_text
from understudy.emulator.reading import Reading, hint_from, read, requested_output, select_tools
from understudy.emulator.schema import Unfillable, fill

MAX_CALLS = 8


def compose(
    request: GenerationRequest, performance: Performance, scripted: Sequence[AnyPart] | None = None
) -> list[AnyPart]:
    """Return the whole answer, before any limit on its length: the scripted one, if there is one."""
    prompt = gist(request)
    if compaction.is_requested(request):
        account = performance.persona.title
        return [compaction.performed(prompt, scripted, number=performance.number, account=account)]
    if scripted is not None:
        return _scripted(request, prompt, performance, scripted)
    reading = read(prompt.text)
    calls = [] if prompt.results else _calls(request, reading, performance.call_id)
    parts: list[AnyPart] = []
    if thinks(request.reasoning):
        parts.append(Thinking(_thinking(prompt, calls)))
    if calls:
        return [*parts, *calls]
    return [*parts, Text(_text(request, prompt, reading, performance))]


def _scripted(
    request: GenerationRequest, prompt: Prompt, performance: Performance, scripted: Sequence[AnyPart]
) -> list[AnyPart]:
    """Return a scripted answer, with the provider's ids, and with thinking if the request asks for it."""
    ids = (performance.call_id(at) for at in count())
    parts = [replace(part, id=next(ids)) if isinstance(part, ToolCall) else part for part in scripted]
    if not thinks(request.reasoning):
        return [part for part in parts if not isinstance(part, Thinking)]
    if any(isinstance(part, Thinking) for part in parts):
        return parts
    return [Thinking(_thinking(prompt, [part for part in parts if isinstance(part, ToolCall)])), *parts]


def thinks(reasoning: Reasoning | None) -> bool:
    """Check whether a request asks for thinking."""
    if reasoning is None or reasoning.mode == "disabled" or reasoning.effort == "none":
        return False
    return reasoning.budget != 0


def _thinking(prompt: Prompt, calls: list[ToolCall]) -> str:
    if calls:
        return f"This needs {', then '.join(dict.fromkeys(call.name for call in calls))}."
    if prompt.results:
        return "The tool has answered, so I can answer too."
    words = len(prompt.text.split())
    return f"The user wrote {words} word{'' if words == 1 else 's'}. A short answer will do."


def _text(request: GenerationRequest, prompt: Prompt, reading: Reading, performance: Performance) -> str:
    text = _answer(prompt, performance)
    match request.output or requested_output(request.messages):
        case OutputFormat(kind="json_schema", json_schema=dict() as schema):
            return _json(_fill_or_empty(schema, reading, text))
        case OutputFormat(kind="json_object" | "json_schema"):
            return _json({"answer": text})
        case _:
            return text


def _answer(prompt: Prompt, performance: Performance) -> str:
    if prompt.results:
        return " ".join(
            f"{name} {'failed' if result.is_error else 'says'}: {result_text(result).strip()}"
            for name, result in prompt.results
        )
    seen = describe(prompt.media)
    if seen and not prompt.text:
        return seen
    said = knowledge.answer(prompt.text, prompt.before, title=performance.persona.title, model=performance.model)
    return f"{seen} {said}" if seen else said


def _calls(request: GenerationRequest, reading: Reading, call_id: Callable[[int], str]) -> list[ToolCall]:
    tools = _choose_tools(request, reading)
    if request.parallel_tool_calls is False:
        tools = tools[:1]
    calls: list[tuple[Tool, int]] = [(tool, 0) for tool in tools]
    if len(tools) == 1 and reading.enumerates and request.parallel_tool_calls is not False:
        # One call for each subject ("the weather in Paris and London"), where the tool has a string parameter.
        calls = [(tools[0], start) for start in range(len(reading.subjects))] if _takes_string(tools[0]) else calls
    return [
        ToolCall(
            id=call_id(at),
            name=tool.name,
            arguments=_json(_fill_or_empty(tool.parameters, reading, "", start=start) if tool.parameters else {}),
        )
        for at, (tool, start) in enumerate(calls[:MAX_CALLS])
    ]


def _choose_tools(request: GenerationRequest, reading: Reading) -> list[Tool]:
    """Return the tools to call, each once."""
    tools = [tool for tool in request.tools if isinstance(tool, Tool)]
    choice = request.tool_choice
    if choice is not None and choice.names:
        tools = [tool for tool in tools if tool.name in choice.names]
    match choice.mode if choice else "auto":
        case "none":
            return []
        case "auto":
            return select_tools(reading.text, tools)
        case "tool":
            return tools[:1]
        case "required":
            return select_tools(reading.text, tools) or tools[:1]


def _takes_string(tool: Tool) -> bool:
    properties = (tool.parameters or {}).get("properties", {})
    return any(isinstance(part, dict) and part.get("type") == "string" for part in properties.values())


def _fill_or_empty(schema: dict[str, Json], reading: Reading, answer: str, *, start: int = 0) -> Json:
    """Return a value valid under the schema, or an empty object where none was found, as models do."""
    try:
        return fill(schema, hint_from(reading, answer, start=start))
    except (Unfillable, RecursionError):
        return {}


def _json(value: Json) -> str:
    return msgspec.json.encode(value).decode()
