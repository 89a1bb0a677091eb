"""From what a caller writes to the one request that all layers share."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import msgspec

from understudy.client.door.extras import check_extra_names
from understudy.client.door.options import check_names, read_deadline, read_max_cost, read_option
from understudy.client.door.prompts import read_messages
from understudy.client.door.texts import ReadTexts, read_texts
from understudy.client.door.tools import check_choice, read_tool_choice, read_tools
from understudy.domain.census import CheckedMessages
from understudy.domain.failures import OnMidstreamError
from understudy.domain.messages import Message, Role
from understudy.domain.misuse import LLMError, Misuse
from understudy.domain.requests import GenerationRequest, WireOrigin
from understudy.domain.suggestions import kind_of
from understudy.engine.structured import ResultForm, check_tools, form_of, of_output
from understudy.protocol import Prompt, RequestOptions

__all__ = ["ReadRequest", "ReadTexts", "read_prompt", "read_texts"]

_TREATED = frozenset(
    {"system", "tools", "tool_choice", "schema", "output", "deadline", "max_cost", "on_midstream_error", "hold_chars"}
)
"""Options that are more than one field of the request."""


class ReadRequest(msgspec.Struct, frozen=True):
    """A request, the form of its parsed answer, its own deadline in seconds, what becomes of a broken stream, and what
    it may cost, in nano-USD."""

    request: GenerationRequest
    form: ResultForm | None = None
    deadline: float | None = None
    on_midstream_error: OnMidstreamError | None = None
    hold_chars: int | None = None
    max_cost: int | None = None


def read_prompt(prompt: Prompt, options: RequestOptions, extra_names: Iterable[str] = ()) -> ReadRequest:
    """Build a request. Raise `Misuse` for an unknown option, a wrong type or a malformed message.

    `extra_names` are the names that `extra` may have besides those of built-in providers and dialects.
    """
    if isinstance(prompt, GenerationRequest):
        request = checked_request(prompt, extra_names)
    else:
        request = GenerationRequest(messages=read_messages(prompt))
    if request.tools and request.origin is None:
        request = msgspec.structs.replace(request, tools=check_tools(request.tools))
    if not options:
        return ReadRequest(request, of_output(request.output) if request.output else None)
    check_names(options, RequestOptions.__annotations__)
    form = _form(options)
    fields = _fields(options, request, extra_names)
    if form is not None:
        fields["output"] = form.output
    if fields:
        request = msgspec.structs.replace(request, **fields)
    if request.output is not None and form is None:
        form = of_output(request.output)
    if request.tool_choice is not None and request.origin is None:
        check_choice(request.tool_choice, request.tools, request.extra)
    mode, chars = options.get("on_midstream_error"), options.get("hold_chars")
    return ReadRequest(
        request,
        form,
        read_deadline(options.get("deadline")),
        None if mode is None else read_option("on_midstream_error", mode),
        None if chars is None else read_option("hold_chars", chars),
        read_max_cost(options.get("max_cost")),
    )


def _fields(options: RequestOptions, request: GenerationRequest, extra_names: Iterable[str]) -> dict[str, Any]:
    """Return the fields of a request that the options set."""
    fields = {
        name: read_option(name, value) for name, value in options.items() if value is not None and name not in _TREATED
    }
    if "extra" in fields:
        check_extra_names(fields["extra"], extra_names)
    if (tools := options.get("tools")) is not None:
        fields["tools"] = read_tools(tools)
        if fields["tools"]:
            fields["tools"] = check_tools(fields["tools"])
    if (choice := options.get("tool_choice")) is not None:
        fields["tool_choice"] = read_tool_choice(choice)
    if (system := options.get("system")) is not None:
        fields["messages"] = CheckedMessages((_system(system), *request.messages))
    return fields


def checked_request(request: GenerationRequest, extra_names: Iterable[str] = ()) -> GenerationRequest:
    """Return a whole request, checked unless it was before, or came in over the wire and was parsed. Raise `Misuse`."""
    messages = request.messages
    if type(messages) is CheckedMessages:
        return request
    if isinstance(request.origin, WireOrigin) and type(messages) is tuple:
        return msgspec.structs.replace(request, messages=CheckedMessages(messages))
    if request.origin is not None or not isinstance(request.configured, frozenset):
        raise Misuse("GenerationRequest: origin and configured are set by the library; leave them out")
    fields: dict[str, Any] = {"messages": read_messages(messages)}
    for name, value in zip(_CHECKED, _checked_values(request), strict=True):
        if value is not None and value is not _EMPTY:
            fields[name] = read_option(name, value)
    if request.extra is not None:
        check_extra_names(fields["extra"], extra_names)
    if request.tools is not _EMPTY:
        fields["tools"] = read_tools(request.tools)
    if request.tool_choice is not None:
        choice = fields["tool_choice"] = read_tool_choice(request.tool_choice)
        check_choice(choice, fields.get("tools", ()), request.extra)
    return msgspec.structs.replace(request, **fields)


_EMPTY = ()
"""The default of `tools` and `stop`: always the same object."""
_CHECKED = tuple(
    sorted(set(GenerationRequest.__struct_fields__) - {"messages", "tools", "tool_choice", "configured", "origin"})
)
_checked_values = attrgetter(*_CHECKED)


def _system(system: Any) -> Message:
    try:
        return Message(Role.SYSTEM, system)
    except Misuse as error:
        raise Misuse(error.message.replace("Message: content", "system", 1)) from None


def _form(options: RequestOptions) -> ResultForm | None:
    schema, output = options.get("schema"), options.get("output")
    if schema is not None and output is not None:
        raise Misuse("pass either schema or output, not both")
    if schema is not None:
        return _form_of(schema)
    if output is None:
        return None
    output = read_option("output", output)
    return of_output(output) or ResultForm(output, lambda text: text)


def _form_of(schema: Any) -> ResultForm:
    if isinstance(schema, (str, bytes, int, float, complex, list, tuple, set, frozenset)):
        raise Misuse(f"schema must be a type or a JSON Schema, not {kind_of(schema)}")
    try:
        return form_of(schema)
    except LLMError:
        raise
    except Exception as error:
        raise Misuse(f"schema must be a type or a JSON Schema, not {kind_of(schema)}") from error
