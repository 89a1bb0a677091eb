"""OpenAI's client at both of its APIs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, ClassVar

import openai

from tests.clients.asking import CITY, CLOSED, PNG, RESULT, TOOLS, Asked, Seen
from tests.clients.openai_like import ChatCompletions

if TYPE_CHECKING:
    import httpx


class OpenAI(ChatCompletions):
    """Chat completions."""

    name: ClassVar[str] = "openai"

    def __init__(self, http: httpx.AsyncClient | None, home: str, key: str = "any") -> None:
        self.client: Any = openai.AsyncOpenAI(base_url=f"{home}/v1", api_key=key, http_client=http, max_retries=0)
        self.close = self.client.close

    async def streamed(self, fields: dict[str, Any]) -> Any:
        """Return what the client's own accumulator makes of a stream."""
        options = {"include_usage": True}
        async with self.client.chat.completions.stream(**fields, stream_options=options) as streaming:
            return await streaming.get_final_completion()


class Responses(OpenAI):
    """OpenAI's client at its other API."""

    name: ClassVar[str] = "responses"
    face: ClassVar[str] = "responses"

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        fields = self.fields(asked)
        return self.seen(await (self.streamed(fields) if stream else self.client.responses.create(**fields)))

    async def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        async for event in await self.client.responses.create(**self.fields(asked), stream=True):
            if event.type == "response.output_text.delta":
                yield event

    def fields(self, asked: Asked) -> dict[str, Any]:
        content: Any = asked.text
        if asked.image:
            image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
            content = [{"type": "input_text", "text": asked.text}, image]
        fields: dict[str, Any] = {
            "model": asked.model,
            "input": [{"role": "user", "content": content}, *asked.before],
            "store": False,
        }
        if asked.tool:
            tool = {"name": asked.tool, "description": "Does it", "parameters": TOOLS[asked.tool], "strict": False}
            fields["tools"] = [{"type": "function", **tool}]
        if asked.schema:
            fields["text"] = {
                "format": {"type": "json_schema", "name": "place", "schema": CITY | CLOSED, "strict": True}
            }
        if asked.thinking:
            fields |= {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
        if asked.limit:
            fields["max_output_tokens"] = asked.limit
        return fields

    async def streamed(self, fields: dict[str, Any]) -> Any:
        async with self.client.responses.stream(**fields) as streaming:
            text = ""
            async for event in streaming:
                text += event.delta if event.type == "response.output_text.delta" else ""
            answer = await streaming.get_final_response()
        assert text == answer.output_text
        return answer

    def seen(self, answer: Any) -> Seen:
        calls = [each for each in answer.output if each.type == "function_call"]
        summaries = [part.text for each in answer.output if each.type == "reasoning" for part in each.summary]
        reason = answer.incomplete_details.reason if answer.incomplete_details else None
        finish = {"max_output_tokens": "length"}.get(reason, reason) if reason else "tools" if calls else "stop"
        assert answer.status == ("incomplete" if reason else "completed")
        usage = answer.usage
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens
        results = [{"type": "function_call_output", "call_id": each.call_id, "output": RESULT} for each in calls]
        return Seen(
            text=answer.output_text,
            thinking="".join(summaries),
            calls=tuple((each.name, json.loads(each.arguments)) for each in calls),
            finish=str(finish),
            usage=(usage.input_tokens, usage.output_tokens),
            turn=[
                *(each.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for each in answer.output),
                *results,
            ],
        )

    async def count(self, model: str) -> int:
        return int((await self.client.responses.input_tokens.count(model=model, input="hello there")).input_tokens)
