"""Results of failed tools, for wire formats that do not mark them: their text reports the error."""

from __future__ import annotations

import msgspec

from understudy.domain.content import AnyPart, Text, ToolResult

_PREFIX = "Error: "
_WITHOUT_TEXT = "Error: the tool failed."


def with_error_in_text(result: ToolResult) -> ToolResult:
    """Return a result whose text begins with "Error" if its tool failed, so that nothing is lost without a flag."""
    if not result.is_error:
        return result
    match result.content:
        case str(text):
            content: str | tuple[AnyPart, ...] = _reported(text)
        case (Text() as first, *others):
            content = (msgspec.structs.replace(first, text=_reported(first.text)), *others)
        case parts:
            content = (Text(_WITHOUT_TEXT), *parts)
    return msgspec.structs.replace(result, content=content)


def _reported(text: str) -> str:
    if not text.strip():
        return _WITHOUT_TEXT
    return text if text.lstrip().lower().startswith("error") else f"{_PREFIX}{text}"
