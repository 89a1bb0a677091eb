"""One tool that must be called, at a model that cannot be made to call it.

Programs ask for structured output in this way: they offer one tool and force its call, for its arguments. Ollama has no
such choice, and Anthropic's Opus 5.5 and Sonnet 5.5 refuse it. There the parameters of the tool become the form of the
answer, and the answer is given back as a call of the tool. A form that is asked for besides concerns texts alone.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from understudy.dialects.base import Dialect, Endpoint, WarningLog
from understudy.dialects.mapped import mapped
from understudy.domain.content import ToolCall
from understudy.domain.events import Finished, TextDelta, ToolCallDelta, ToolCallStarted
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Tool, ToolChoice
from understudy.domain.requests import GenerationRequest, OutputFormat, WireOrigin, whole_of
from understudy.wire.json import BadJson
from understudy.wire.splice import SplicedObject


def forced_tool(request: GenerationRequest, dialect: Dialect, endpoint: Endpoint) -> Tool | None:
    """Return the tool that must be called, if the target cannot be made to call it; else `None`.

    A body in the target's own wire format that names its model is the caller's own affair: it is forwarded as it is.
    """
    choice = request.tool_choice
    if choice is None or choice.mode not in ("tool", "required") or choice.mode in endpoint.quirks.tool_choice:
        return None
    if request.origin is not None and request.origin.dialect == dialect.name and _names(request.origin, endpoint):
        return None
    wanted = [tool for tool in whole_of(request).tools if not isinstance(tool, Tool) or _is_wanted(tool, choice)]
    return wanted[0] if len(wanted) == 1 and isinstance(wanted[0], Tool) else None


def _is_wanted(tool: Tool, choice: ToolChoice) -> bool:
    return not choice.names or tool.name in choice.names


def _names(origin: WireOrigin, endpoint: Endpoint) -> bool:
    """Check whether a body names the model of the target."""
    try:
        return bool(SplicedObject(origin.body).get("model") == endpoint.model)
    except BadJson:
        return True


def as_output(request: GenerationRequest, tool: Tool, endpoint: Endpoint, notes: WarningLog) -> GenerationRequest:
    """Return the request with the parameters of a tool as the form of its answer."""
    notes.emulate(
        "tool_choice", f"this model cannot be made to call {tool.name!r}: it is asked for the arguments as its answer"
    )
    schema = tool.parameters or {"type": "object"}
    output = OutputFormat(json_schema=schema, name=tool.name, description=tool.description, strict=tool.strict)
    request = replace(request, output=output, tool_choice=None, parallel_tool_calls=None, origin=None)
    if not _has_calls(request):
        return replace(request, tools=())
    # A conversation with calls needs their tools (Anthropic: "Requests which have `tool_use` or `tool_result` blocks
    # in them must define tools").
    free = "none" in endpoint.quirks.tool_choice
    return replace(request, tool_choice=ToolChoice("none") if free else None)


def _has_calls(request: GenerationRequest) -> bool:
    return any(isinstance(part, ToolCall) for message in request.messages for part in message.parts)


def answering(dialect: Dialect, tool: str, request: GenerationRequest, endpoint: Endpoint) -> Dialect:
    """Return the dialect with exchanges that give the text of an answer back as the call of a tool."""
    is_enforced = "json_schema" in endpoint.quirks.output_formats
    # Unique in the conversation, which holds the calls before it.
    call_id = f"call_{len(request.messages)}"
    return mapped(dialect, lambda: _Calling(tool, call_id, is_whole=not is_enforced).steps)


class _Calling:
    """Turns the text of one answer into a call.

    `is_whole`: the text may have something around the JSON, which a prompt cannot exclude, so it is held until its end.
    """

    def __init__(self, tool: str, call_id: str, *, is_whole: bool) -> None:
        self._tool = tool
        self._call_id = call_id
        self._is_whole = is_whole
        self._index: int | None = None
        self._held: list[str] = []

    def steps(self, steps: list[Any]) -> list[Any]:
        """Return steps with a call in place of the text."""
        return [out for step in steps for out in self._step(step)]

    def _step(self, step: Any) -> list[Any]:
        match step:
            case TextDelta(text=text):
                return self._text(step.index, text)
            case Finished(reason=reason) if self._index is not None:
                end = replace(step, reason=FinishReason.TOOL_CALLS) if reason is FinishReason.STOP else step
                return [ToolCallDelta(self._index, self._rest()), end] if self._held else [end]
            case _:
                return [step]

    def _text(self, index: int, text: str) -> list[Any]:
        begun: list[Any] = []
        if self._index is None:
            if not text:
                return []
            self._index = index
            begun = [ToolCallStarted(index, self._call_id, self._tool)]
        if self._is_whole:
            self._held.append(text)
            text = ""  # a sign of progress
        return [*begun, ToolCallDelta(self._index, text)]

    def _rest(self) -> str:
        """Return the JSON object in what was held."""
        text = "".join(self._held)
        begin, end = text.find("{"), text.rfind("}")
        return text[begin : end + 1] if 0 <= begin < end else text
