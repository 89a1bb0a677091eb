"""Results as plain data."""

from __future__ import annotations

import decimal
import json
from typing import Any

import msgspec
import pydantic
import pytest

import understudy as u
from understudy import blocking
from understudy.emulator import emulate


class City(pydantic.BaseModel):
    name: str
    area: decimal.Decimal = decimal.Decimal("1.5")


RESPONSE = u.GenerationResponse(
    message=u.Message.assistant((u.Text("Lisbon"), u.ToolCall(id="c1", name="weather"))),
    finish_reason=u.FinishReason.STOP,
    usage=u.Usage(input=3, output=4),
    cost=u.Cost(amount=u.Money(1500), source="a list"),
    parsed=City(name="Lisbon"),
    warnings=(u.Warning(u.WarningKind.DROPPED, "seed", "unknown here"),),
    raw=b"\xff",
)


def test_a_response_becomes_what_json_takes() -> None:
    plain = json.loads(json.dumps(RESPONSE.to_dict()))
    assert plain["text"] == "Lisbon"
    assert plain["tool_calls"] == [{"type": "tool_call", "id": "c1", "name": "weather"}]
    assert plain["finish_reason"] == "stop"
    assert plain["tokens_used"] == 7
    assert plain["usage"] == {"input": 3, "output": 4}
    assert plain["cost"]["amount"] == {"nano_usd": 1500}
    assert plain["parsed"] == {"name": "Lisbon", "area": "1.5"}
    assert plain["warnings"] == [{"kind": "dropped", "what": "seed", "why": "unknown here"}]
    assert "raw" not in plain
    assert dict(RESPONSE) == plain


def test_a_response_comes_back_from_its_plain_form() -> None:
    back = u.GenerationResponse[Any].from_dict(RESPONSE.to_dict())
    assert back == msgspec.structs.replace(RESPONSE, raw=None, parsed={"name": "Lisbon", "area": "1.5"})
    with pytest.raises(ValueError, match="message"):
        u.GenerationResponse.from_dict({})


def test_a_response_is_a_field_of_a_pydantic_model() -> None:
    class Page(pydantic.BaseModel):
        answer: u.GenerationResponse
        health: u.HealthStatus | None = None

    page = Page(answer=RESPONSE, health=u.HealthStatus(provider="p", reachable=True))
    assert page.answer is RESPONSE
    assert page.model_dump()["answer"]["text"] == "Lisbon"
    again = Page.model_validate_json(page.model_dump_json())
    assert again.answer.text == "Lisbon"
    assert again.health == page.health
    assert Page.model_json_schema()["properties"]["answer"]["properties"].keys() >= {"text", "usage", "attempts"}
    with pytest.raises(pydantic.ValidationError, match="message"):
        Page.model_validate({"answer": {"text": "no message"}})


def test_every_result_of_a_provider_has_a_plain_form() -> None:
    with emulate("openai") as emulator:
        entry = {"provider": "openai", "api_key": emulator.key, "base_url": emulator.url("openai")}
        with blocking.from_config({"providers": [entry]}) as llm:
            results: list[Any] = [
                llm.generate("hello"),
                llm.embed("hello", model="text-embedding-3-small"),
                llm.health_check(),
                llm.stats(),
                *llm.list_models()[:1],
                *llm.generate("hello").attempts,
            ]
    for result in results:
        plain = json.loads(json.dumps(result.to_dict()))
        assert type(result).from_dict(plain).to_dict() == plain
