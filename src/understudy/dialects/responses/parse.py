"""Requests of the Responses API to unified requests.

Refused are the fields that need state on this side: `previous_response_id`, `conversation`, `background`. `store` is
accepted and has no effect here. Null counts as absent. Beyond that the reading is lossless but for three forms that
mean the same: a lone user item in plain text is a string input, a leading system item in plain text is
`instructions`, and an assistant's item without an id that holds one plain text has a string as its content.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from understudy.dialects.openai.wire import FORWARDED
from understudy.dialects.responses.errors import bad_request
from understudy.dialects.responses.parse_messages import parse_messages
from understudy.dialects.responses.wire import LOGPROBS, NAME
from understudy.dialects.server import Inbound, receive_body
from understudy.domain.content import JsonObject
from understudy.domain.messages import AnyTool, Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning, WireOrigin
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson
from understudy.wire.members import RepeatedMember

_STATEFUL = {
    "previous_response_id": "send the whole conversation in input",
    "conversation": "send the whole conversation in input",
    "background": "wait for the response, or stream it",
}
_WITHOUT_EFFECTS = ("web_search", "file_search", "image_generation", "tool_search", "namespace", "custom", "computer")
_ECHOED = (
    *("instructions", "metadata", "temperature", "top_p", "tools", "tool_choice", "parallel_tool_calls"),
    *("max_output_tokens", "max_tool_calls", "text", "reasoning", "truncation", "top_logprobs", "user"),
    *("safety_identifier", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
)
"""Fields of the request that the response object repeats."""


class _Body(msgspec.Struct):
    """The fields with a typed place; decoding into it checks their types."""

    model: str | None = None
    input: str | list[JsonObject] | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    tools: list[JsonObject] | None = None
    tool_choice: str | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    text: JsonObject | None = None
    reasoning: JsonObject | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    user: str | None = None
    prompt_cache_key: str | None = None
    metadata: dict[str, str] | None = None
    stream: bool | None = None
    include: list[str] | None = None


class _Format(msgspec.Struct):
    """A format of the answer that has a typed place."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: JsonObject | None = None
    description: str | None = None
    strict: bool | None = None


_TYPED = frozenset(_Body.__struct_fields__) - {"include"}
"""Fields that are written again from their typed place. `include` is kept whole: only one of its values has a place."""


def parse_request(request: HttpRequest, operation: Operation) -> Inbound:
    """Parse a request. Raise `BadRequest` with the words and the parameter that OpenAI's clients show."""
    try:
        sent = receive_body(request, NAME, FORWARDED)
    except RepeatedMember as error:
        raise bad_request(str(error), param=error.name, code="invalid_value") from error
    except BadJson as error:
        raise bad_request(f"the body is not a JSON object: {error}") from error
    raw = {key: value for key, value in sent.fields.items() if value is not None}
    for name, instead in _STATEFUL.items():
        if raw.get(name):
            message = f"{name} is not supported: no responses are stored here; {instead}"
            raise bad_request(message, param=name, code="unsupported_parameter")
    try:
        body = msgspec.convert(raw, _Body)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        raise bad_request(message, param=path.rstrip("`") or None, code="invalid_type") from error
    if body.input is None and "prompt" not in raw:
        raise bad_request("input is missing", param="input", code="missing_required_parameter")
    generation = _generation(body, raw, sent.origin)
    echo = {key: raw[key] for key in _ECHOED if key in raw}
    return Inbound(operation=operation, request=generation, stream=bool(body.stream), options={"echo": echo})


def _generation(body: _Body, raw: JsonObject, origin: WireOrigin) -> GenerationRequest:
    extra = {key: value for key, value in raw.items() if key not in _TYPED}
    if body.safety_identifier is not None and body.user is not None:
        extra["user"] = body.user
    output, verbosity = _text(body.text, extra)
    return GenerationRequest(
        messages=_messages(body),
        model=body.model,
        tools=tuple(_tool(tool) for tool in body.tools or ()),
        tool_choice=_tool_choice(body.tool_choice),
        parallel_tool_calls=body.parallel_tool_calls,
        output=output,
        max_tokens=body.max_output_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        logprobs=True if LOGPROBS in (body.include or ()) else None,
        top_logprobs=body.top_logprobs,
        reasoning=_reasoning(body.reasoning, extra),
        verbosity=verbosity,
        service_tier=body.service_tier,
        user=body.safety_identifier if body.safety_identifier is not None else body.user,
        cache_key=body.prompt_cache_key,
        metadata=body.metadata,
        extra={NAME: extra} if extra else None,
        origin=origin,
    )


