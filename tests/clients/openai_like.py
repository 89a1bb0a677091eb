"""What clients of chat completions have in common, whoever made them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, ClassVar

from tests.clients.asking import CITY, CLOSED, RESULT, TOOLS, Asked, Seen, messages_of

ENDS = {"stop": "stop", "length": "length", "tool_calls": "tools"}


class ChatCompletions:
    """Chat completions."""

    face: ClassVar[str] = "openai"

    client: Any

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        fields = self.fields(asked)
        return self.seen(await (self.streamed(fields) if stream else self.client.chat.completions.create(**fields)))

    async def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        async for piece in await self.client.chat.completions.create(**self.fields(asked), stream=True):
            yield piece

    def fields(self, asked: Asked) -> dict[str, Any]:
        fields: dict[str, Any] = {"model": asked.model, "messages": messages_of(asked)}
        if asked.tool:
            # The accumulator of the client takes strict tools alone.
            function = {"name": asked.tool, "parameters": TOOLS[asked.tool] | CLOSED, "strict": True}
            fields["tools"] = [{"type": "function", "function": function}]
        if asked.schema:
            form = {"name": "place", "schema": CITY | CLOSED, "strict": True}
            fields["response_format"] = {"type": "json_schema", "json_schema": form}
        if asked.thinking:
            fields["reasoning_effort"] = "low"
        if asked.limit:
            fields["max_completion_tokens"] = asked.limit
        return fields

    async def streamed(self, fields: dict[str, Any]) -> Any:
        """Return what a stream adds up to."""
        raise NotImplementedError

    def seen(self, answer: Any) -> Seen:
        choice, usage = answer.choices[0], answer.usage
        message = choice.message
        calls = message.tool_calls or []
        own = [{"id": each.id, "type": "function", "function": {"name": each.function.name,
                "arguments": each.function.arguments}} for each in calls]  # fmt: skip
        assert len({each.id for each in calls}) == len(calls)
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        return Seen(
            text=message.content or "",
            thinking=getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None) or "",
            calls=tuple((each.function.name, json.loads(each.function.arguments)) for each in calls),
            finish=str(ENDS.get(choice.finish_reason, choice.finish_reason)),
            usage=(usage.prompt_tokens, usage.completion_tokens),
            turn=[
                {"role": "assistant", "content": message.content, "tool_calls": own},
                *({"role": "tool", "tool_call_id": each.id, "content": RESULT} for each in calls),
            ],
        )

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        return [each.embedding for each in (await self.client.embeddings.create(model=model, input=texts)).data]

    async def models(self) -> list[str]:
        listed = [each.id for each in (await self.client.models.list()).data]
        assert (await self.client.models.retrieve(listed[0])).id == listed[0]
        return listed

    async def count(self, model: str) -> int:
        raise NotImplementedError

    @staticmethod
    def status(error: Exception) -> int:
        return int(getattr(error, "status_code", 0))
