"""OpenAI's agents at both of its APIs. They perform the calls of tools, and send their results, by themselves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any, ClassVar

from tests.clients.asking import PNG, RESULT, Asked, Seen


class Responses:
    """An agent over the Responses API."""

    kind: ClassVar[str] = "OpenAIResponsesModel"

    def __init__(self, http: None, home: str, key: str) -> None:
        self.agents: Any = import_module("agents")
        self.agents.set_tracing_disabled(True)
        self.client = import_module("openai").AsyncOpenAI(base_url=f"{home}/v1", api_key=key, max_retries=0)

    async def close(self) -> None:
        await self.client.close()

    def agent(self, asked: Asked) -> Any:
        model = getattr(self.agents, self.kind)(model=asked.model, openai_client=self.client)
        options: dict[str, Any] = {}
        if asked.tool:

            def get_weather(city: str) -> str:
                """Tell the weather of a city."""
                return RESULT

            options["tools"] = [self.agents.function_tool(get_weather)]
        if asked.schema:
            options["output_type"] = import_module("pydantic").create_model("Place", city=(str, ...))
        settings: dict[str, Any] = {"include_usage": True}
        if asked.thinking:
            settings["reasoning"] = import_module("openai.types.shared").Reasoning(effort="low", summary="auto")
        options["model_settings"] = self.agents.ModelSettings(**settings)
        return self.agents.Agent(name="tester", model=model, **options)

    def prompt(self, asked: Asked) -> Any:
        if not asked.image:
            return asked.text
        image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
        return [{"role": "user", "content": [{"type": "input_text", "text": asked.text}, image]}]

    async def ask(self, asked: Asked, *, stream: bool) -> Seen:
        agent, prompt = self.agent(asked), self.prompt(asked)
        if stream:
            run = self.agents.Runner.run_streamed(agent, prompt)
            async for _ in run.stream_events():
                pass
        else:
            run = await self.agents.Runner.run(agent, prompt)
        calls = [each.raw_item for each in run.new_items if each.type == "tool_call_item"]
        thoughts = [each.raw_item for each in run.new_items if each.type == "reasoning_item"]
        usage = run.context_wrapper.usage
        return Seen(
            text=run.final_output.model_dump_json() if asked.schema else run.final_output,
            thinking="".join(part.text for each in thoughts[:1] for part in each.summary or each.content or ()),
            calls=tuple((each.name, json.loads(each.arguments)) for each in calls),
            finish="stop",
            usage=(usage.input_tokens, usage.output_tokens),
        )

    async def pieces(self, asked: Asked) -> AsyncIterator[Any]:
        run = self.agents.Runner.run_streamed(self.agent(asked), self.prompt(asked))
        try:
            async for event in run.stream_events():
                if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                    yield event
        finally:
            run.cancel()  # the run is a task of its own


class Chat(Responses):
    """An agent over chat completions."""

    kind: ClassVar[str] = "OpenAIChatCompletionsModel"
