"""Tools that only the Responses API has, as functions that every provider has, and back again.

Codex offers its tools in `namespace`s, and some of them as `custom` tools with free text as input. A provider that
speaks the Responses API gets them as they came. For all others a namespace is taken apart, and a custom tool is a
function with one argument; `Flat` remembers what each function stands for, so that a call comes back in its own form.

Source: the types of tools and items in OpenAI's Python SDK (2.54.0); Codex, `codex-rs/tools/src/responses_api.rs`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from understudy.dialects.responses.wire import NAME
from understudy.domain.content import AnyPart, JsonObject, Opaque, Part, ToolCall, ToolResult
from understudy.domain.messages import AnyTool, Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.requests import GenerationRequest
from understudy.wire.json import as_objects, encode

CUSTOM = "custom_tool_call"
SHELL = "local_shell"
INPUT = "input"
"""The argument of a function that stands for a custom tool."""

_LONGEST = 64
"""Characters of a name: OpenAI, Anthropic and Google all accept as many."""
_KEPT = 50
_ODD = re.compile(r"[^a-zA-Z0-9_-]")
_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")


class Flat(msgspec.Struct, frozen=True):
    """What a function stands for."""

    name: str
    namespace: str | None = None
    is_custom: bool = False

    @property
    def fields(self) -> JsonObject:
        """The fields of a call's item beside those that every call has."""
        kind = {"type": CUSTOM} if self.is_custom else {}
        return kind if self.namespace is None else {**kind, "namespace": self.namespace}


Table = Mapping[str, Flat]
"""What the functions of one request stand for, by the names that they are sent with."""


def flattened(request: GenerationRequest) -> tuple[GenerationRequest, Table]:
    """Return a request of the Responses API in the terms that all providers share, and what its functions stand for."""
    messages, more = _without_added_tools(request.messages)
    tools = (*request.tools, *more)
    if all(type(tool) is Tool for tool in tools) and not any(map(_is_special, messages)):
        return request, {}
    flattening = _Flattening(tools)
    return (
        replace(
            request,
            tools=flattening.tools,
            tool_choice=flattening.choice(request.tool_choice),
            messages=tuple(map(flattening.message, messages)),
        ),
        flattening.table,
    )


def _without_added_tools(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], list[AnyTool]]:
    """Return the messages without the items that hold tools, and those tools."""
    found: list[AnyTool] = []
    kept: list[Message] = []
    for message in messages:
        if isinstance(message.content, str) or not any(map(_has_tools, message.content)):
            kept.append(message)
            continue
        for part in message.content:
            if isinstance(part, Opaque) and _has_tools(part) and isinstance(part.json, dict):
                found += (OpaqueTool(NAME, tool, effects=False) for tool in as_objects(part.json.get("tools")))
        if rest := tuple(part for part in message.content if not _has_tools(part)):
            kept.append(replace(message, content=rest))
    return (tuple(kept), found) if found else (messages, found)


def _has_tools(part: AnyPart) -> bool:
    return item_of(part).get("type") == "additional_tools"


def item_of(part: AnyPart) -> JsonObject:
    """Return the item that a part of this dialect alone is; empty for any other."""
    return part.json if isinstance(part, Opaque) and part.dialect == NAME and isinstance(part.json, dict) else {}


def _own(part: Part) -> JsonObject:
    return (part.extra or {}).get(NAME, {})


def _is_special(message: Message) -> bool:
    return not isinstance(message.content, str) and any(
        _own(part).keys() & {"type", "namespace"} or SHELL in str(item_of(part).get("type"))
        for part in message.content
        if isinstance(part, ToolCall | ToolResult | Opaque)
    )


