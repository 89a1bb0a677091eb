"""From what a caller writes to the one request that all layers share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, get_type_hints

import msgspec

from understudy.domain.errors import Misuse
from understudy.domain.messages import AnyTool, Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, Reasoning
from understudy.engine.structured import ResultForm, form_of, of_output
from understudy.protocol import EmbedOptions, Prompt, RequestOptions, Texts

_MODES = frozenset({"auto", "none", "required"})
_TREATED = frozenset({"system", "tool_choice", "schema", "output", "stop", "reasoning", "deadline"})
_PLAIN = frozenset(RequestOptions.__annotations__) - _TREATED
"""Options that are fields of the request unchanged."""


class ReadRequest(msgspec.Struct, frozen=True):
    """A request, the form of its parsed answer, and its own deadline in seconds."""

    request: GenerationRequest
    form: ResultForm | None = None
    deadline: float | None = None


class ReadTexts(msgspec.Struct, frozen=True):
    """Texts to embed, the request's own deadline in seconds, and how many batches may be under way at once."""

    request: EmbeddingRequest
    deadline: float | None = None
    concurrency: int | None = None


def read_prompt(prompt: Prompt, options: RequestOptions) -> ReadRequest:
    """Build a request. Raise `Misuse` for an unknown option, a wrong type or a malformed message."""
    if not options:
        request = _base(prompt)
        return ReadRequest(request, of_output(request.output) if request.output else None)
    unknown = options.keys() - RequestOptions.__annotations__.keys()
    if unknown:
        raise Misuse(_unknown_option(sorted(unknown)[0], RequestOptions.__annotations__))
    fields: dict[str, Any] = {name: value for name, value in options.items() if name in _PLAIN and value is not None}
    form = _form(options)
    if form is not None:
        fields["output"] = form.output
    if tools := fields.get("tools"):
        fields["tools"] = _tools(tools)
    if (choice := options.get("tool_choice")) is not None:
        fields["tool_choice"] = _tool_choice(choice)
    if (stop := options.get("stop")) is not None:
        fields["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
    if (reasoning := options.get("reasoning")) is not None:
        fields["reasoning"] = Reasoning(effort=reasoning) if isinstance(reasoning, str) else reasoning
    request = _base(prompt)
    if (system := options.get("system")) is not None:
        fields["messages"] = (Message(Role.SYSTEM, system), *request.messages)
    request = msgspec.structs.replace(request, **fields) if fields else request
    if request.output is not None and form is None:
        form = of_output(request.output)
    _check(request)
    return ReadRequest(request, form, _deadline(options.get("deadline")))


def read_texts(texts: Texts, options: EmbedOptions) -> ReadTexts:
    """Build an embedding request. Raise `Misuse` for an empty list or string, an unknown option or a wrong type."""
    unknown = options.keys() - EmbedOptions.__annotations__.keys()
    if unknown:
        raise Misuse(_unknown_option(sorted(unknown)[0], EmbedOptions.__annotations__))
    given = _texts(texts)
    for position, text in enumerate(given["texts"]):
        if not isinstance(text, str):
            raise Misuse(f"embed: text {position} is {type(text).__name__}, not str")
        if not text:
            raise Misuse(f"embed: text {position} is empty; providers refuse empty texts")
        if not text.isascii() and (surrogate := _SURROGATE.search(text)):
            what = f"a lone surrogate at character {surrogate.start()} and cannot be encoded as UTF-8"
            raise Misuse(f"embed: text {position} contains {what}: decode it with errors='replace'")
    fields: dict[str, Any] = {k: v for k, v in options.items() if k not in _NOT_OF_THE_TEXTS and v is not None}
    if fields.keys() - {"model"}:
        given["origin"] = None  # its body, which a client of the same dialect sends as it came, holds other values
    try:
        request = msgspec.convert({**given, **fields}, EmbeddingRequest, from_attributes=True)
    except msgspec.ValidationError as error:
        raise Misuse(f"embed: {error}") from error
    if request.dimensions is not None and request.dimensions < 1:
        raise Misuse(f"embed: dimensions must be at least 1, got {request.dimensions}")
    return ReadTexts(request, _deadline(options.get("deadline")), _concurrency(options.get("concurrency")))


def _texts(texts: Texts) -> dict[str, Any]:
    """Return the fields of a request for texts. Raise `Misuse` if there are none."""
    if isinstance(texts, EmbeddingRequest):
        given = msgspec.structs.asdict(texts)
    elif isinstance(texts, Iterable):
        given = {"texts": (texts,) if isinstance(texts, str) else tuple(texts), "single": isinstance(texts, str)}
    else:
        raise Misuse(f"embed: pass a string, a list of strings or an EmbeddingRequest, not {type(texts).__name__}")
    if not given["texts"]:
        raise Misuse("embed: the list of texts is empty")
    return given


_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_OF_THE_TEXTS = ("deadline", "concurrency")


def _concurrency(count: int | None) -> int | None:
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise Misuse(f"embed: concurrency must be a whole number above 0, got {count!r}")
    return count


def _deadline(seconds: float | None) -> float | None:
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0):
        raise Misuse(f"deadline must be a number of seconds above 0, got {seconds!r}")
    return seconds


