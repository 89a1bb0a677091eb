"""A conversation: messages, their roles, and the tools that may be called."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

from understudy.domain.content import AnyPart, CacheMark, Json, JsonObject, Text


class Role(enum.StrEnum):
    """The author of a message. `developer` is OpenAI's newer name for `system`; each dialect spells it differently."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One turn. `content` is plain text or a tuple of parts.

    Tool results may be in a `tool` or a `user` message; every dialect writes them where its wire format requires.
    `extra` keeps wire fields without a unified name, by dialect.
    """

    role: Role
    content: str | tuple[AnyPart, ...] = ""
    name: str | None = None
    extra: dict[str, JsonObject] | None = None

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
    def system(cls, content: str | tuple[AnyPart, ...]) -> Message:
        """Make a system message."""
        return cls(Role.SYSTEM, content)

    @classmethod
    def user(cls, content: str | tuple[AnyPart, ...]) -> Message:
        """Make a user message."""
        return cls(Role.USER, content)

    @classmethod
    def assistant(cls, content: str | tuple[AnyPart, ...]) -> Message:
        """Make an assistant message."""
        return cls(Role.ASSISTANT, content)

    @classmethod
    def tool(cls, *results: AnyPart) -> Message:
        """Make a message of tool results."""
        return cls(Role.TOOL, tuple(results))


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


class OpaqueTool(msgspec.Struct, frozen=True, tag_field="type", tag="opaque"):
    """A tool that only one dialect supports (hosted search, code execution, computer use), sent to that dialect alone.

    `effects` is true if running it twice can have side effects, so nothing is repeated after the first bytes.
    """

    dialect: str
    json: Json
    effects: bool = True


AnyTool = Tool | OpaqueTool


class ToolChoice(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether the model must call a tool.

    `auto` lets it choose, `none` forbids calls, `required` forces any call, `tool` forces the one in `names`. With
    `auto` or `required`, `names` restricts the choice to some of the tools, if the provider supports it.
    """

    mode: Literal["auto", "none", "required", "tool"] = "auto"
    names: tuple[str, ...] = ()
    extra: dict[str, JsonObject] | None = None
