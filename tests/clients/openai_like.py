"""OpenAI's client at both of its APIs, and Groq's, which was made in its image."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import groq
import httpx
import openai
from groq.types.chat import ChatCompletion

from tests.clients.asking import CITY, CLOSED, PNG, RESULT, TOOLS, Asked, Seen, messages_of

_ENDS = {"stop": "stop", "length": "length", "tool_calls": "tools"}


class OpenAI:
    """Chat completions."""

    name: ClassVar[str] = "openai"
    face: ClassVar[str] = "openai"

    def __init__(self, http: httpx.AsyncClient, home: str) -> None:
        self.client: Any = openai.AsyncOpenAI(base_url=f"{home}/v1", api_key="any", http_client=http, max_retries=0)
        self.close = self.client.close

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
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
        answer = await (self.streamed(fields) if stream else self.client.chat.completions.create(**fields))
        return self.seen(answer)

    async def streamed(self, fields: dict[str, Any]) -> Any:
        """Return what the client's own accumulator makes of a stream."""
        options = {"include_usage": True}
        async with self.client.chat.completions.stream(**fields, stream_options=options) as streaming:
            return await streaming.get_final_completion()

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
            finish=str(_ENDS.get(choice.finish_reason, choice.finish_reason)),
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


class Groq(OpenAI):
    """Groq's client adds `/openai/v1` itself, and has no accumulator."""

    name: ClassVar[str] = "groq"

    def __init__(self, http: httpx.AsyncClient, home: str) -> None:
        self.client = groq.AsyncGroq(base_url=home, api_key="any", http_client=http, max_retries=0)
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


class Responses(OpenAI):
    """OpenAI's client at its other API."""

    name: ClassVar[str] = "responses"
    face: ClassVar[str] = "responses"

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
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
        answer = await (self.streamed(fields) if stream else self.client.responses.create(**fields))
        return self.seen(answer)

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
