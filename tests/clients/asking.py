"""What official clients are asked to say, and what they have understood of an answer, whatever their API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

CAPITAL = "What is the capital of France?"
WEATHER = "What is the weather in Paris?"
CITIES = "What is the weather in Paris and Oslo?"
PLACE = "Paris"
CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WRITING: dict[str, Any] = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
    "required": ["path", "content"],
}
CLOSED: dict[str, Any] = {"additionalProperties": False}
"""What strict schemas need besides."""
TOOLS: dict[str, dict[str, Any]] = {"get_weather": CITY, "write_file": WRITING}
"""The parameters of the tools that are offered."""
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ENOUGH = 2048
"""Tokens, where an API asks for a limit: more than the budget of thinking."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question, as no API writes it."""

    text: str = CAPITAL
    model: str = ""
    tool: str = ""
    """The name of the tool that is offered."""
    schema: bool = False
    image: bool = False
    thinking: bool = False
    limit: int | None = None
    before: Sequence[Any] = ()
    """The answer to the question and the results of its tools, as the API of the client writes them."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a client has understood of an answer."""

    text: str = ""
    thinking: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    finish: str
    """`stop`, `length` or `tools`; another end in the words of its API."""
    usage: tuple[int, int] = (0, 0)
    """Tokens of the prompt and of the answer, as they are counted in this API."""
    turn: Sequence[Any] = ()
    """The answer and the results of its tools (`RESULT` for each), as the API of the client writes them."""


RESULT = "18 degrees"


class Client(Protocol):
    """One client of one API."""

    name: str
    face: str
    """The wire format that it speaks."""
    close: Callable[[], Awaitable[Any]]

    async def ask(self, asked: Asked, *, stream: bool) -> Seen: ...

    def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        """Yield an answer as it arrives: to be interrupted."""
        ...

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]: ...

    async def models(self) -> list[str]: ...

    async def count(self, model: str) -> int: ...

    @staticmethod
    def status(error: Exception) -> int: ...


def messages_of(asked: Asked) -> list[Any]:
    """Return the conversation in OpenAI's form, which Cohere's client takes too."""
    content: Any = asked.text
    if asked.image:
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
        content = [{"type": "text", "text": asked.text}, image]
    return [{"role": "user", "content": content}, *asked.before]