class _Flattening:
    """The tools of one request. A name depends on the tool alone, so that a cached prompt does not change."""

    def __init__(self, tools: Iterable[AnyTool]) -> None:
        tools = tuple(tools)
        self.table: dict[str, Flat] = {}
        self._taken = {name for tool in tools if (name := _name_of(tool))}
        flat = [each for tool in tools for each in self._flat(tool)]
        # The tools that were added in the middle of a conversation may repeat some; the last one counts.
        self.tools = tuple({each.name if isinstance(each, Tool) else id(each): each for each in flat}.values())

    def _flat(self, tool: AnyTool) -> Iterator[AnyTool]:
        """Yield the functions that a tool becomes; a tool that runs at the provider stays as it is."""
        item = tool.json if isinstance(tool, OpaqueTool) and isinstance(tool.json, dict) else {}
        match item:
            case {"type": "custom" | "function", "name": str(name)}:
                yield self._function(item, name, None)
            case {"type": "namespace", "name": str(namespace)}:
                about = item.get("description")
                for inner in as_objects(item.get("tools")):
                    match inner:
                        case {"type": "custom" | "function", "name": str(inner_name)}:
                            yield self._function(inner, inner_name, namespace, about if isinstance(about, str) else "")
                            about = ""  # stated once, not for every function
            case _:
                yield tool

    def _function(self, item: JsonObject, name: str, namespace: str | None, about: str = "") -> Tool:
        is_custom = item.get("type") == "custom"
        sent = self._name(name, namespace)
        if is_custom or namespace is not None:
            self.table[sent] = Flat(name, namespace, is_custom)
        told = item.get("description")
        described = "\n\n".join(
            filter(None, (told if isinstance(told, str) else "", _grammar(item), _of(namespace, about)))
        )
        parameters = _INPUT_SCHEMA if is_custom else item.get("parameters")
        return Tool(
            name=sent,
            description=described or None,
            parameters=parameters if isinstance(parameters, dict) else None,
            strict=strict if isinstance(strict := item.get("strict"), bool) else None,
        )

    def _name(self, name: str, namespace: str | None) -> str:
        """Return the name that a function is sent with."""
        sent = joined(name, namespace)
        if namespace is not None and self._is_taken(sent, Flat(name, namespace)):
            sent = _shortened(sent, f"{namespace}\0{name}")
        return sent

    def _is_taken(self, sent: str, flat: Flat) -> bool:
        known = self.table.get(sent)
        return sent in self._taken or (
            known is not None and (known.name, known.namespace) != (flat.name, flat.namespace)
        )

    def _sent(self, name: str, namespace: Any) -> str:
        """Return the name of a function that a message or choice mentions."""
        if not isinstance(namespace, str):
            return name
        for sent, flat in self.table.items():
            if (flat.name, flat.namespace) == (name, namespace):
                return sent
        return joined(name, namespace)

    def choice(self, choice: ToolChoice | None) -> ToolChoice | None:
        """Return a choice among the functions."""
        written = (choice.extra or {}).get(NAME) if choice is not None else None
        if choice is None or written is None:
            return choice
        match written:
            case {"type": "custom" | "function"}:
                return replace(choice, mode="tool", names=tuple(self._chosen(written)))
            case {"type": "allowed_tools", "tools": [*tools]}:
                return replace(choice, names=tuple(name for tool in as_objects(tools) for name in self._chosen(tool)))
            case _:
                return choice

    def _chosen(self, item: JsonObject) -> Iterator[str]:
        match item:
            case {"type": "namespace", "name": str(namespace)}:
                yield from (sent for sent, flat in self.table.items() if flat.namespace == namespace)
            case {"type": "custom" | "function", "name": str(name)}:
                yield self._sent(name, item.get("namespace"))

    def message(self, message: Message) -> Message:
        """Return a message with its calls as calls of functions."""
        if not _is_special(message):
            return message
        parts = tuple(map(self._part, message.parts))
        role = Role.TOOL if all(isinstance(part, ToolResult) for part in parts) else message.role
        return replace(message, role=role, content=parts)

    def _part(self, part: AnyPart) -> AnyPart:
        match part:
            case ToolCall(name=name):
                own = _own(part)
                is_custom = own.get("type") == CUSTOM
                arguments = encode({INPUT: part.arguments}).decode() if is_custom else part.arguments
                return replace(part, name=self._sent(name, own.get("namespace")), arguments=arguments)
            case ToolResult(name=str(name)):
                return replace(part, name=self._sent(name, _own(part).get("namespace")))
            case Opaque():
                return _shell(part)
            case _:
                return part


def _name_of(tool: AnyTool) -> str | None:
    if isinstance(tool, Tool):
        return tool.name
    match tool.json:
        case {"type": "custom" | "function", "name": str(name)}:
            return name
    return None


def joined(name: str, namespace: str | None) -> str:
    """Return the name of a function within a namespace as one name that every provider accepts."""
    if namespace is None:
        return name
    sent = f"{namespace.rstrip('_')}__{name}"
    return sent if _PLAIN.fullmatch(sent) else _shortened(sent, f"{namespace}\0{name}")


def _shortened(sent: str, whole: str) -> str:
    legible = _ODD.sub("_", sent)[:_KEPT]
    if not _PLAIN.match(legible):
        legible = f"tool_{legible}"
    return f"{legible}_{hashlib.sha256(whole.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _of(namespace: str | None, about: str) -> str:
    return f"The functions of {namespace}: {about}" if namespace and about else ""


def _grammar(item: JsonObject) -> str:
    """Return what a custom tool demands of its input, in words."""
    if item.get("type") != "custom":
        return ""
    match item.get("format"):
        case {"type": "grammar", "syntax": str(syntax), "definition": str(definition)}:
            return f"`{INPUT}` is plain text, not JSON, and must match this {syntax} grammar:\n{definition}"
        case _:
            return f"`{INPUT}` is plain text."


_INPUT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {INPUT: {"type": "string", "description": "The whole input of the tool, as plain text."}},
    "required": [INPUT],
    "additionalProperties": False,
}


def _shell(part: Opaque) -> AnyPart:
    """Return a call of OpenAI's shell tool, or its result, as one of a function."""
    item: dict[str, Any] = item_of(part)
    call_id = item.get("call_id") or item.get("id")
    if not isinstance(call_id, str):
        return part
    match item:
        case {"type": "local_shell_call", "action": dict(action)}:
            arguments = {key: value for key, value in action.items() if key != "type" and value is not None}
            return ToolCall(id=call_id, name=SHELL, arguments=encode(arguments).decode())
        case {"type": "local_shell_call_output", "output": str(output)}:
            return ToolResult(call_id=call_id, content=output)
        case _:
            return part
