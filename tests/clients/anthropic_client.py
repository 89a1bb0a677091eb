"""Anthropic's client."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, ClassVar

import anthropic
import httpx2

from tests.clients.asking import CITY, CLOSED, ENOUGH, PNG, RESULT, TOOLS, Asked, Seen

if TYPE_CHECKING:
    import httpx


class Anthropic:
    """Messages."""

    name: ClassVar[str] = "anthropic"
    face: ClassVar[str] = "anthropic"

    def __init__(self, http: httpx.AsyncClient | None, home: str, key: str = "any") -> None:
        own = None
        if http is not None:
            # This client takes nothing but a client of the fork that it is built on.
            transport: Any = http._transport
            own = httpx2.AsyncClient(transport=httpx2.ASGITransport(transport.app))
        self.client: Any = anthropic.AsyncAnthropic(base_url=home, api_key=key, http_client=own, max_retries=0)
        self.close = self.client.close

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        fields = self.fields(asked)
        if not stream:
            return self.seen(await self.client.messages.create(**fields))
        async with self.client.messages.stream(**fields) as streaming:
            return self.seen(await streaming.get_final_message())

    async def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        async with self.client.messages.stream(**self.fields(asked)) as streaming:
            async for piece in streaming.text_stream:
                yield piece

    def fields(self, asked: Asked) -> dict[str, Any]:
        content: Any = asked.text
        if asked.image:
            source = {"type": "base64", "media_type": "image/png", "data": PNG}
            content = [{"type": "image", "source": source}, {"type": "text", "text": asked.text}]
        fields: dict[str, Any] = {
            "model": asked.model,
            "max_tokens": asked.limit or ENOUGH,
            "messages": [{"role": "user", "content": content}, *asked.before],
        }
        if asked.tool:
            fields["tools"] = [{"name": asked.tool, "description": "Does it", "input_schema": TOOLS[asked.tool]}]
        if asked.schema:
            fields["output_config"] = {"format": {"type": "json_schema", "schema": CITY | CLOSED}}
        if asked.thinking:
            fields["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        return fields

    def seen(self, answer: Any) -> Seen:
        calls = [each for each in answer.content if each.type == "tool_use"]
        ends = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tools"}
        results = [{"type": "tool_result", "tool_use_id": each.id, "content": RESULT} for each in calls]
        return Seen(
            text="".join(each.text for each in answer.content if each.type == "text"),
            thinking="".join(each.thinking for each in answer.content if each.type == "thinking"),
            calls=tuple((each.name, each.input) for each in calls),
            finish=str(ends.get(answer.stop_reason, answer.stop_reason)),
            usage=(answer.usage.input_tokens, answer.usage.output_tokens),
            turn=[
                {"role": "assistant", "content": [_own(each) for each in answer.content]},
                {"role": "user", "content": results},
            ],
        )

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        raise NotImplementedError

    async def models(self) -> list[str]:
        listed = [each.id async for each in await self.client.models.list()]
        assert (await self.client.models.retrieve(listed[0])).id == listed[0]
        return listed

    async def count(self, model: str) -> int:
        messages = [{"role": "user", "content": "hello there"}]
        return int((await self.client.messages.count_tokens(model=model, messages=messages)).input_tokens)

    @staticmethod
    def status(error: Exception) -> int:
        return int(getattr(error, "status_code", 0))


def _own(block: Any) -> dict[str, Any]:
    """Return a block of an answer as callers send it back."""
    fields = {"type", "text", "thinking", "signature", "data", "id", "name", "input"}
    return {name: value for name, value in block.model_dump().items() if name in fields}
