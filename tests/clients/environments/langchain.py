"""LangChain's chat models, one for each API: the same messages for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any, ClassVar

from tests.clients.asking import ENOUGH, PNG, RESULT, Asked, Seen

_ENDS = {
    "stop": "stop", "end_turn": "stop", "complete": "stop", "completed": "stop", "length": "length",
    "tool_calls": "tools", "tool_use": "tools", "tool_call": "tools",
}  # fmt: skip


def _tool() -> Any:
    """Return the tool as programs write it."""

    def get_weather(city: str) -> str:
        """Tell the weather of a city."""
        return RESULT

    return import_module("langchain_core.tools").StructuredTool.from_function(get_weather)


class _LangChain:
    """What all of them have in common."""

    package: ClassVar[str]
    chat: ClassVar[str]
    vectors: ClassVar[str] = ""

    def __init__(self, http: None, home: str, key: str) -> None:
        self.home = home
        self.key = key

    def options(self, asked: Asked) -> dict[str, Any]:
        """Return how the chat model is made."""
        raise NotImplementedError

    def model(self, asked: Asked) -> Any:
        kind = getattr(import_module(self.package), self.chat)
        return kind(model=asked.model, **self.options(asked))

    async def close(self) -> None:
        """Nothing: its connections end with the program."""

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        model = self.model(asked)
        if asked.schema:
            return await self._shaped(model, asked, stream=stream)
        if asked.tool:
            model = model.bind_tools([_tool()])
        if not stream:
            return self.seen(await model.ainvoke(self.messages(asked)))
        whole: Any = None
        async for piece in model.astream(self.messages(asked)):
            whole = piece if whole is None else whole + piece
        return self.seen(whole)

    async def _shaped(self, model: Any, asked: Asked, *, stream: bool) -> Seen:
        """Ask for a schema in the way that each integration prefers."""
        from pydantic import BaseModel

        class Place(BaseModel):
            """A place."""

            city: str

        shaped = model.with_structured_output(Place)
        if not stream:
            found = await shaped.ainvoke(self.messages(asked))
        else:
            found = [each async for each in shaped.astream(self.messages(asked))][-1]
        return Seen(text=found.model_dump_json(), finish="stop")

    async def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        async for piece in self.model(asked).astream(self.messages(asked)):
            if piece.text:
                yield piece

    def messages(self, asked: Asked) -> list[Any]:
        content: Any = asked.text
        if asked.image:
            content = [{"type": "text", "text": asked.text}, self.image()]
        return [import_module("langchain_core.messages").HumanMessage(content), *asked.before]

    def image(self) -> dict[str, Any]:
        """Return a picture as a block of content."""
        return {"type": "image", "base64": PNG, "mime_type": "image/png"}

    def seen(self, message: Any) -> Seen:
        about, usage = message.response_metadata, message.usage_metadata or {}
        names = ("finish_reason", "stop_reason", "done_reason", "status")
        finish = str(next((about[name] for name in names if about.get(name)), "")).lower()
        end = "tools" if message.tool_calls and _ENDS.get(finish) == "stop" else _ENDS.get(finish, finish)
        thoughts = [each for each in message.content_blocks if each["type"] == "reasoning"]
        result = import_module("langchain_core.messages").ToolMessage
        results = [result(RESULT, tool_call_id=each["id"], name=each["name"]) for each in message.tool_calls]
        return Seen(
            text=message.text,
            thinking="".join(each.get("reasoning", "") for each in thoughts),
            calls=tuple((each["name"], each["args"]) for each in message.tool_calls),
            finish=end,
            usage=(usage.get("input_tokens", 0), usage.get("output_tokens", 0)),
            turn=[message, *results],
        )

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        kind = getattr(import_module(self.package), self.vectors)
        found: list[list[float]] = await kind(model=model, **self.embedding_options()).aembed_documents(texts)
        return found

    def embedding_options(self) -> dict[str, Any]:
        return self.options(Asked())

    async def count(self, model: str) -> int:
        return int(
            self.model(Asked(model=model)).get_num_tokens_from_messages(self.messages(Asked(text="hello there")))
        )


class ChatCompletions(_LangChain):
    package, chat, vectors = "langchain_openai", "ChatOpenAI", "OpenAIEmbeddings"

    def options(self, asked: Asked) -> dict[str, Any]:
        options: dict[str, Any] = {"base_url": f"{self.home}/v1", "api_key": self.key, "max_retries": 0}
        return options | ({"reasoning_effort": "low"} if asked.thinking else {})

    def model(self, asked: Asked) -> Any:
        return import_module(self.package).ChatOpenAI(model=asked.model, stream_usage=True, **self.options(asked))

    def embedding_options(self) -> dict[str, Any]:
        # Else it sends numbers of tokens, as only OpenAI's models count them.
        return {**self.options(Asked()), "check_embedding_ctx_length": False}


class Responses(ChatCompletions):
    def options(self, asked: Asked) -> dict[str, Any]:
        options = {**super().options(Asked()), "use_responses_api": True}
        return options | ({"reasoning": {"effort": "low", "summary": "auto"}} if asked.thinking else {})

    def embedding_options(self) -> dict[str, Any]:
        return {**super().options(Asked()), "check_embedding_ctx_length": False}


class Messages(_LangChain):
    package, chat = "langchain_anthropic", "ChatAnthropic"

    def options(self, asked: Asked) -> dict[str, Any]:
        options: dict[str, Any] = {"base_url": self.home, "api_key": self.key, "max_retries": 0, "max_tokens": ENOUGH}
        return options | ({"thinking": {"type": "enabled", "budget_tokens": 1024}} if asked.thinking else {})


class Gemini(_LangChain):
    package, chat, vectors = "langchain_google_genai", "ChatGoogleGenerativeAI", "GoogleGenerativeAIEmbeddings"

    def options(self, asked: Asked) -> dict[str, Any]:
        # One attempt: zero stands for its default.
        options: dict[str, Any] = {"base_url": self.home, "google_api_key": self.key, "max_retries": 1}
        return options | ({"include_thoughts": True, "thinking_budget": 1024} if asked.thinking else {})

    def embedding_options(self) -> dict[str, Any]:
        return {"base_url": self.home, "google_api_key": self.key}


class Ollama(_LangChain):
    package, chat, vectors = "langchain_ollama", "ChatOllama", "OllamaEmbeddings"

    def options(self, asked: Asked) -> dict[str, Any]:
        headers = {"headers": {"authorization": f"Bearer {self.key}"}}
        options: dict[str, Any] = {"base_url": self.home, "client_kwargs": headers}
        return options | ({"reasoning": True} if asked.thinking else {})


class Cohere(_LangChain):
    package, chat, vectors = "langchain_cohere", "ChatCohere", "CohereEmbeddings"

    def options(self, asked: Asked) -> dict[str, Any]:
        # It has no option against retries, for which the client beneath waits as long as it is told.
        beneath: Any = import_module("cohere.core.http_client")
        beneath._should_retry = lambda response: False
        return {"base_url": self.home, "cohere_api_key": self.key}

    def image(self) -> dict[str, Any]:
        return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}

    def embedding_options(self) -> dict[str, Any]:
        return {**self.options(Asked()), "max_retries": 1}
