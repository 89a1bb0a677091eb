"""instructor at four APIs: every answer is a value of a type, by a forced call of a tool or by a schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any, ClassVar

from tests.clients.asking import ENOUGH, PNG, Asked, Seen


class _Instructor:
    """What all of them have in common."""

    mode: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, http: None, home: str, key: str) -> None:
        self.home = home
        self.key = key
        self.instructor: Any = import_module("instructor")

    def client(self) -> Any:
        """Return the client of instructor over that of the vendor."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing: its connections end with the program."""

    def fields(self, asked: Asked) -> dict[str, Any]:
        form = import_module("pydantic").create_model("Place", city=(str, ...))
        content: Any = asked.text
        if asked.image:
            content = [asked.text, self.instructor.Image.from_base64(f"data:image/png;base64,{PNG}")]
        messages = [{"role": "user", "content": content}]
        return {"model": asked.model, "messages": messages, "response_model": form, "max_retries": 1, **self.options}

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        fields = self.fields(asked)
        if not stream:
            found = await self.client().create(**fields)
        else:
            found = None
            async for piece in self.client().create_partial(**fields):
                found = piece
        text = found.model_dump_json() if found is not None else ""
        return Seen(text=text, finish="stop", usage=(0, 0))

    async def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        async for piece in self.client().create_partial(**self.fields(asked)):
            yield piece


class Chat(_Instructor):
    mode = "TOOLS"

    def client(self) -> Any:
        own = import_module("openai").AsyncOpenAI(base_url=f"{self.home}/v1", api_key=self.key, max_retries=0)
        return self.instructor.from_openai(own, mode=self.instructor.Mode[self.mode])


class Schemas(Chat):
    mode = "JSON_SCHEMA"


class Responses(Chat):
    mode = "RESPONSES_TOOLS"


class Messages(_Instructor):
    mode = "ANTHROPIC_TOOLS"
    options: ClassVar[dict[str, Any]] = {"max_tokens": ENOUGH}

    def client(self) -> Any:
        own = import_module("anthropic").AsyncAnthropic(base_url=self.home, api_key=self.key, max_retries=0)
        return self.instructor.from_anthropic(own, mode=self.instructor.Mode[self.mode])


class Gemini(_Instructor):
    mode = "GENAI_TOOLS"

    def client(self) -> Any:
        genai = import_module("google.genai")
        own = genai.Client(api_key=self.key, http_options=genai.types.HttpOptions(base_url=self.home))
        return self.instructor.from_genai(own, mode=self.instructor.Mode[self.mode], use_async=True)
