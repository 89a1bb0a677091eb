"""The clients of Anthropic, Google, Cohere and Ollama."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import base64
import json
from typing import Any, ClassVar

import anthropic
import cohere
import httpx
import httpx2
import ollama
from google import genai
from google.genai import types

from tests.clients.asking import CITY, CLOSED, ENOUGH, PNG, RESULT, TOOLS, Asked, Seen, messages_of


class Anthropic:
    """Messages."""

    name: ClassVar[str] = "anthropic"
    face: ClassVar[str] = "anthropic"

    def __init__(self, http: httpx.AsyncClient, home: str) -> None:
        # This client takes nothing but a client of the fork that it is built on.
        transport: Any = http._transport
        own = httpx2.AsyncClient(transport=httpx2.ASGITransport(transport.app))
        self.client: Any = anthropic.AsyncAnthropic(base_url=home, api_key="any", http_client=own, max_retries=0)
        self.close = self.client.close

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
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
        if not stream:
            return self.seen(await self.client.messages.create(**fields))
        async with self.client.messages.stream(**fields) as streaming:
            return self.seen(await streaming.get_final_message())

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


class Google:
    """Generate content."""

    name: ClassVar[str] = "google"
    face: ClassVar[str] = "gemini"

    def __init__(self, http: httpx.AsyncClient, home: str) -> None:
        options = types.HttpOptions(base_url=home, httpx_async_client=http)
        self.client: Any = genai.Client(api_key="any", http_options=options)
        self.close = http.aclose

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        parts = [types.Part.from_text(text=asked.text)]
        if asked.image:
            parts.append(types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png"))
        config: dict[str, Any] = {}
        if asked.tool:
            function = types.FunctionDeclaration(
                name=asked.tool, description="Does it", parameters_json_schema=TOOLS[asked.tool]
            )
            config["tools"] = [types.Tool(function_declarations=[function])]
            config["automatic_function_calling"] = types.AutomaticFunctionCallingConfig(disable=True)
        if asked.schema:
            config |= {"response_mime_type": "application/json", "response_json_schema": CITY}
        if asked.thinking:
            config["thinking_config"] = types.ThinkingConfig(include_thoughts=True)
        if asked.limit:
            config["max_output_tokens"] = asked.limit
        fields: dict[str, Any] = {
            "model": asked.model,
            "contents": [types.Content(role="user", parts=parts), *asked.before],
            "config": types.GenerateContentConfig(**config),
        }
        if not stream:
            return self.seen([await self.client.aio.models.generate_content(**fields)])
        return self.seen([each async for each in await self.client.aio.models.generate_content_stream(**fields)])

    def seen(self, chunks: list[types.GenerateContentResponse]) -> Seen:
        """Put chunks together: parts follow each other, the last usage and the last reason hold."""
        parts: list[types.Part] = []
        finish, usage = "", None
        for chunk in chunks:
            usage = chunk.usage_metadata or usage
            for candidate in chunk.candidates or []:
                finish = candidate.finish_reason.value if candidate.finish_reason else finish
                parts += (candidate.content.parts if candidate.content else None) or []
        calls = [each.function_call for each in parts if each.function_call]
        ends = {"STOP": "tools" if calls else "stop", "MAX_TOKENS": "length"}
        assert usage is not None
        prompt, written = usage.prompt_token_count or 0, usage.candidates_token_count or 0
        thought = usage.thoughts_token_count or 0
        assert usage.total_token_count == prompt + written + thought
        results = [
            types.Part(
                function_response=types.FunctionResponse(id=each.id, name=each.name, response={"output": RESULT})
            )
            for each in calls
        ]
        return Seen(
            text="".join(each.text or "" for each in parts if not each.thought),
            thinking="".join(each.text or "" for each in parts if each.thought),
            calls=tuple((each.name or "", each.args) for each in calls),
            finish=ends.get(finish, finish),
            usage=(prompt, written + thought),
            turn=[types.Content(role="model", parts=parts), types.Content(role="user", parts=results)],
        )

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        found = await self.client.aio.models.embed_content(model=model, contents=texts)
        return [each.values for each in found.embeddings]

    async def models(self) -> list[str]:
        listed = [each.name.removeprefix("models/") async for each in await self.client.aio.models.list()]
        assert (await self.client.aio.models.get(model=listed[0])).name == f"models/{listed[0]}"
        return listed

    async def count(self, model: str) -> int:
        return int((await self.client.aio.models.count_tokens(model=model, contents="hello there")).total_tokens)

    @staticmethod
    def status(error: Exception) -> int:
        return int(getattr(error, "code", 0))


class Cohere:
    """Chat, version 2."""

    name: ClassVar[str] = "cohere"
    face: ClassVar[str] = "cohere"

    def __init__(self, http: httpx.AsyncClient, home: str) -> None:
        self.client: Any = cohere.AsyncClientV2(
            api_key="any", base_url=home, httpx_client=http, max_retries=0, log_warning_experimental_features=False
        )
        self.close = http.aclose

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        fields: dict[str, Any] = {"model": asked.model, "messages": messages_of(asked)}
        if asked.tool:
            function = {"name": asked.tool, "description": "Does it", "parameters": TOOLS[asked.tool]}
            fields["tools"] = [{"type": "function", "function": function}]
        if asked.schema:
            fields["response_format"] = {"type": "json_object", "json_schema": CITY}
        if asked.thinking:
            fields["thinking"] = {"type": "enabled"}
        if asked.limit:
            fields["max_tokens"] = asked.limit
        if stream:
            return self.seen(*_folded([each async for each in self.client.chat_stream(**fields)]))
        answer = await self.client.chat(**fields)
        message = answer.message
        blocks = [(each.type, getattr(each, each.type)) for each in message.content or []]
        calls = [(each.id, each.function.name, each.function.arguments) for each in message.tool_calls or []]
        return self.seen(blocks, calls, message.tool_plan or "", answer.finish_reason, answer.usage)

    def seen(self, blocks: Any, calls: Any, plan: str, finish: str, usage: Any) -> Seen:
        ends = {"COMPLETE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tools"}
        own = [
            {"id": id_, "type": "function", "function": {"name": name, "arguments": text}} for id_, name, text in calls
        ]
        said = "".join(text for kind, text in blocks if kind == "text")
        turn: dict[str, Any] = {"role": "assistant", "tool_calls": own}
        turn |= {"tool_plan": plan} if plan else {}
        return Seen(
            text=plan + said,
            thinking="".join(text for kind, text in blocks if kind == "thinking"),
            calls=tuple((name, json.loads(text)) for _, name, text in calls),
            finish=ends.get(finish, finish),
            usage=(int(usage.tokens.input_tokens), int(usage.tokens.output_tokens)),
            turn=[turn, *({"role": "tool", "tool_call_id": id_, "content": RESULT} for id_, _, _ in calls)],
        )

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        found = await self.client.embed(model=model, input_type="search_query", texts=texts, embedding_types=["float"])
        return list(found.embeddings.float_)

    async def models(self) -> list[str]:
        listed = [each.name for each in (await self.client.models.list()).models]
        assert (await self.client.models.get(listed[0])).name == listed[0]
        return listed

    async def count(self, model: str) -> int:
        return len((await self.client.tokenize(text="hello there", model=model, offline=False)).tokens)

    @staticmethod
    def status(error: Exception) -> int:
        return int(getattr(error, "status_code", 0))


def _folded(events: list[Any]) -> tuple[Any, Any, str, str, Any]:
    """Put the events of Cohere's stream together."""
    blocks: dict[int, list[str]] = {}
    calls: dict[int, list[str]] = {}
    plan = ""
    assert events[0].type == "message-start"
    for event in events[1:-1]:
        match event.type:
            case "content-start":
                content = event.delta.message.content
                blocks[event.index] = [content.type, content.text or content.thinking or ""]
            case "content-delta":
                content = event.delta.message.content
                blocks[event.index][1] += content.text or content.thinking or ""
            case "tool-plan-delta":
                plan += event.delta.message.tool_plan
            case "tool-call-start":
                call = event.delta.message.tool_calls
                calls[event.index] = [call.id, call.function.name, call.function.arguments or ""]
            case "tool-call-delta":
                calls[event.index][2] += event.delta.message.tool_calls.function.arguments
            case "content-end" | "tool-call-end":
                assert event.index in (blocks if event.type == "content-end" else calls)
            case other:
                raise AssertionError(other)
    assert events[-1].type == "message-end"
    end = events[-1].delta
    return list(blocks.values()), list(calls.values()), plan, end.finish_reason, end.usage


class Ollama:
    """Chat."""

    name: ClassVar[str] = "ollama"
    face: ClassVar[str] = "ollama"

    def __init__(self, http: httpx.AsyncClient, home: str) -> None:
        # This client makes its own HTTP client; it takes over the transport of the given one.
        self.client: Any = ollama.AsyncClient(home, transport=http._transport)
        self.close = http.aclose

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
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
        if not stream:
            return self.seen([await self.client.chat(**fields)])
        return self.seen([each async for each in await self.client.chat(**fields, stream=True)])

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