def _messages(body: _Body) -> tuple[Message, ...]:
    messages = [] if body.instructions is None else [Message(Role.SYSTEM, body.instructions)]
    if isinstance(body.input, str):
        messages.append(Message(Role.USER, body.input))
    else:
        messages += parse_messages(body.input or [])
    return tuple(messages)


def _tool(tool: JsonObject) -> AnyTool:
    kind, name = tool.get("type"), tool.get("name")
    if not isinstance(kind, str):
        raise bad_request("a tool needs a type", param="tools")
    if kind != "function":
        return OpaqueTool(NAME, tool, effects=not kind.startswith(_WITHOUT_EFFECTS))
    if not isinstance(name, str):
        raise bad_request("a function needs a name", param="tools")
    typed = ("type", "name", "description", "parameters", "strict")
    extra = {key: value for key, value in tool.items() if key not in typed}
    parameters = tool.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise bad_request("parameters must be a JSON Schema object", param="tools", code="invalid_type")
    return Tool(
        name=name,
        description=tool.get("description"),
        parameters=parameters,
        strict=tool.get("strict"),
        extra={NAME: extra} if extra else None,
    )


def _tool_choice(choice: str | JsonObject | None) -> ToolChoice | None:
    match choice:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(choice)
        case {"type": "function", "name": str(name), **rest} if not rest:
            return ToolChoice("tool", (name,))
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": [*tools], **rest} if not rest:
            names = tuple(tool["name"] for tool in tools if _is_plain_function(tool))
            whole = len(names) == len(tools)
            return ToolChoice(mode, names, extra=None if whole else _verbatim(choice))
        case dict():
            return ToolChoice("required", extra=_verbatim(choice))
        case _:
            raise bad_request(f"unknown tool_choice {choice!r}", param="tool_choice", code="invalid_value")


def _verbatim(choice: JsonObject | str | None) -> dict[str, JsonObject] | None:
    return {NAME: choice} if isinstance(choice, dict) else None


def _is_plain_function(tool: Any) -> bool:
    match tool:
        case {"type": "function", "name": str(), **rest}:
            return not rest
    return False


def _text(text: JsonObject | None, extra: JsonObject) -> tuple[OutputFormat | None, str | None]:
    """Parse format and verbosity; what else there is, and a format of another type, goes to `extra`."""
    rest = {key: value for key, value in (text or {}).items() if value is not None}
    verbosity = rest.pop("verbosity", None)
    output = None
    if (form := rest.get("format")) is not None:
        try:
            known = msgspec.convert(form, _Format)
        except msgspec.ValidationError as error:
            if not isinstance(form, dict) or form.get("type") in ("text", "json_object", "json_schema"):
                raise bad_request(str(error), param="text.format", code="invalid_type") from error
        else:
            del rest["format"]
            output = OutputFormat(
                kind=known.type,
                json_schema=known.schema,
                name=known.name,
                description=known.description,
                strict=known.strict,
            )
    if rest:
        extra["text"] = rest
    return output, verbosity


def _reasoning(reasoning: JsonObject | None, extra: JsonObject) -> Reasoning | None:
    if reasoning is None:
        return None
    rest = {key: value for key, value in reasoning.items() if value is not None}
    effort, summary = rest.pop("effort", None), rest.pop("summary", None)
    if not isinstance(effort, str | None) or not isinstance(summary, str | None):
        raise bad_request("effort and summary must be strings", param="reasoning", code="invalid_type")
    if rest:
        extra["reasoning"] = rest
    return Reasoning(effort=effort, display=summary)
