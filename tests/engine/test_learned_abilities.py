"""What a fetched list of models tells keeps requests away from those that cannot take them."""

from __future__ import annotations

from typing import Any

import pytest

import understudy as u
from tests.engine.fakes import Incoming, RecordingTransport
from understudy.wire.http import HttpRequest
from understudy.wire.json import encode

LISTS: dict[str, Any] = {
    "openai": {"data": [{"id": "m", "architecture": {"input_modalities": ["text"]}, "supports_tools": False}]},
    "anthropic": {"data": [{"type": "model", "id": "m", "capabilities": {"image_input": {"supported": False}}}]},
    "cohere": {"models": [{"name": "m", "endpoints": ["chat"], "features": ["json_schema"]}]},
    "ollama": {"models": [{"name": "m", "capabilities": ["completion"]}]},
}
CANNOT = {
    "openai": {"vision", "tools"},
    "anthropic": {"vision"},
    "cohere": {"vision", "tools"},
    "ollama": {"vision", "tools"},
}


class Lister(RecordingTransport):
    def __init__(self, models: Any) -> None:
        super().__init__()
        self._models = models

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        return Incoming("application/json", encode(self._models))


@pytest.mark.parametrize("kind", LISTS)
async def test_a_list_that_tells_what_a_model_cannot(kind: str) -> None:
    key = None if kind == "ollama" else u.Secret("k-1234567")
    config = u.ProviderConfig(provider=kind, name="first", api_key=key, text_model="m")
    blind = u.create_provider(config, transport=Lister(LISTS[kind]))
    second = u.ProviderConfig(provider="openai", name="second", api_key=u.Secret("k-1234567"), text_model="gpt-4o")
    llm = u.ProviderManager([blind, u.create_provider(second, transport=RecordingTransport())])
    picture = [u.Message.user((u.Image(data="eA==", media_type="image/png"), u.Text("?")))]
    tools = [u.Tool(name="t")]
    assert [step.target.name for step in llm.explain(picture).steps] == ["first", "second"], "unknown is allowed"
    (model,) = await blind.list_models()
    assert model.lacks >= CANNOT[kind]
    assert [step.target.name for step in llm.explain(picture).steps] == ["second"]
    expected = ["second"] if "tools" in CANNOT[kind] else ["first", "second"]
    assert [step.target.name for step in llm.explain("Hi", tools=tools).steps] == expected


async def test_usual_plans_learn_too() -> None:
    """A plan that was made before a list was fetched does not outlive what the list tells."""
    key = u.Secret("k-1234567")
    listed = {"data": [{"id": "m", "context_length": 1000}]}
    small = u.create_provider(
        u.ProviderConfig(provider="openai", name="small", api_key=key, text_model="m"),
        transport=ListsAndAnswers(listed),
    )
    other = u.ProviderConfig(provider="openai", name="other", api_key=key, text_model="gpt-4o")
    llm = u.ProviderManager([small, u.create_provider(other, transport=RecordingTransport())])
    long = "word " * 4000
    assert (await llm.generate(long)).provider == "small"
    await small.list_models()
    assert (await llm.generate(long)).provider == "other"
    assert (await llm.generate("Hi")).provider == "small"


class ListsAndAnswers(RecordingTransport):
    def __init__(self, models: Any) -> None:
        super().__init__()
        self._models = models

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        if request.method == "GET":
            return Incoming("application/json", encode(self._models))
        return await super().send(request, connect=connect)
