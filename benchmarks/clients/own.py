"""This library, with a second target to fall back to, and its records.

Answers in one piece are asked for as such: while another target is left they are streamed inside by default, so that a
stall is noticed, which the others do not do.
"""

from __future__ import annotations

from typing import Any

import msgspec

import understudy as u
from benchmarks.answers import MODEL


class Prepared(msgspec.Struct):
    """A request as this library takes it."""

    messages: list[u.Message]
    tools: list[u.Tool]


class Own:
    """The client."""

    def __init__(self, base_url: str) -> None:
        entry = u.ProviderConfig(provider="openai", base_url=base_url, api_key=u.Secret("test-key"), text_model=MODEL)
        second = msgspec.structs.replace(entry, name="backup", priority=20)
        fallback = u.FallbackConfig(whole="plain")
        self._manager = u.ProviderManager([u.create_provider(entry), u.create_provider(second)], fallback)

    def prepare(self, request: dict[str, Any]) -> Any:
        functions = (each["function"] for each in request.get("tools", ()))
        return Prepared([_message(each) for each in request["messages"]], [u.Tool(**each) for each in functions])

    async def plain(self, prepared: Any) -> int:
        return len((await self._manager.generate(prepared.messages, tools=prepared.tools)).text)

    async def streamed(self, prepared: Any) -> int:
        events = 0
        async for _ in self._manager.stream(prepared.messages, tools=prepared.tools):
            events += 1
        return events

    async def close(self) -> None:
        await self._manager.aclose()


def _message(message: dict[str, Any]) -> u.Message:
    match message:
        case {"role": "system", "content": text}:
            return u.Message.system(text)
        case {"role": "user", "content": text}:
            return u.Message.user(text)
        case {"role": "tool", "content": text, "tool_call_id": call_id}:
            return u.Message.tool(u.ToolResult(call_id=call_id, content=text))
    calls = ((each["id"], each["function"]) for each in message["tool_calls"])
    return u.Message.assistant([u.ToolCall(id=call_id, **function) for call_id, function in calls])


def client(base_url: str) -> Own:
    return Own(base_url)
