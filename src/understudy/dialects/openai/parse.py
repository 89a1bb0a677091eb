"""Bodies of requests in OpenAI's form to the domain's requests."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from understudy.dialects.openai.errors import bad_request
from understudy.dialects.openai.parse_messages import parse_messages, rest_of
from understudy.dialects.openai.wire import FIELDS, NAME
from understudy.dialects.request_fields import KINDS, VALUES, is_of
from understudy.dialects.server import BadRequest
from understudy.domain.content import JsonObject
from understudy.domain.errors import Misuse
from understudy.domain.messages import AnyTool, OpaqueTool, Tool, ToolChoice
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, OutputFormat, Reasoning, WireOrigin

_EXPECTED = {int: "an integer", float: "a number", str: "a string", bool: "a boolean", dict: "an object"}
_TYPED = frozenset(
    {*FIELDS.values(), "model", "messages", "stream", "stop", "tools", "tool_choice", "response_format"}
    | {"reasoning_effort", "functions", "function_call", "max_tokens"}
)
_PLAIN = {
    key: name
    for name, key in FIELDS.items()
    if name not in VALUES and name not in ("top_k", "min_p", "logprobs", "top_logprobs")
}
"""Fields that are read in one way only, by their names on the wire."""
_PLACES = {key: number for number, key in enumerate(_PLAIN)}
"""The order in which what is wrong with them is reported."""
_USUAL = frozenset({*_PLAIN, "model", "messages", "stream", "max_tokens"})
"""The members of most requests."""
_DISPLAY: Mapping[str, Mapping[str | bool, str]] = {
    "reasoning_format": {"parsed": "auto", "raw": "raw", "hidden": "omitted"},
    "include_reasoning": {True: "auto", False: "omitted"},
}
"""Fields of Groq's API for how thinking is shown, with what their values mean in `Reasoning.display`."""
_SCHEMA_FIELDS = {"name", "schema", "strict", "description"}


def parse_chat(body: JsonObject, origin: WireOrigin) -> GenerationRequest:
    """Parse a chat request. Raise `BadRequest`."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise bad_request("messages", "a chat needs an array of messages", "missing_required_parameter")
    if not messages:
        raise bad_request("messages", "empty array: a chat needs at least one message", "empty_array")
    fields = _usual_fields(body) if body.keys() <= _USUAL else _all_fields(body)
    if "tools" in body or "functions" in body:
        fields["tools"] = _tools(body)
    model = body.get("model")
    return GenerationRequest(
        messages=parse_messages(messages),
        model=model if type(model) is str else _checked(model, "model", str, NoneType),
        origin=origin,
        **fields,
    )


def _usual_fields(body: JsonObject) -> dict[str, Any]:
    """Return the fields of a request that has only members of `_USUAL`. It must give what `_all_fields` gives."""
    fields: dict[str, Any] = {}
    for key in sorted(body.keys() & _PLAIN.keys(), key=_PLACES.__getitem__):
        if (value := body[key]) is not None:
            name = _PLAIN[key]
            fields[name] = _checked(value, key, *KINDS[name])
    if "max_tokens" not in fields and body.get("max_tokens") is not None:
        fields["max_tokens"] = _checked(body["max_tokens"], "max_tokens", int)
    return fields


def _all_fields(body: JsonObject) -> dict[str, Any]:
    """Return the fields of a request, but for its messages, its tools and the model."""
    fields: dict[str, Any] = {}
    body = _switched_logprobs(body)
    for name, key in FIELDS.items():
        if (value := body.get(key)) is not None:
            fields[name] = _checked(value, key, *KINDS[name])
            for part, item in value.items() if name in VALUES else ():
                _checked(item, f"{key}.{part}", *VALUES[name])
    known = _TYPED - {"top_k", "min_p"}
    if "max_tokens" not in fields and body.get("max_tokens") is not None:
        fields["max_tokens"] = _checked(body["max_tokens"], "max_tokens", int)
    if "user" not in fields and isinstance(body.get("safety_identifier"), str):
        fields["user"] = body["safety_identifier"]
        known |= {"safety_identifier"}
    effort, display = body.get("reasoning_effort"), _display(body)
    output = _format(body.get("response_format"))
    if output is None:
        known -= {"response_format"}
    # An empty list means nothing, but it may be an error at the target: it goes there as it came.
    known -= {key for key in ("tools", "stop") if body.get(key) == []}
    if effort is not None or display is not None:
        effort = _checked(effort, "reasoning_effort", str, NoneType)
        fields["reasoning"] = Reasoning(effort=effort, display=display)
    return {
        **fields,
        "tool_choice": _choice(body),
        "output": output,
        "stop": _stop(body.get("stop")),
        "extra": rest_of(_without_usage(body), *known),
    }


def _display(body: JsonObject) -> str | None:
    """Return whether thinking is to be shown, in the words of `Reasoning.display`; `None` if nothing known is said."""
    for key, meanings in _DISPLAY.items():
        value = body.get(key)
        if isinstance(value, str | bool) and value in meanings:
            return meanings[value]
    return None


def _switched_logprobs(body: JsonObject) -> JsonObject:
    """Return a body with `logprobs` as a switch; at Together it is the number of alternatives (OpenAPI document)."""
    count = body.get("logprobs")
    if type(count) is not int:
        return body
    return {**body, "logprobs": count > 0, **({"top_logprobs": count} if count > 1 else {})}


def read_tool(tool: Mapping[str, Any], at: str) -> AnyTool:
    """Parse a tool as it is written for OpenAI's client; `at` is its place. Raise `Misuse`."""
    try:
        return _tool(tool, at)
    except BadRequest as error:
        raise Misuse(error.failure.message, failure=error.failure) from error


