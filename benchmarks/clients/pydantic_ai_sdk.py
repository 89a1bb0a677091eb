"""pydantic-ai's model requests (`pydantic_ai.direct`), without an agent around them."""

from __future__ import annotations

from typing import Any

from pydantic_ai.direct import (  # type: ignore[import-not-found,unused-ignore]
    model_request,
    model_request_stream,
)
from pydantic_ai.messages import (  # type: ignore[import-not-found,unused-ignore]
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters  # type: ignore[import-not-found,unused-ignore]
from pydantic_ai.models.openai import OpenAIChatModel  # type: ignore[import-not-found,unused-ignore]
from pydantic_ai.providers.openai import OpenAIProvider  # type: ignore[import-not-found,unused-ignore]
from pydantic_ai.tools import ToolDefinition  # type: ignore[import-not-found,unused-ignore]

from benchmarks.answers import MODEL


class PydanticAI:
    """The client."""

    def __init__(self, base_url: str) -> None:
        self._model: Any = OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=base_url, api_key="test-key"))

    def prepare(self, request: dict[str, Any]) -> Any:
        functions = (each["function"] for each in request.get("tools", ()))
        tools = [
            ToolDefinition(
                name=each["name"], description=each["description"], parameters_json_schema=each["parameters"]
            )
            for each in functions
        ]
        names: dict[str, str] = {}
        messages = [_message(each, names) for each in request["messages"]]
        return messages, ModelRequestParameters(function_tools=tools)

    async def plain(self, prepared: Any) -> int:
        messages, parameters = prepared
        answer = await model_request(self._model, messages, model_request_parameters=parameters)
        return sum(len(part.content) for part in answer.parts if part.part_kind == "text")

    async def streamed(self, prepared: Any) -> int:
        messages, parameters = prepared
        events = 0
        async with model_request_stream(self._model, messages, model_request_parameters=parameters) as stream:
            async for _ in stream:
                events += 1
        return events

    async def close(self) -> None:
        return None


def _message(message: dict[str, Any], names: dict[str, str]) -> Any:
    """Return a message. `names` are those of the tools that were called, by the id of the call."""
    match message:
        case {"role": "system", "content": text}:
            return ModelRequest(parts=[SystemPromptPart(content=text)])
        case {"role": "user", "content": text}:
            return ModelRequest(parts=[UserPromptPart(content=text)])
        case {"role": "tool", "content": text, "tool_call_id": call_id}:
            return ModelRequest(parts=[ToolReturnPart(tool_name=names[call_id], content=text, tool_call_id=call_id)])
    calls = [(each["id"], each["function"]) for each in message["tool_calls"]]
    names.update((call_id, function["name"]) for call_id, function in calls)
    parts = [ToolCallPart(tool_name=each["name"], args=each["arguments"], tool_call_id=call) for call, each in calls]
    return ModelResponse(parts=parts)


def client(base_url: str) -> PydanticAI:
    return PydanticAI(base_url)
