"""Google's client."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, ClassVar

from google import genai
from google.genai import types

from tests.clients.asking import CITY, PNG, RESULT, TOOLS, Asked, Seen

if TYPE_CHECKING:
    import httpx


class Google:
    """Generate content."""

    name: ClassVar[str] = "google"
    face: ClassVar[str] = "gemini"

    def __init__(self, http: httpx.AsyncClient | None, home: str, key: str = "any") -> None:
        options = types.HttpOptions(base_url=home, httpx_async_client=http)
        self.client: Any = genai.Client(api_key=key, http_options=options)
        self.close = self.client.aio.aclose

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        if stream:
            return self.seen([each async for each in self.pieces(asked)])
        return self.seen([await self.client.aio.models.generate_content(**self.fields(asked))])

    async def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        async for piece in await self.client.aio.models.generate_content_stream(**self.fields(asked)):
            yield piece

    def fields(self, asked: Asked) -> dict[str, Any]:
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
            config["thinking_config"] = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
        if asked.limit:
            config["max_output_tokens"] = asked.limit
        return {
            "model": asked.model,
            "contents": [types.Content(role="user", parts=parts), *asked.before],
            "config": types.GenerateContentConfig(**config),
        }

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