def read_tool_choice(choice: Mapping[str, Any]) -> ToolChoice:
    """Parse a tool choice as it is written for OpenAI's client. Raise `Misuse`."""
    try:
        return _choice({"tool_choice": dict(choice)}) or ToolChoice()
    except BadRequest as error:
        raise Misuse(error.failure.message, failure=error.failure) from error


def parse_embed(body: JsonObject, origin: WireOrigin) -> EmbeddingRequest:
    """Parse an embedding request. Raise `BadRequest`.

    An input of tokens instead of texts stays in `extra["openai"]["input"]`, with no texts: only this dialect can
    forward it.
    """
    given = body.get("input")
    known = ["model", "input", "dimensions", "user"]
    texts: tuple[str, ...] = ()
    match given:
        case str():
            texts = (given,)
        case [str(), *_] if all(isinstance(text, str) for text in given):
            texts = tuple(given)
        case [int() | list(), *_]:
            known.remove("input")
        case None:
            raise bad_request("input", "an embedding needs an input", "missing_required_parameter")
        case _:
            raise bad_request("input", "expected a string, an array of strings, or tokens", "invalid_type")
    return EmbeddingRequest(
        texts=texts,
        model=_checked(body.get("model"), "model", str, NoneType),
        dimensions=_checked(body.get("dimensions"), "dimensions", int, NoneType),
        user=_checked(body.get("user"), "user", str, NoneType),
        single=isinstance(given, str),
        extra=rest_of(body, *known),
        origin=origin,
    )


def _checked(value: Any, key: str, *kinds: type) -> Any:
    if not is_of(value, kinds):
        raise bad_request(key, f"expected {_EXPECTED[kinds[0]]}")
    return value


def _without_usage(body: JsonObject) -> JsonObject:
    """Omit `include_usage`: it concerns only the form of the reply, and usage is requested upstream anyway."""
    options = body.get("stream_options")
    if not isinstance(options, dict):
        return body
    rest = {key: value for key, value in options.items() if key != "include_usage" and value is not None}
    return {**body, "stream_options": rest or None}


