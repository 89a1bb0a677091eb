"""When an empty answer is one, and what it costs where the provider's counts are not all there; by the public API."""

from __future__ import annotations

import json
from typing import Any

import pytest

import understudy as u
from tests.contract.public import Arriving
from tests.reading.answers import events, plain, usage_of
from tests.reading.talking import JSON, STREAM, framed
from understudy.wire.http import HttpHead, HttpRequest


class Fixed:
    """A transport that gives one body to every request."""

    def __init__(self, head: HttpHead, body: bytes) -> None:
        self.requests: list[HttpRequest] = []
        self._head, self._body = head, body

    async def send(self, request: HttpRequest, **_: Any) -> Arriving:
        self.requests.append(request)
        return Arriving(self._head, [self._body])

    async def aclose(self) -> None: ...


def provider_of(head: HttpHead, body: bytes, records: list[u.AttemptRecord] | None = None) -> tuple[Any, Fixed]:
    wire = Fixed(head, body)
    config = u.ProviderConfig(provider="anthropic", api_key=u.Secret("k"), text_model="claude-sonnet-4-5")
    fallback = u.FallbackConfig(retry_delay_ms=0, max_retries=2)
    given: dict[str, Any] = {"observers": [records.append]} if records is not None else {}
    return u.create_provider(config, transport=wire, fallback=fallback, **given), wire


def empty(stop_reason: str, *content: Any) -> bytes:
    body = plain("anthropic", usage_of("anthropic"))
    return json.dumps({**body, "content": [*content], "stop_reason": stop_reason}).encode()


CALLED: list[Any] = [
    u.Message.user("hi"),
    u.Message.assistant((u.ToolCall(id="c", name="f", arguments="{}"),)),
    u.Message(u.Role.TOOL, (u.ToolResult(call_id="c", content="done"),)),
]


@pytest.mark.parametrize(
    ("prompt", "options", "content"),
    [
        (CALLED, {}, ()),
        ("hi", {"stop": ["\n"]}, ()),
        ("hi", {}, ({"type": "thinking", "thinking": "Hm.", "signature": "s"},)),
    ],
    ids=["after a tool's result", "at a stop sequence", "after thinking"],
)
async def test_an_empty_natural_end_that_can_be_meant_is_an_answer(prompt: Any, options: Any, content: Any) -> None:
    llm, wire = provider_of(JSON, empty("end_turn", *content))
    response = await llm.generate(prompt, **options)
    assert (response.text, response.finish_reason) == ("", u.FinishReason.STOP)
    assert "content" in [warning.what for warning in response.warnings]
    assert len(wire.requests) == 1


@pytest.mark.parametrize(("stop_reason", "options"), [("end_turn", {}), ("brand_new", {"stop": ["\n"]})])
async def test_any_other_empty_end_is_a_failure(stop_reason: str, options: Any) -> None:
    llm, wire = provider_of(JSON, empty(stop_reason))
    with pytest.raises(u.Unavailable, match="empty"):
        await llm.generate("hi", **options)
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    ("usage", "basis"),
    [(usage_of("anthropic"), "exact"), (None, "estimated"), (usage_of("anthropic", answer=-1), "estimated"),
     ({**usage_of("anthropic"), "output_tokens_details": {"thinking_tokens": 9}}, "estimated")],
    ids=["sound", "none at the end", "no count", "more thinking than output"],
)  # fmt: skip
async def test_a_cost_is_exact_only_if_the_final_counts_are_sound(usage: Any, basis: str) -> None:
    records: list[u.AttemptRecord] = []
    llm, _ = provider_of(STREAM, framed("anthropic", events("anthropic", usage)), records)
    async with llm.stream("hi") as stream:
        async for _event in stream:
            pass
    (record,) = records
    assert record.cost_basis == basis
