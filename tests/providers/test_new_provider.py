"""A new OpenAI-compatible provider is one row of at most eight lines, in the package or in TOML: both as the page on
adding a provider shows them, at work."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import pytest

import understudy as u
from understudy import providers
from understudy.client.manager import from_loaded
from understudy.config import parse
from understudy.emulator import Emulator, Fault
from understudy.providers import ProviderType

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-provider.md").read_text(encoding="utf-8")
ADDRESS = "https://api.example.com/v1"
MODEL = "gpt-4.1-mini"


def block(language: str, *words: str) -> str:
    """Return the last of the page's code blocks that holds these words."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str([text for text in found if all(word in text for word in words)][-1])


IN_TOML = block("toml", "provider_types.example")
IN_THE_PACKAGE = block("python", "ROW = ProviderRow(", "Operation.EMBED")


def test_it_is_at_most_eight_lines() -> None:
    (row,) = re.findall(r"^ROW = ProviderRow\(\n.*?^\)$", IN_THE_PACKAGE, re.DOTALL | re.MULTILINE)
    assert len(row.splitlines()) <= 8
    assert len([line for line in IN_TOML.splitlines() if line.strip()]) <= 8


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(("openai",)) as running:
        yield running


@pytest.fixture
def in_the_package(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the row where the page says: a module, and its line in `ProviderType`."""
    module = ModuleType("understudy.providers.example")
    exec(IN_THE_PACKAGE.replace(ADDRESS, emulator.url("openai")), module.__dict__)
    member = str.__new__(ProviderType, "example")
    member._name_, member._value_ = "EXAMPLE", "example"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(ProviderType, "_member_names_", [*ProviderType.__members__, "EXAMPLE"])
    monkeypatch.setitem(ProviderType._member_map_, "EXAMPLE", member)
    monkeypatch.setitem(ProviderType._value2member_map_, "example", member)
    monkeypatch.setenv("EXAMPLE_API_KEY", emulator.key)


@asynccontextmanager
async def of_a_file(emulator: Emulator, text: str) -> AsyncIterator[u.LLMProvider]:
    config = parse(text.replace(ADDRESS, emulator.url("openai")), environ={"EXAMPLE_API_KEY": emulator.key})
    async with from_loaded(config) as llm:
        yield llm


ENTRY = f'[[llm.providers]]\nprovider = "example"\ntext_model = "{MODEL}"\nembedding_model = "text-embedding-3-small"\n'


async def works(llm: u.LLMProvider, emulator: Emulator) -> None:
    response = await llm.generate("What is the capital of France?", model=MODEL)
    assert response.text == "The capital is Paris."
    assert (response.provider, response.attempts[0].provider_type) == ("example", "example")
    stream = llm.stream("What is the capital of France?", model=MODEL)
    assert "".join([event.text async for event in stream if isinstance(event, u.TextDelta)]) == response.text
    assert len((await llm.embed(["one", "two"], model="text-embedding-3-small")).embeddings) == 2
    assert MODEL in [model.id for model in await llm.list_models()]
    assert await llm.is_model_available(MODEL)
    assert (await llm.health_check()).reachable
    with pytest.raises(u.Unsupported, match="count_tokens"):
        await llm.count_tokens("hello")
    emulator.script("openai", [Fault.error(u.FailureKind.BILLING)])
    with pytest.raises(u.Refused):
        await llm.generate("hello", model=MODEL)


async def test_a_row_in_a_file_is_a_provider(emulator: Emulator) -> None:
    async with of_a_file(emulator, IN_TOML) as llm:
        await works(llm, emulator)


@pytest.mark.usefixtures("in_the_package")
async def test_a_row_in_the_package_is_a_provider(emulator: Emulator) -> None:
    async with u.create_provider(u.ProviderConfig(provider="example", text_model=MODEL)) as llm:
        await works(llm, emulator)


@pytest.mark.usefixtures("in_the_package")
async def test_a_row_in_the_package_is_known_to_the_configuration(emulator: Emulator) -> None:
    async with of_a_file(emulator, ENTRY) as llm:
        await works(llm, emulator)


@pytest.mark.usefixtures("in_the_package")
def test_a_row_in_the_package_is_found_by_its_key(emulator: Emulator) -> None:
    assert providers.row("example").base_url == emulator.url("openai")
    assert "example" in providers.types()


def test_aliases_lead_to_their_provider() -> None:
    for kind in ProviderType:
        assert {ProviderType(alias.upper()) for alias in (*kind.aliases, kind.value)} == {kind}
