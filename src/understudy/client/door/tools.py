"""The tools of a call and the choice among them: the one place where they are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Any

from understudy.domain.messages import AnyTool, OpaqueTool, Tool, ToolChoice, are_functions
from understudy.domain.misuse import Misuse
from understudy.domain.suggestions import kind_of, shown, suggestion

_MODES = ("auto", "none", "required")
_CHOICE = "{'type': 'function', 'function': {'name': …}}"
_SCHEMA = "input_schema"
_EACH = "pass a function, a Tool, or a mapping in OpenAI's format"


def read_tools(tools: Any) -> tuple[AnyTool, ...]:
    """Return the tools of a call: a list of `Tool`s, functions and mappings in OpenAI's form, or a single one.

    Raise `Misuse`, which names the tool, for anything else, and for two tools of the same name.
    """
    if isinstance(tools, (list, tuple)) and are_functions(tools):
        read = tuple(tools)
        names = list(map(_name, read))
    else:
        read = _read_tools(tools)
        names = [tool.name for tool in read if isinstance(tool, Tool)]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Misuse(f"tools: two tools are named {shown(twice)}; give each a name of its own")
    return read


_name: Callable[[AnyTool], str] = attrgetter("name")


def _read_tools(tools: Any) -> tuple[AnyTool, ...]:
    if not isinstance(tools, (list, tuple)) or not all(isinstance(tool, (Tool, OpaqueTool)) for tool in tools):
        from understudy.client.tools.function_tool import definitions

        tools = definitions(tools)
    return tuple(_read_tool(tool, number) for number, tool in enumerate(tools))


def _read_tool(tool: Any, number: int) -> AnyTool:
    if isinstance(tool, (Tool, OpaqueTool)):
        return tool
    if not isinstance(tool, Mapping):
        raise Misuse(f"tools[{number}] is {kind_of(tool)}: {_EACH}")
    from understudy.dialects.openai.parse import read_tool

    return read_tool(_nested(tool), f"tools[{number}]")


def _nested(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a tool in the form of chat completions; the Responses API and Anthropic write the function flat."""
    kind = tool.get("type", "function")
    if "name" not in tool or "function" in tool or not (kind == "function" or (kind == "custom" and _SCHEMA in tool)):
        return tool
    function = {"parameters" if key == _SCHEMA else key: value for key, value in tool.items() if key != "type"}
    return {"type": "function", "function": function}


def read_tool_choice(choice: Any) -> ToolChoice:
    """Return a tool choice: a mode, a tool's name, a `ToolChoice`, or a mapping in OpenAI's form. Raise `Misuse`."""
    match choice:
        case ToolChoice():
            return choice
        case Mapping() if isinstance(choice.get("type"), str) or "function" in choice:
            from understudy.dialects.openai.parse import read_tool_choice as read_mapping

            return read_mapping(choice)
        case str():  # before any comparison: what is no string may compare oddly, as arrays do
            return ToolChoice(choice) if choice in _MODES else ToolChoice("tool", (choice,))  # type: ignore[arg-type]
        case Mapping():
            raise Misuse(f"tool_choice is a mapping without a type; in OpenAI's format it is {_CHOICE}")
    raise Misuse(
        f"tool_choice must be 'auto', 'none', 'required', a tool's name, a ToolChoice, or a mapping in OpenAI's "
        f"format, not {kind_of(choice)}"
    )


def check_choice(choice: ToolChoice, tools: Collection[AnyTool], extra: Mapping[str, Any] | None) -> None:
    """Raise `Misuse` if a choice names a tool that is not among the tools, or requires one where there is none."""
    known = {name for tool in tools if (name := getattr(tool, "name", None)) is not None}
    missing = next((name for name in choice.names if name not in known), None)
    if choice.mode == "tool" and missing is not None:
        hint = suggestion(missing, (*sorted(known), *_MODES))
        raise Misuse(f"tool_choice names {shown(missing)}, which is not among the tools; {hint}")
    if choice.mode == "required" and not tools and not extra:  # where tools may be written as one provider has them
        raise Misuse("tool_choice is 'required', but there are no tools; pass tools=[…]")
