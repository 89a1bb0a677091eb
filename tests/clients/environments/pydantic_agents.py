"""pydantic-ai at four APIs. It performs the calls of tools, and sends their results, by itself."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any, ClassVar

from tests.clients.asking import ENOUGH, PNG, RESULT, Asked, Seen

_ENDS = {"stop": "stop", "tool_call": "tools", "length": "length"}


def _place() -> Any:
    """Return a type for answers. Its fields are those of `CITY`."""
    return import_module("pydantic").create_model("Place", city=(str, ...))


def _usage(run: Any) -> Any:
    """Return the tokens of a run, which are a method of one kind of run and a property of the other."""
    found: Any = run.usage
    return found() if callable(found) else found


class _Agents:
    """What agents have in common, whatever API their model speaks."""

    module: ClassVar[str]
    model: ClassVar[str]
    thinking: ClassVar[dict[str, Any]]

    def __init__(self, http: None, home: str, key: str) -> None:
        self.home = home
        self.key = key

    def provider(self) -> Any:
        """Return what makes the requests, once each."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing: its connections end with the program."""

    def agent(self, asked: Asked) -> Any:
        model = getattr(import_module(f"pydantic_ai.models.{self.module}"), self.model)
        settings = {"max_tokens": ENOUGH, **(self.thinking if asked.thinking else {})}
        agent = import_module("pydantic_ai").Agent(
            model(asked.model, provider=self.provider()),
            output_type=_place() if asked.schema else str,
            model_settings=settings,
            retries=0,
        )
        if asked.tool:

            def get_weather(city: str) -> str:
                """Tell the weather of a city."""
                return RESULT

            agent.tool_plain(get_weather)
        return agent

    def prompt(self, asked: Asked) -> Any:
        if not asked.image:
            return asked.text
        image = import_module("pydantic_ai").BinaryContent(data=base64.b64decode(PNG), media_type="image/png")
        return [asked.text, image]

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        agent, prompt = self.agent(asked), self.prompt(asked)
        if stream:
            async with agent.run_stream(prompt) as run:
                output, messages, usage = await run.get_output(), run.all_messages(), _usage(run)
        else:
            run = await agent.run(prompt)
            output, messages, usage = run.output, run.all_messages(), _usage(run)
        answers = [each for each in messages if each.kind == "response"]
        first = answers[0].parts
        return Seen(
            text=output.model_dump_json() if asked.schema else output,
            thinking="".join(part.content for part in first if part.part_kind == "thinking"),
            calls=tuple((part.tool_name, part.args_as_dict()) for part in first if part.part_kind == "tool-call"),
            finish=_ENDS.get(str(answers[-1].finish_reason), str(answers[-1].finish_reason)),
            usage=(usage.input_tokens, usage.output_tokens),
        )

    async def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        async with self.agent(asked).run_stream(self.prompt(asked)) as run:
            async for piece in run.stream_text(delta=True, debounce_by=None):
                yield piece

    async def count(self, model: str) -> int:
        raise NotImplementedError

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        embeddings = import_module("pydantic_ai.embeddings.openai").OpenAIEmbeddingModel(
            model, provider=self.provider()
        )
        found = await import_module("pydantic_ai").Embedder(embeddings).embed_documents(texts)
        return [list(each) for each in found.embeddings]


class Chat(_Agents):
    module, model = "openai", "OpenAIChatModel"
    thinking: ClassVar[dict[str, Any]] = {"openai_reasoning_effort": "low"}

    def provider(self) -> Any:
        client = import_module("openai").AsyncOpenAI(base_url=f"{self.home}/v1", api_key=self.key, max_retries=0)
        return import_module("pydantic_ai.providers.openai").OpenAIProvider(openai_client=client)


class Responses(Chat):
    model = "OpenAIResponsesModel"
    thinking: ClassVar[dict[str, Any]] = {"openai_reasoning_effort": "low", "openai_reasoning_summary": "auto"}


class Messages(_Agents):
    module, model = "anthropic", "AnthropicModel"
    thinking: ClassVar[dict[str, Any]] = {"anthropic_thinking": {"type": "enabled", "budget_tokens": 1024}}

    def provider(self) -> Any:
        client = import_module("anthropic").AsyncAnthropic(base_url=self.home, api_key=self.key, max_retries=0)
        return import_module("pydantic_ai.providers.anthropic").AnthropicProvider(anthropic_client=client)


class Gemini(_Agents):
    module, model = "google", "GoogleModel"
    thinking: ClassVar[dict[str, Any]] = {"google_thinking_config": {"include_thoughts": True, "thinking_budget": 1024}}

    def provider(self) -> Any:
        return import_module("pydantic_ai.providers.google").GoogleProvider(base_url=self.home, api_key=self.key)