def _base(prompt: Prompt) -> GenerationRequest:
    if isinstance(prompt, GenerationRequest):
        return prompt
    if isinstance(prompt, str):
        if not prompt:
            raise Misuse("the prompt is empty")
        return GenerationRequest(messages=(Message(Role.USER, prompt),))
    if not isinstance(prompt, Sequence) or not prompt:
        raise Misuse("the prompt must be a string, a non-empty list of messages, or a GenerationRequest")
    if all(isinstance(message, Message) for message in prompt):
        return GenerationRequest(messages=tuple(prompt))  # type: ignore[arg-type]  # all() does not narrow
    return GenerationRequest(messages=_mixed(prompt))  # type: ignore[arg-type]  # str was handled above


def _mixed(prompt: Sequence[Message | Mapping[str, Any]]) -> tuple[Message, ...]:
    """Read messages, some of which are mappings in OpenAI's format."""
    from understudy.dialects.openai.parse_messages import read_messages

    messages: list[Message] = []
    for ours, group in groupby(enumerate(prompt), lambda item: isinstance(item[1], Message)):
        items = list(group)
        wrong = next(((at, item) for at, item in items if not isinstance(item, (Message, Mapping))), None)
        if wrong is not None:
            kind = type(wrong[1]).__name__
            raise Misuse(f"message {wrong[0]} is {kind}: pass a Message or a mapping in OpenAI's format")
        # Neighbouring mappings are read together: results of old function calls belong to the call before them.
        found = [item for _, item in items]
        messages.extend(found if ours else read_messages(found, first=items[0][0]))  # type: ignore[arg-type]
    return tuple(messages)


def _form(options: RequestOptions) -> ResultForm | None:
    schema, output = options.get("schema"), options.get("output")
    if schema is not None and output is not None:
        raise Misuse("pass either schema or output, not both")
    if schema is not None:
        return form_of(schema)
    if output is None:
        return None
    return of_output(output) or ResultForm(output, lambda text: text)


def _tools(tools: Sequence[AnyTool | Mapping[str, Any]]) -> tuple[AnyTool, ...]:
    if isinstance(tools, Sequence) and all(isinstance(tool, Tool | OpaqueTool) for tool in tools):
        return tuple(tools)  # type: ignore[arg-type]  # all() does not narrow
    from understudy.client.tools.function_tool import definitions

    tools = definitions(tools)
    from understudy.dialects.openai.parse import read_tools

    return read_tools(tools)


def _tool_choice(choice: ToolChoice | str | Mapping[str, Any]) -> ToolChoice:
    if isinstance(choice, ToolChoice):
        return choice
    if isinstance(choice, Mapping):
        from understudy.dialects.openai.parse import read_tool_choice

        return read_tool_choice(choice)
    if choice in _MODES:
        return msgspec.convert({"mode": choice}, ToolChoice)
    return ToolChoice("tool", (choice,))


_request_types: dict[str, Any] = {}


def _check(request: GenerationRequest) -> None:
    """Check the types of plain values, so that a mistake is reported here by name and not by a provider."""
    if not _request_types:
        _request_types.update(get_type_hints(GenerationRequest))
    for name, value in zip(_CHECKED, _checked_values(request), strict=True):
        if value is None:
            continue
        try:
            msgspec.convert(value, _request_types[name])
        except msgspec.ValidationError as error:
            raise Misuse(f"{name}={value!r}: {error}") from error
    if request.max_tokens is not None and request.max_tokens < 1:
        raise Misuse(f"max_tokens must be at least 1, got {request.max_tokens}")
    if request.tool_choice is not None and request.tool_choice.mode == "tool":
        named = {getattr(tool, "name", None) for tool in request.tools}
        missing = [name for name in request.tool_choice.names if name not in named]
        if missing and request.origin is None:
            raise Misuse(f"tool_choice names {missing[0]!r}, which is not among the tools")


_CHECKED = (
    "model",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
    "parallel_tool_calls",
    "metadata",
    "labels",
    "session",
)
_checked_values = attrgetter(*_CHECKED)


_ELSEWHERE = {
    "api_base": "set base_url in the provider's entry",
    "api_key": "set api_key in the ProviderConfig of an entry",
    "fallbacks": "list the fallbacks as entries of a ProviderManager, or as targets of a Route",
    "max_completion_tokens": "write max_tokens=…; it is sent under each provider's own name for it",
    "messages": "pass the messages as the first, positional argument",
    "n": "each call returns one answer: call several times, concurrently if you like",
    "num_retries": "set max_retries in FallbackConfig; it counts all attempts, the first included",
    "reasoning_effort": "write reasoning=…",
    "response_format": "write schema=… for a type or JSON Schema, or output=OutputFormat(…)",
    "stream": "call stream(…) instead of generate(…)",
    "stream_options": "streams always report usage if the provider does",
    "timeout": "write deadline=… for the whole request; the timeout of an entry is for one attempt",
}
"""Options of other libraries, and what to write here instead."""


def _unknown_option(name: str, known: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    if name in _ELSEWHERE:
        return f"unknown option {name!r}: {_ELSEWHERE[name]}"
    close = get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; the options are {', '.join(known)}"
    return f"unknown option {name!r}{hint} (values for one provider go in extra={{'<provider>': {{…}}}})"
