"""Which tools of a request a wire has, and what remains of the choice among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.dialects.base import WarningLog
from understudy.domain.messages import OpaqueTool, ToolChoice, are_functions
from understudy.domain.requests import GenerationRequest

_FORCED = ("required", "tool")


def fit_tools(request: GenerationRequest, dialect: str, notes: WarningLog) -> GenerationRequest:
    """Return the request without tools of other dialects, and without a choice if no tool is left.

    Vendors refuse a choice without tools. OpenAI: "'tool_choice' is only allowed when 'tools' are specified";
    Anthropic: "tool_choice may only be specified while providing tools"; Google: "Function calling config is set
    without function_declarations".
    """
    if not request.tools and request.tool_choice is None:
        return request
    changes: dict[str, Any] = {}
    tools = request.tools
    if not are_functions(tools) and any(isinstance(tool, OpaqueTool) and tool.dialect != dialect for tool in tools):
        for tool in tools:
            if isinstance(tool, OpaqueTool) and tool.dialect != dialect:
                notes.drop("tools", f"only the {tool.dialect} dialect supports it")
                if _is_demanded(tool, request.tool_choice):
                    notes.refuse("tool_choice", f"it demands a tool that only the {tool.dialect} dialect supports")
        tools = tuple(tool for tool in tools if not isinstance(tool, OpaqueTool) or tool.dialect == dialect)
        changes["tools"] = tools
    if request.tool_choice is not None and not tools and not _has_own_tools(request.extra):
        changes["tool_choice"] = None
        _note_choice(request.tool_choice, notes)
    return msgspec.structs.replace(request, **changes) if changes else request


def _is_demanded(tool: OpaqueTool, choice: ToolChoice | None) -> bool:
    """Check whether a choice allows this tool alone, by its name, or by the beginning of its type."""
    if choice is None or choice.mode not in _FORCED or not isinstance(tool.json, Mapping):
        return False
    written = (choice.extra or {}).get(tool.dialect) or {"name": choice.names[0] if len(choice.names) == 1 else None}
    name, kind = written.get("name"), written.get("type")
    if isinstance(name, str):
        return bool(tool.json.get("name") == name)
    return isinstance(kind, str) and str(tool.json.get("type")).startswith(kind)


def _note_choice(choice: ToolChoice, notes: WarningLog) -> None:
    """Warn about a choice that cannot be made; without tools, `auto` and `none` mean what happens anyway."""
    if choice.mode in _FORCED or choice.extra:
        notes.drop("tool_choice", "no tool is sent that could be called")


def _has_own_tools(extra: Mapping[str, Mapping[str, Any]] | None) -> bool:
    """Check whether the caller wrote tools as a wire has them."""
    return extra is not None and any("tools" in fields for fields in extra.values())
