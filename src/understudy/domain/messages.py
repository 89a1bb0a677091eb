"""A conversation: messages, their roles, and the tools that may be called."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

import msgspec

from understudy.domain.content import AnyPart, CacheMark, Json, JsonObject, Text, read_content
from understudy.domain.declared import check_fields
from understudy.domain.misuse import Misuse
from understudy.domain.suggestions import kind_of, shown, suggestion

Content = str | AnyPart | list[str | AnyPart] | tuple[str | AnyPart, ...]
"""What a message may be made of: a string, a part, or a sequence of both. Strings among parts become `Text`."""


class Role(enum.StrEnum):
    """The author of a message. `developer` is OpenAI's newer name for `system`; each dialect spells it differently."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One turn. `content` is plain text or a tuple of parts.

    A role may be written as a string. Strings among the parts become `Text`, a list becomes a tuple, and a single part
    a tuple of one; anything else is `Misuse`. Tool results may be in a `tool` or a `user` message; every dialect writes
    them where its wire format requires. `extra` keeps wire fields without a unified name, by dialect.
    """

    role: Role
    content: str | tuple[AnyPart, ...] = ""
    name: str | None = None
    extra: dict[str, JsonObject] | None = None

    def __post_init__(self) -> None:
        """Read the role and the content as a caller may write them. Raise `Misuse` for what is neither."""
        if type(self.role) is not Role:
            msgspec.structs.force_setattr(self, "role", _role(self.role))
        if type(self.content) is not str:
            msgspec.structs.force_setattr(self, "content", read_content(self.content, "Message"))
        if self.name is not None or self.extra is not None:
            check_fields(self)

    @property
    def parts(self) -> tuple[AnyPart, ...]:
        """The content as parts, even if it is a string."""
        if isinstance(self.content, str):
            return (Text(self.content),) if self.content else ()
        return self.content

    @property
    def text(self) -> str:
        """The text parts, joined; thinking and refusals are not among them."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, Text))

    @classmethod
    def system(cls, *content: Content) -> Message:
        """Make a system message."""
        return cls(Role.SYSTEM, _joined(content))

    @classmethod
    def user(cls, *content: Content) -> Message:
        """Make a user message: `Message.user("What is this?", Image(…))`."""
        return cls(Role.USER, _joined(content))

    @classmethod
    def assistant(cls, *content: Content) -> Message:
        """Make an assistant message."""
        return cls(Role.ASSISTANT, _joined(content))

    @classmethod
    def tool(cls, *results: Content) -> Message:
        """Make a message of tool results."""
        return cls(Role.TOOL, _joined(results))


def _joined(content: tuple[Content, ...]) -> Any:
    """Return the content of a message as its constructor reads it: one value as it is, several in a row."""
    if not content:
        raise Misuse("Message: the content is missing; pass a string, parts, or both")
    if len(content) == 1:
        return content[0]
    parts: list[Any] = []
    for each in content:
        parts.extend(each if isinstance(each, (list, tuple)) else (each,))
    return tuple(parts)


def _role(role: object) -> Role:
    """Return a role that was written as a string, in any case. Raise `Misuse` for an unknown one."""
    if isinstance(role, str):
        try:
            return Role(role.lower())
        except ValueError:
            pass
    words = _FOREIGN_ROLES if isinstance(role, str) else None
    raise Misuse(f"Message: unknown role {shown(role)}; {suggestion(role, Role, words)}")


_FOREIGN_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "bot": "assistant", "function": "tool"}
"""Roles of other libraries."""


class Tool(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="function", omit_defaults=True):
    """A function that the model may call. `parameters` is a JSON Schema of type object; unset means no arguments.

    `strict` requests arguments that are guaranteed to match the schema, if the provider supports it.
    """

    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    cache: CacheMark | None = None
    extra: dict[str, JsonObject] | None = None

    def __post_init__(self) -> None:
        """Raise `Misuse` for a field of a wrong type, or an empty name."""
        check_fields(self)
        if not self.name:
            raise Misuse("Tool: the name is empty")


class OpaqueTool(msgspec.Struct, frozen=True, tag_field="type", tag="opaque"):
    """A tool that only one dialect supports (hosted search, code execution, computer use), sent to that dialect alone.

    `effects` is true if running it twice can have side effects, so nothing is repeated after the first bytes.
    """

    dialect: str
    json: Json
    effects: bool = True

    def __post_init__(self) -> None:
        """Raise `Misuse` for a field of a wrong type."""
        check_fields(self)
        if not isinstance(self.json, Mapping):
            raise Misuse(
                f"OpaqueTool: json must be the tool as its dialect writes it, a dict, not {kind_of(self.json)}"
            )


AnyTool = Tool | OpaqueTool
_FUNCTIONS = frozenset({Tool})


def are_functions(tools: Iterable[AnyTool]) -> bool:
    """Check whether all tools are exactly of the class `Tool`, as nearly all are: one quick look at any number."""
    return _FUNCTIONS.issuperset(map(type, tools))


class CheckedTools(tuple[AnyTool, ...]):
    """The tools of a call that has passed the door, with their JSON at that time; they equal any other tuple.

    A wire format that remembers how tools are sent finds them by this JSON, without encoding them once more.
    """

    written: bytes

    def __new__(cls, tools: Iterable[AnyTool], written: bytes) -> Self:
        """Make a tuple of the tools, of which `written` is the JSON."""
        made = super().__new__(cls, tools)
        made.written = written
        return made

    def __getnewargs__(self) -> tuple[tuple[AnyTool, ...], bytes]:
        """Return the arguments for a copy."""
        return tuple(self), self.written


class ToolChoice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether the model must call a tool.

    `auto` lets it choose, `none` forbids calls, `required` forces any call, `tool` forces the one in `names`. With
    `auto` or `required`, `names` restricts the choice to some of the tools, if the provider supports it.
    """

    mode: Literal["auto", "none", "required", "tool"] = "auto"
    names: tuple[str, ...] = ()
    extra: dict[str, JsonObject] | None = None

    def __post_init__(self) -> None:
        """Make the names a tuple. Raise `Misuse` for a field of a wrong type."""
        if isinstance(self.names, (str, list)):
            names = (self.names,) if isinstance(self.names, str) else tuple(self.names)
            msgspec.structs.force_setattr(self, "names", names)
        check_fields(self)
