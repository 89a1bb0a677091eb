"""Groq's client, which was made in the image of OpenAI's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import groq
from groq.types.chat import ChatCompletion

from tests.clients.openai_like import ChatCompletions

if TYPE_CHECKING:
    import httpx


class Groq(ChatCompletions):
    """Groq's client adds `/openai/v1` itself, and has no accumulator."""

    name: ClassVar[str] = "groq"

    def __init__(self, http: httpx.AsyncClient | None, home: str, key: str = "any") -> None:
        self.client = groq.AsyncGroq(base_url=home, api_key=key, http_client=http, max_retries=0)
        self.close = self.client.close

    async def streamed(self, fields: dict[str, Any]) -> Any:
        """Put the pieces together as the API's reference says: by `index`."""
        fields = {**fields, "stream": True, "extra_body": {"stream_options": {"include_usage": True}}}
        message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning": ""}
        calls: list[dict[str, Any]] = []
        end = usage = None
        async for chunk in await self.client.chat.completions.create(**fields):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                end = choice.finish_reason or end
                message["content"] += choice.delta.content or ""
                message["reasoning"] += choice.delta.reasoning or ""
                for call in choice.delta.tool_calls or []:
                    if call.index == len(calls):
                        name = call.function.name
                        calls.append({"id": call.id, "type": "function", "function": {"name": name, "arguments": ""}})
                    calls[call.index]["function"]["arguments"] += call.function.arguments or ""
        choice = {"index": 0, "finish_reason": end, "message": {**message, "tool_calls": calls or None}}
        return ChatCompletion.model_validate(
            {"id": "x", "created": 1, "model": "x", "object": "chat.completion", "choices": [choice], "usage": usage}
        )
