"""A provider type of a user's own file or program, at work."""

from __future__ import annotations

from typing import Any

import pytest

import understudy as u
from understudy.client.manager import ProviderManager, from_loaded
from understudy.client.provider import Provider
from understudy.config import parse
from understudy.domain.operation import Operation
from understudy.emulator import Emulator, Fault
from understudy.providers.base import ProviderRow


def configuration(emulator: Emulator, lines: str = "") -> str:
    return f"""\
[llm.provider_types.acme]
dialect = "openai"
base_url = "{emulator.url("openai")}"
key_variable = "ACME_API_KEY"
{lines}
[[llm.providers]]
provider = "acme"
text_model = "gpt-5"
embedding_model = "text-embedding-3-small"
"""


async def test_it_answers_streams_embeds_lists_and_is_checked() -> None:
    async with Emulator(("openai",)) as emulator:
        config = parse(configuration(emulator), environ={"ACME_API_KEY": emulator.key})
        async with from_loaded(config) as llm:
            assert isinstance(llm, Provider)
            assert (llm.provider_type, llm.name) == ("acme", "acme")
            response = await llm.generate("What is the capital of France?")
            assert "Paris" in response.text
            assert [(each.provider, each.provider_type) for each in response.attempts] == [("acme", "acme")]
            assert "Paris" in "".join([text async for text in llm.stream("What is the capital of France?").text()])
            assert (await llm.embed("x")).embedding
            assert await llm.list_models()
            assert (await llm.health_check()).ok


async def test_it_stands_beside_built_in_ones_and_its_own_rules_are_read() -> None:
    rule = '[[llm.provider_types.acme.error_rules]]\nkind = "billing"\nstatus = 418\n'
    async with Emulator(("openai", "anthropic")) as emulator:
        emulator.script("openai", always=Fault.status(418))
        backup = (
            f'[[llm.providers]]\nprovider = "anthropic"\nbase_url = "{emulator.url("anthropic")}"\n'
            f'api_key = "{emulator.key}"\ntext_model = "claude-haiku-4-5"\n'
        )
        config = parse(configuration(emulator, rule) + backup, environ={"ACME_API_KEY": emulator.key})
        async with from_loaded(config) as llm:
            assert isinstance(llm, ProviderManager)
            response = await llm.generate("hi")
    assert response.provider == "anthropic"
    failure = response.attempts[0].failure
    assert failure is not None
    assert failure.kind is u.FailureKind.BILLING


async def test_an_endpoint_that_streams_badly_is_asked_plainly() -> None:
    """Also while another target is left, which is when whole answers are streamed inside otherwise."""
    async with Emulator(("openai",)) as emulator:
        second = '[[llm.providers]]\nprovider = "acme"\nname = "second"\ntext_model = "gpt-5"\n'
        for lines, streamed in (("", True), ("quirks.whole_streams = false\n", False)):
            config = parse(configuration(emulator, lines) + second, environ={"ACME_API_KEY": emulator.key})
            async with from_loaded(config) as llm:
                await llm.generate("What is the capital of France?")
            body: Any = emulator.requests("openai")[-1].body
            assert bool(body.get("stream")) is streamed


async def test_an_operation_that_it_lacks_is_unsupported() -> None:
    async with Emulator(("openai",)) as emulator:
        lines = 'title = "Acme AI"\noperations = { embed = false }\n'
        config = parse(configuration(emulator, lines), environ={"ACME_API_KEY": emulator.key})
        async with from_loaded(config) as llm:
            with pytest.raises(u.Unsupported, match="Acme AI does not support the operation embed"):
                await llm.embed("x")


async def test_key_and_headers_go_as_the_type_says() -> None:
    async with Emulator(("anthropic",)) as emulator:
        text = f"""\
[llm.provider_types.acme]
dialect = "anthropic"
base_url = "{emulator.url("anthropic")}"
key_variable = "ACME_API_KEY"
header = "x-api-key"
headers = {{ anthropic-version = "2023-06-01" }}
[[llm.providers]]
provider = "acme"
text_model = "claude-haiku-4-5"
"""
        config = parse(text, environ={"ACME_API_KEY": emulator.key})
        async with from_loaded(config) as llm:
            assert (await llm.generate("hi")).text
        (request,) = emulator.requests("anthropic")
    assert request.operation == "chat"


async def test_a_row_of_a_users_own_program(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Emulator(("openai",)) as emulator:
        row = ProviderRow(
            type="acme",
            title="Acme AI",
            base_url=emulator.url("openai"),
            dialects={Operation.CHAT: "openai"},
            key_variables=("ACME_API_KEY",),
            text_model="gpt-5",
        )
        monkeypatch.setenv("ACME_API_KEY", emulator.key)
        async with u.create_provider(u.ProviderConfig(provider="acme"), row=row) as llm:
            assert (await llm.generate("hi")).provider == "acme"


def test_without_its_row_the_type_is_unknown() -> None:
    with pytest.raises(u.ConfigError, match="unknown provider 'acme'"):
        u.create_provider(u.ProviderConfig(provider="acme"))
