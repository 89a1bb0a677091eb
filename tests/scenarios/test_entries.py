"""What an entry of the configuration says reaches the wire."""

from __future__ import annotations

import pytest

import understudy as u
from understudy.domain.prices import PriceQuery
from understudy.emulator import Emulator


async def test_anthropics_older_version_by_option() -> None:
    async with Emulator(("anthropic",)) as emulator:
        config = u.ProviderConfig(
            provider="anthropic",
            base_url=emulator.url("anthropic"),
            api_key=u.Secret(emulator.key),
            text_model="claude-haiku-4-5",
            temperature=0.5,
            api_version="2023-06-01",
        )
        async with u.create_provider(config) as older:
            await older.generate("hi")
            assert older.configuration_warnings() == []
        (request,) = emulator.requests("anthropic")
        assert request.headers["anthropic-version"] == "2023-06-01"
        assert request.body["temperature"] == 0.5


async def test_a_configured_value_that_the_model_refuses_is_left_out_and_check_can_tell() -> None:
    async with Emulator(("anthropic",)) as emulator:
        config = u.ProviderConfig(
            provider="anthropic", base_url=emulator.url("anthropic"), api_key=u.Secret(emulator.key), temperature=0.5
        )
        async with u.create_provider(config) as current:
            response = await current.generate("hi")
            asked = await current.generate("hi", temperature=0.5)
            assert [warning.what for warning in current.configuration_warnings()] == ["temperature"]
        assert response.warnings == ()
        assert [warning.what for warning in asked.warnings] == ["temperature"]
        assert all("temperature" not in request.body for request in emulator.requests("anthropic"))


async def test_openais_organisation_and_project_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-2")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-2")
    async with Emulator(("openai",)) as emulator:
        config = u.ProviderConfig(
            provider="openai", base_url=emulator.url("openai"), api_key=u.Secret(emulator.key), text_model="gpt-4o-mini"
        )
        async with u.create_provider(config) as llm:
            await llm.generate("hi")
        (request,) = emulator.requests("openai")
    assert (request.headers["openai-organization"], request.headers["openai-project"]) == ("org-2", "proj-2")


async def test_headers_and_extra_fields_of_an_entry_are_sent() -> None:
    async with Emulator(("openai",)) as emulator:
        config = u.ProviderConfig(
            provider="openai",
            base_url=emulator.url("openai"),
            api_key=u.Secret(emulator.key),
            headers={"OpenAI-Organization": "org-1"},
            extra={"store": True},
            max_tokens=77,
        )
        async with u.create_provider(config) as llm:
            response = await llm.generate("hi", extra={"openai": {"store": False}})
        (request,) = emulator.requests("openai")
        assert request.headers["openai-organization"] == "org-1"
        assert request.body["store"] is False
        assert request.body["max_completion_tokens"] == 77
        assert request.headers["x-client-request-id"] == response.attempts[0].attempt_id


@pytest.mark.parametrize(
    ("base_url", "free"), [(None, True), ("http://gpu-box:11434", True), ("https://ollama.com", False)]
)
def test_ollama_is_free_except_in_its_cloud(base_url: str | None, free: bool) -> None:
    llm = u.create_provider(u.ProviderConfig(provider="ollama", base_url=base_url, text_model="llama3.2"))
    cost = llm.backend.cost_of(PriceQuery(usage=u.Usage(input=10, output=10), model=llm.text_model))
    assert (cost is not None) is free
    assert cost is None or cost.amount == u.Money(0)


async def test_a_provider_alone_takes_its_own_name_as_a_model_too() -> None:
    async with Emulator(("openai",)) as emulator:
        config = u.ProviderConfig(
            provider="openai", name="mine", base_url=emulator.url("openai"), api_key=u.Secret(emulator.key)
        )
        async with u.create_provider(config) as llm:
            for model in ("mine", "mine/gpt-4o-mini", "gpt-4o-mini"):
                await llm.generate("hi", model=model)
        asked = [request.body["model"] for request in emulator.requests("openai")]
    assert asked == [llm.text_model, "gpt-4o-mini", "gpt-4o-mini"]