def _stop(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad_request("stop", "expected a string or an array of strings")
    return tuple(value)


def _tools(body: JsonObject) -> tuple[AnyTool, ...]:
    """Parse tools; the deprecated `functions` are tools of the same kind."""
    tools: list[AnyTool] = []
    for key in ("tools", "functions"):
        given = body.get(key)
        if given is None:
            continue
        if not isinstance(given, list):
            raise bad_request(key, "expected an array")
        for number, value in enumerate(given):
            entry = {"type": "function", "function": value} if key == "functions" else value
            tools.append(_tool(entry, f"{key}[{number}]"))
    return tuple(tools)


def _tool(value: Any, at: str) -> AnyTool:
    if not isinstance(value, Mapping):
        raise bad_request(at, "expected an object")
    if value.get("type", "function") != "function":
        # A custom tool runs at the caller's; everything else runs at the provider's and may have effects.
        return OpaqueTool(NAME, dict(value), effects=value.get("type") != "custom")
    function = value.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise bad_request(f"{at}.function.name", "a function needs a name", "missing_required_parameter")
    parameters = function.get("parameters")
    if not isinstance(parameters, dict | None):
        raise bad_request(f"{at}.function.parameters", "expected a JSON Schema object")
    extra = rest_of(value, "type", "function")
    inner = rest_of(function, "name", "description", "parameters", "strict")
    if inner is not None:
        extra = {NAME: {**(extra or {}).get(NAME, {}), "function": inner[NAME]}}
    return Tool(
        name=function["name"],
        description=_checked(function.get("description"), f"{at}.function.description", str, NoneType),
        parameters=parameters,
        strict=function.get("strict") if isinstance(function.get("strict"), bool) else None,
        extra=extra,
    )


def _choice(body: JsonObject) -> ToolChoice | None:
    choice = body.get("tool_choice")
    if choice is None:
        choice = body.get("function_call")
        if isinstance(choice, Mapping):
            choice = {"type": "function", "function": choice}
    match choice:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(choice)
        case str():
            return ToolChoice("tool", (choice,))
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(tools)}}:
            names = tuple(t["function"]["name"] for t in tools if _is_function(t))
            extra = None if len(names) == len(tools) else {NAME: choice}
            return ToolChoice(mode, names, extra)
        case {"type": str(), "function": {"name": str(name)}} | {"type": str(), "custom": {"name": str(name)}}:
            return ToolChoice("tool", (name,))
        case {"function": {"name": str(name)}}:
            return ToolChoice("tool", (name,), {NAME: choice})
        case dict():
            return ToolChoice(extra={NAME: choice})
    raise bad_request("tool_choice", "expected a string or an object")


def _is_function(tool: Any) -> bool:
    match tool:
        case {"function": {"name": str()}}:
            return True
    return False


def _format(value: Any) -> OutputFormat | None:
    """Parse a response format; `None` for one that has no typed form, which then stays in `extra`."""
    match value:
        case {"type": "text" | "json_object" as kind, **rest} if not rest:
            return OutputFormat(kind=kind)
        case {"type": "json_object" | "json_schema", "schema": dict(schema), **rest} if not rest:
            # Together's older spelling, and the one of llama.cpp's server.
            return OutputFormat(kind="json_schema", json_schema=schema)
        case {"type": "json_object" | "json", "value": dict(schema), **rest} if not rest:
            # Hugging Face's text-generation-inference, and its client for it.
            return OutputFormat(kind="json_schema", json_schema=schema)
        case {"type": "json_schema", "json_schema": dict(schema)} if schema.keys() <= _SCHEMA_FIELDS:
            at = "response_format.json_schema"
            return OutputFormat(
                json_schema=_checked(schema.get("schema"), f"{at}.schema", dict, NoneType),
                name=_checked(schema.get("name"), f"{at}.name", str, NoneType),
                description=_checked(schema.get("description"), f"{at}.description", str, NoneType),
                strict=_checked(schema.get("strict"), f"{at}.strict", bool, NoneType),
            )
    return None
