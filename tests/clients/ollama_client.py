"""Ollama's client."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, ClassVar

import ollama

from tests.clients.asking import CITY, PNG, RESULT, TOOLS, Asked, Seen

if TYPE_CHECKING:
    import httpx


class Ollama:
    """Chat."""

    name: ClassVar[str] = "ollama"
    face: ClassVar[str] = "ollama"

    def __init__(self, http: httpx.AsyncClient | None, home: str, key: str = "any") -> None:
        # This client makes its own HTTP client; it takes over the transport of the given one.
        options: dict[str, Any] = {} if http is None else {"transport": http._transport}
        self.client: Any = ollama.AsyncClient(home, headers={"authorization": f"Bearer {key}"}, **options)
        self.close = self.client.close

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        if stream:
            return self.seen([each async for each in self.pieces(asked)])
        return self.seen([await self.client.chat(**self.fields(asked))])

    async def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        async for piece in await self.client.chat(**self.fields(asked), stream=True):
            yield piece

    def fields(self, asked: Asked) -> dict[str, Any]:
        question: dict[str, Any] = {"role": "user", "content": asked.text}
        if asked.image:
            question["images"] = [PNG]
        fields: dict[str, Any] = {"model": asked.model, "messages": [question, *asked.before]}
        if asked.tool:
            function = {"name": asked.tool, "description": "Does it", "parameters": TOOLS[asked.tool]}
            fields["tools"] = [{"type": "function", "function": function}]
        if asked.schema:
            fields["format"] = CITY
        if asked.thinking:
            fields["think"] = True
        if asked.limit:
            fields["options"] = {"num_predict": asked.limit}
        return fields

    def seen(self, chunks: list[Any]) -> Seen:
        calls = [call.function for each in chunks for call in each.message.tool_calls or []]
        last = chunks[-1]
        assert last.done
        assert not any(each.done for each in chunks[:-1])
        ends = {"stop": "tools" if calls else "stop"}
        text = "".join(each.message.content or "" for each in chunks)
        own = [{"function": {"name": each.name, "arguments": dict(each.arguments)}} for each in calls]
        return Seen(
            text=text,
            thinking="".join(each.message.thinking or "" for each in chunks),
            calls=tuple((each.name, dict(each.arguments)) for each in calls),
            finish=str(ends.get(last.done_reason, last.done_reason)),
            usage=(last.prompt_eval_count or 0, last.eval_count or 0),
            turn=[
                {"role": "assistant", "content": text, "tool_calls": own},
                *({"role": "tool", "tool_name": each.name, "content": RESULT} for each in calls),
            ],
        )

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        return [list(each) for each in (await self.client.embed(model, texts)).embeddings]

    async def models(self) -> list[str]:
        return [each.model for each in (await self.client.list()).models]

    async def count(self, model: str) -> int:
        raise NotImplementedError

    @staticmethod
    def status(error: Exception) -> int:
        return int(getattr(error, "status_code", 0))
