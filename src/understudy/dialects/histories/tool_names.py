"""Names of tools that a wire format refuses: sent under another name, and mapped back in the answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from understudy.dialects.base import Dialect, WarningLog
from understudy.dialects.histories.sharing import shared
from understudy.dialects.mapped import mapped
from understudy.domain.content import AnyPart, ToolCall, ToolResult
from understudy.domain.events import ToolCallStarted, Warned
from understudy.domain.failures import Failure
from understudy.domain.messages import AnyTool, Message, Tool, ToolChoice
from understudy.domain.requests import GenerationRequest

_ODD = re.compile(r"[^a-zA-Z0-9_]")
_KEPT = 50
"""Characters of the original name that its replacement keeps."""


class ToolNames:
    """The names of one request's tools as a wire format accepts them.

    A replacement depends on the name alone, so that a cached prompt does not change: what is legible of the name, and
    a digest that keeps similar names apart. `originals` maps each replacement back.
    """

    def __init__(self, accepted: re.Pattern[str], notes: WarningLog) -> None:
        self._accepted = accepted
        self._notes = notes
        self._sent: dict[str, str] = {}
        self.originals: dict[str, str] = {}

    def accepts(self, name: str) -> bool:
        """Check whether a name can be sent as it is."""
        return self._accepted.fullmatch(name) is not None

    def accept(self, names: Iterable[str]) -> bool:
        """Check whether all names can be sent as they are."""
        return all(map(self._accepted.fullmatch, names))

    def of(self, name: str) -> str:
        """Return the name that is sent."""
        sent = self._sent.get(name)
        if sent is None:
            sent = self._sent[name] = name if self.accepts(name) else self._replacement(name)
        return sent

    def _replacement(self, name: str) -> str:
        self._notes.rename(
            "tool name", "this API does not accept it: another name is sent, and mapped back in the answer"
        )
        legible = _ODD.sub("_", name)[:_KEPT]
        if not legible[:1].isalpha():
            legible = f"tool_{legible}"
        sent = f"{legible}_{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
        self.originals[sent] = name
        return sent


def with_accepted_names(request: GenerationRequest, names: ToolNames) -> GenerationRequest:
    """Return the request with the names that are sent: in tools, the choice of tools, calls and results."""
    tools = tuple(_tool(tool, names) for tool in request.tools)
    messages = tuple(_message(message, names) for message in request.messages)
    choice = _choice(request.tool_choice, names)
    if not names.originals:
        return request
    return replace(request, tools=tools, messages=messages, tool_choice=choice)


def _tool(tool: AnyTool, names: ToolNames) -> AnyTool:
    if isinstance(tool, Tool) and (sent := names.of(tool.name)) != tool.name:
        return replace(tool, name=sent)
    return tool


def _choice(choice: ToolChoice | None, names: ToolNames) -> ToolChoice | None:
    if choice is None or names.accept(choice.names):
        return choice
    return replace(choice, names=tuple(map(names.of, choice.names)))


def _message(message: Message, names: ToolNames) -> Message:
    if isinstance(message.content, str):
        return message
    parts = shared(message.content, tuple([_part(part, names) for part in message.content]))
    return message if parts is message.content else replace(message, content=parts)


def _part(part: AnyPart, names: ToolNames) -> AnyPart:
    match part:
        case ToolCall(name=str(name)) | ToolResult(name=str(name)) if (sent := names.of(name)) != name:
            return replace(part, name=sent)
        case _:
            return part


def restoring(dialect: Dialect, originals: Mapping[str, str]) -> Dialect:
    """Return the dialect with exchanges that restore the original names of tools in what they read."""
    return mapped(dialect, lambda: _Restoring(originals).restored)


class _Restoring:
    """Restores names of tools in the steps of an exchange."""

    def __init__(self, originals: Mapping[str, str]) -> None:
        self._originals = originals

    def restored(self, steps: list[Any]) -> list[Any]:
        """Return steps with the original names."""
        return [self._step(step) if type(step) in _NAMING else step for step in steps]

    def _step(self, step: ToolCallStarted | Warned | Failure) -> Any:
        match step:
            case ToolCallStarted(name=name):
                return replace(step, name=self._originals.get(name, name))
            case Warned(warning=warning):
                return replace(step, warning=replace(warning, why=self._text(warning.why)))
            case Failure(message=message):
                return replace(step, message=self._text(message))

    def _text(self, text: str) -> str:
        for sent, original in self._originals.items():
            text = text.replace(sent, original)
        return text


_NAMING = frozenset({ToolCallStarted, Warned, Failure})
"""Steps that may contain the name of a tool."""
