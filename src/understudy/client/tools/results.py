"""From what a function returned, or raised, to what the model gets."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.domain.content import AnyPart, Audio, File, Image, Text, ToolCall, ToolResult
from understudy.domain.runs import ToolErrors

LONGEST_ERROR = 1000
"""Characters of an error that the model gets."""
_PARTS = (Text, Image, Audio, File)


class ToolError(Exception):
    """Raised by a tool to tell the model what is wrong, in words meant for it: "no such city, ask for its name"."""


def result_of(call: ToolCall, value: Any) -> ToolResult:
    """Return the result for what a function returned.

    Strings and parts (`Text`, `Image`, `Audio`, `File`, also a list of them) are sent as they are, everything else as
    JSON; what JSON cannot express is sent as its `str()`.
    """
    match value:
        case ToolResult():
            return msgspec.structs.replace(value, call_id=call.id, name=call.name)
        case str():
            content: str | tuple[AnyPart, ...] = _encodable(value)
        case Text() | Image() | Audio() | File():
            content = (value,)
        case [_, *_] if isinstance(value, list | tuple) and all(isinstance(each, _PARTS) for each in value):
            content = tuple(value)
        case _:
            content = _json(value)
    return ToolResult(call_id=call.id, name=call.name, content=content)


def error_result(call: ToolCall, text: str) -> ToolResult:
    """Return a result that reports an error to the model."""
    text = _encodable(text)
    shown = text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]}… ({len(text):,} characters)"
    return ToolResult(call_id=call.id, name=call.name, content=shown, is_error=True)


def raised(call: ToolCall, error: Exception, errors: ToolErrors) -> ToolResult:
    """Return the result for an exception. The words of a `ToolError` are always passed on."""
    if isinstance(error, ToolError):
        return error_result(call, str(error) or "the tool failed")
    kind = type(error).__name__
    if errors == "type":
        return error_result(call, f"the tool failed with {kind}")
    return error_result(call, f"{kind}: {error}" if str(error) else kind)


def _encodable(text: str) -> str:
    """Return text that can be sent: lone surrogates are replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value, enc_hook=_hook).decode()
    except (TypeError, ValueError, RecursionError):
        return _encodable(str(value))


def _hook(value: Any) -> Any:
    """Return a value that msgspec cannot encode in a form that it can: a pydantic model, a numpy value, an iterable."""
    for method in ("model_dump", "tolist"):
        if callable(found := getattr(value, method, None)):
            return found()
    raise TypeError(f"{type(value).__name__} is not a JSON value")
