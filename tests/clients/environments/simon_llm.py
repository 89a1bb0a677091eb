"""Simon Willison's llm at both of OpenAI's APIs. It performs the calls of tools by itself."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any, ClassVar

from tests.clients.asking import CITY, PNG, RESULT, Asked, Seen


def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return RESULT


class Chat:
    """A model as `extra-openai-models.yaml` makes it."""

    kind: ClassVar[str] = "AsyncChat"

    def __init__(self, http: None, home: str, key: str) -> None:
        self.home = home
        self.key = key
        self.llm: Any = import_module("llm")

    async def close(self) -> None:
        """Nothing: its connections end with the program."""

    def model(self, asked: Asked) -> Any:
        kind = getattr(import_module("llm.default_plugins.openai_models"), self.kind)
        able = {"supports_schema": True, "supports_tools": True, "vision": True, "reasoning": asked.thinking}
        model = kind("tried", model_name=asked.model, api_base=f"{self.home}/v1", **able)
        connect = model.get_client
        # It has no option against retries, for which the client beneath waits as long as it is told.
        model.get_client = lambda *arguments, **options: connect(*arguments, **options).with_options(max_retries=0)
        return model

    def options(self, asked: Asked) -> dict[str, Any]:
        options: dict[str, Any] = {"key": self.key}
        if asked.thinking:
            options["options"] = {"reasoning_effort": "low"}
        if asked.schema:
            options["schema"] = CITY
        if asked.image:
            options["attachments"] = [self.llm.Attachment(type="image/png", content=base64.b64decode(PNG))]
        return options

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        model, options = self.model(asked), self.options(asked)
        if not asked.tool:
            response = model.prompt(asked.text, stream=stream, **options)
            text = await response.text()
            return await self.seen([response], text)
        chain = model.chain(asked.text, tools=[get_weather], stream=stream, **options)
        responses = [each async for each in chain.responses()]
        return await self.seen(responses, await responses[-1].text())

    async def seen(self, responses: list[Any], text: str) -> Seen:
        usages = [await each.usage() for each in responses]
        calls = [call for each in responses for call in await each.tool_calls()]
        parts = [part for message in await responses[0].messages() for part in message.parts]
        return Seen(
            text=text,
            thinking="".join(part.text for part in parts if type(part).__name__ == "ReasoningPart"),
            calls=tuple((each.name, each.arguments) for each in calls),
            finish="stop",
            usage=(sum(each.input or 0 for each in usages), sum(each.output or 0 for each in usages)),
        )

    async def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        async for piece in self.model(asked).prompt(asked.text, **self.options(asked)):
            if piece:
                yield piece


class Responses(Chat):
    """The same model at the Responses API."""

    kind: ClassVar[str] = "AsyncResponses"
