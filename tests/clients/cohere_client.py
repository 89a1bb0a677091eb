"""Cohere's client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, ClassVar

import cohere

from tests.clients.asking import CITY, RESULT, TOOLS, Asked, Seen, messages_of

if TYPE_CHECKING:
    import httpx


class Cohere:
    """Chat, version 2."""

    name: ClassVar[str] = "cohere"
    face: ClassVar[str] = "cohere"

    def __init__(self, http: httpx.AsyncClient | None, home: str, key: str = "any") -> None:
        self.client: Any = cohere.AsyncClientV2(
            api_key=key, base_url=home, httpx_client=http, max_retries=0, log_warning_experimental_features=False
        )

    async def close(self) -> None:
        """Nothing: its HTTP client is the caller's, or ends with the program."""

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        if stream:
            return self.seen(*_folded([each async for each in self.pieces(asked)]))
        answer = await self.client.chat(**self.fields(asked))
        message = answer.message
        blocks = [(each.type, getattr(each, each.type)) for each in message.content or []]
        calls = [(each.id, each.function.name, each.function.arguments) for each in message.tool_calls or []]
        return self.seen(blocks, calls, message.tool_plan or "", answer.finish_reason, answer.usage)

    async def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        async for event in self.client.chat_stream(**self.fields(asked)):
            yield event

    def fields(self, asked: Asked) -> dict[str, Any]:
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
        return fields

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
