"""The yardstick: aiohttp, with as much decoding as an application needs, every chunk into typed structs of msgspec."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec


class Function(msgspec.Struct):
    """The function of a tool call, or a piece of one."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    """A tool call, or a piece of one."""

    index: int = 0
    id: str | None = None
    function: Function | None = None


class Message(msgspec.Struct):
    """A message, or a piece of one."""

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(msgspec.Struct):
    """A choice of a whole answer or of a chunk."""

    index: int
    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None


class Usage(msgspec.Struct):
    """The tokens of a call."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Answer(msgspec.Struct):
    """A whole answer, or a chunk."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None = None


class Bare:
    """The client."""

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url}/chat/completions"
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=512))
        self._headers = {"authorization": "Bearer test-key", "content-type": "application/json"}
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Answer).decode

    def prepare(self, request: dict[str, Any]) -> Any:
        return request

    async def plain(self, prepared: Any) -> int:
        async with self._session.post(self._url, data=self._encode(prepared), headers=self._headers) as response:
            response.raise_for_status()
            message = self._decode(await response.read()).choices[0].message
            return len(message.content or "") if message else 0

    async def streamed(self, prepared: Any) -> int:
        body = self._encode({**prepared, "stream": True})
        chunks, rest = 0, b""
        async with self._session.post(self._url, data=body, headers=self._headers) as response:
            response.raise_for_status()
            async for piece in response.content.iter_any():
                *events, rest = (rest + piece).split(b"\n\n")
                for event in events:
                    if event != b"data: [DONE]":
                        self._decode(event[6:])
                        chunks += 1
        return chunks

    async def close(self) -> None:
        await self._session.close()


def client(base_url: str) -> Bare:
    return Bare(base_url)
