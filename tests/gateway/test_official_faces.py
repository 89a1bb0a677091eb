"""Official clients at the paths beside the usual ones: Azure's, text completions, Cohere's version 1, Ollama's."""

from __future__ import annotations

import asyncio
from typing import Any

import cohere
import httpx
import ollama
import openai
import pytest

from tests.gateway.conftest import Open
from understudy.emulator import Fault
from understudy.gateway import Gateway, catalogue

CAPITAL: Any = [{"role": "user", "content": "What is the capital of France?"}]
TEXT = "The capital is Paris."
HOME = "http://localhost"


def over(gateway: Gateway) -> httpx.AsyncClient:
    """Return an HTTP client whose requests the gateway answers, in this process."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(gateway), base_url=HOME)


@pytest.fixture(params=["dated", "v1"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def azure(gateway: Gateway, version: str, **options: Any) -> openai.AsyncOpenAI:
    """Return Azure's client of a dated version of the API, or OpenAI's at the paths of the current one."""
    if version == "v1":
        return openai.AsyncOpenAI(base_url=f"{HOME}/openai/v1", api_key="any", http_client=over(gateway))
    return openai.AsyncAzureOpenAI(
        azure_endpoint=HOME, api_version="2024-10-21", api_key="any", http_client=over(gateway), **options
    )


async def test_azures_client(opened: Open, version: str) -> None:
    _, emulator, gateway = await opened("anthropic", "openai")
    client = azure(gateway, version)
    answer = await client.chat.completions.create(model="anthropic", messages=CAPITAL)
    assert answer.choices[0].message.content == TEXT
    chunks = await client.chat.completions.create(model="anthropic", messages=CAPITAL, stream=True)
    assert "".join([each.choices[0].delta.content or "" async for each in chunks if each.choices]) == TEXT
    response = await client.responses.create(model="anthropic", input=CAPITAL)
    assert response.output_text == TEXT
    vectors = await client.embeddings.create(model="openai/text-embedding-3-small", input=["one", "two"])
    assert len(vectors.data) == 2
    text = await client.completions.create(model="anthropic", prompt=CAPITAL[0]["content"])
    assert text.choices[0].text == TEXT
    assert any(each.id.startswith("anthropic/") for each in (await client.models.list()).data)
    assert len(emulator.requests("anthropic")) >= 4


async def test_the_deployment_in_the_path_prevails(opened: Open) -> None:
    _, emulator, gateway = await opened("openai", "anthropic")
    client = azure(gateway, "dated", azure_deployment="anthropic")
    answer = await client.chat.completions.create(model="gpt-4.1", messages=CAPITAL)
    assert answer.choices[0].message.content == TEXT
    assert not emulator.requests("openai")


async def test_text_completions_of_openais_client(opened: Open) -> None:
    _, _, gateway = await opened("google")
    client = openai.AsyncOpenAI(base_url=f"{HOME}/v1", api_key="any", http_client=over(gateway), max_retries=0)
    asked: Any = {"model": "google", "prompt": CAPITAL[0]["content"]}
    whole = await client.completions.create(**asked)
    assert (whole.choices[0].text, whole.choices[0].finish_reason) == (TEXT, "stop")
    assert whole.usage is not None
    stream = await client.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    chunks = [each async for each in stream]
    assert "".join(choice.text for each in chunks for choice in each.choices) == TEXT
    assert chunks[-1].usage == whole.usage
    with pytest.raises(openai.BadRequestError, match="token ids are not supported"):
        await client.completions.create(model="google", prompt=[464, 3139])
    with pytest.raises(openai.NotFoundError):
        await client.completions.create(model="unknown-one", prompt="hi")


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")  # of its own code
@pytest.mark.parametrize(
    "provider", ["openai/text-embedding-3-small", "cohere/embed-v4.0", "google/gemini-embedding-001"]
)
async def test_version_1_of_coheres_client(provider: str, opened: Open) -> None:
    _, _, gateway = await opened("openai", "cohere", "google")
    client = cohere.AsyncClient("any", base_url=HOME, httpx_client=over(gateway))
    plain: Any = await client.embed(texts=["one", "two"], model=provider, input_type="search_document")
    assert plain.response_type == "embeddings_floats"
    assert len(plain.embeddings) == 2
    typed: Any = await client.embed(
        texts=["one", "two"], model=provider, input_type="search_document", embedding_types=["float"]
    )
    assert typed.response_type == "embeddings_by_type"
    assert len(typed.embeddings.float_) == 2
    with pytest.raises(cohere.errors.NotFoundError):
        await client.embed(texts=["one"], model="unknown-one")


async def test_what_ollamas_clients_ask_before_a_chat(opened: Open) -> None:
    caller, _, gateway = await opened("anthropic", "ollama", routes=[{"name": "main", "targets": ["anthropic"]}])
    client = ollama.AsyncClient(HOME, transport=httpx.ASGITransport(gateway))
    assert "main" in [each.model for each in (await client.list()).models]
    assert (await client.ps()).models == []
    for name in ("main", "main:latest", "anthropic"):
        shown: Any = await client.show(name)
        assert "tools" in shown.capabilities
        assert shown.modelinfo["general.architecture"]
    assert tuple(map(int, (await caller.get("/api/version")).json["version"].split("."))) >= (0, 6, 4)  # for VS Code
    assert (await caller.get("/", method="HEAD")).status == 200
    with pytest.raises(ollama.ResponseError, match="unknown-one"):
        await client.show("unknown-one")


async def test_the_list_of_models_does_not_wait_for_providers_that_hang(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claude Code gives up after three seconds."""
    assert catalogue.PATIENCE < 2.5
    monkeypatch.setattr(catalogue, "PATIENCE", 0.1)
    caller, emulator, _ = await opened("openai", "anthropic", gateway={"aliases": {"claude-main": "anthropic"}})
    for provider in ("openai", "anthropic"):
        emulator.script(provider, always=Fault.slow_headers())
    async with asyncio.timeout(30):
        answer = await caller.get("/v1/models?limit=1000", {"anthropic-version": "2023-06-01"})
        assert answer.json["data"][0]["id"] == "claude-main"
        while not emulator.requests("openai"):
            await asyncio.sleep(0.01)
