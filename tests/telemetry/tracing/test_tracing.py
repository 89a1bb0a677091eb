"""Traces of the library's requests, as a collector receives them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

import understudy as u
from tests.telemetry.tracing.collector import Collector
from tests.telemetry.tracing.conftest import Made
from understudy.emulator import KEY, Emulator, Fault, FaultKind

INTERNAL, CLIENT = Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_CLIENT
ERROR, UNSET = Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(("openai", "anthropic")) as found:
        yield found


def manager(emulator: Emulator, tracing: u.Tracing, **fallback: Any) -> u.ProviderManager:
    entries = [
        u.ProviderConfig(
            provider=name,
            base_url=emulator.url(name),
            api_key=KEY,
            priority=priority,
            embedding_model=embedding,
            price=u.Price.per_million(input=1, output=2),
        )
        for priority, (name, embedding) in enumerate(
            [("openai", "text-embedding-3-small"), ("anthropic", None)], start=1
        )
    ]
    return u.ProviderManager(entries, u.FallbackConfig(retry_delay_ms=1, **fallback), observers=[tracing])


async def test_an_answer_is_a_span_of_the_request_above_one_of_its_attempt(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    made = tracing()
    async with manager(emulator, made) as many:
        answer = await many.generate(
            "Hi", max_tokens=50, temperature=0.5, seed=7, session="conversation-1", labels={"team": "search"}
        )
    assert made.flush()
    request, (attempt,) = collector.of_request()
    record = answer.attempts[0]

    assert (request.kind, request.parent_id, request.status) == (INTERNAL, "", UNSET)
    assert request.name == f"chat {record.model}"
    assert request["understudy.request.id"] == record.request_id
    assert request["understudy.outcome"] == "answered"
    assert request["understudy.attempts"] == 1
    assert request["understudy.label.team"] == "search"
    assert request["gen_ai.conversation.id"] == "conversation-1"
    assert answer.cost is not None
    assert request["understudy.cost.nano_usd"] == answer.cost.amount.nano_usd

    assert (attempt.kind, attempt.parent_id, attempt.trace_id) == (CLIENT, request.span_id, request.trace_id)
    assert attempt.name == f"chat {record.model}"
    assert {name: value for name, value in attempt.attributes.items() if name.startswith(("gen_ai.", "server."))} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.conversation.id": "conversation-1",
        "gen_ai.request.model": record.model,
        "gen_ai.request.stream": False,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.seed": 7,
        "gen_ai.response.model": answer.model,
        "gen_ai.response.id": answer.id,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": answer.usage.input_total,
        "gen_ai.usage.output_tokens": answer.usage.output_total,
        **_optional(answer.usage),
        "server.address": "127.0.0.1",
        "server.port": int(emulator.origin("openai").rpartition(":")[2]),
    }
    assert attempt.start == pytest.approx(record.started, abs=1e-4)
    assert attempt.end - attempt.start == pytest.approx(record.duration, abs=1e-4)
    assert request.start <= attempt.start
    assert attempt.resource["service.name"] == "understudy"


def _optional(usage: u.Usage) -> dict[str, int]:
    found = {
        "gen_ai.usage.cache_read.input_tokens": usage.cached,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
    }
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize("how", ["generate", "stream", "embed"])
async def test_a_request_without_a_target_is_a_span_without_attempts(
    how: str, emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    made = tracing()
    async with manager(emulator, made) as many:
        with pytest.raises(u.Misuse, match="unknown entry or model"):
            if how == "generate":
                await many.generate("Hi", model="nothing/at-all", labels={"team": "search"})
            elif how == "stream":
                many.stream("Hi", model="nothing/at-all", labels={"team": "search"})
            else:
                await many.embed("Hi", model="nothing/at-all")
    assert made.flush()
    request, attempts = collector.of_request()
    assert attempts == []
    assert (request.kind, request.parent_id, request.status) == (INTERNAL, "", ERROR)
    assert request.name == f"{'embeddings' if how == 'embed' else 'chat'} nothing/at-all"
    assert request["error.type"] == "invalid_request"
    assert request["understudy.outcome"] == "failed"
    assert (request["understudy.attempts"], request["understudy.cost.nano_usd"]) == (0, 0)
    assert request["understudy.streamed"] == (how == "stream")
    assert request.attributes.get("understudy.label.team") == (None if how == "embed" else "search")
    assert 0 <= request.end - request.start < 5


async def test_a_fallback_shows_the_failure_and_what_was_decided(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    emulator.script(
        "openai", [Fault(kind=FaultKind.STATUS, code=500), Fault(kind=FaultKind.ERROR, failure=u.FailureKind.BILLING)]
    )
    made = tracing()
    async with manager(emulator, made) as many:
        answer = await many.generate("Hi")
    made.flush()
    request, attempts = collector.of_request()
    assert [each["understudy.entry"] for each in attempts] == ["openai", "openai", "anthropic"]
    assert [each.attributes.get("error.type") for each in attempts] == ["server_error", "billing", None]
    assert [each.status for each in attempts] == [ERROR, ERROR, UNSET]
    assert attempts[0]["http.response.status_code"] == 500
    steps = [data["understudy.next_step"] for each in attempts for name, data, _ in each.events if "next" in name]
    assert steps == [each.next_step for each in answer.attempts if each.next_step is not None]
    assert "fall back to anthropic" in steps[1]
    assert (request["understudy.entry"], request["understudy.fell_back"]) == ("anthropic", True)
    (name, wait, at) = request.events[0]
    assert (name, wait["understudy.attempt.number"]) == ("understudy.wait", 2)
    assert at == pytest.approx(attempts[1].start - wait["understudy.waited"], abs=1e-4)


async def test_a_failed_request_has_the_kind_of_its_failure(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    for name in ("openai", "anthropic"):
        emulator.script(name, always=Fault(kind=FaultKind.ERROR, failure=u.FailureKind.BILLING))
    made = tracing()
    async with manager(emulator, made) as many:
        with pytest.raises(u.QuotaExhausted):
            await many.generate("Hi")
    made.flush()
    request, _ = collector.of_request()
    assert (request.status, request.message, request["error.type"]) == (ERROR, "billing", "billing")
    assert request["understudy.outcome"] == "failed"


async def test_a_stream_states_when_its_content_began(emulator: Emulator, collector: Collector, tracing: Made) -> None:
    made = tracing()
    async with manager(emulator, made) as many:
        stream = many.stream("Hi")
        async for _ in stream:
            pass
    made.flush()
    request, (attempt,) = collector.of_request()
    first = stream.response.attempts[0].first_event
    assert first is not None
    assert attempt["gen_ai.response.time_to_first_chunk"] == pytest.approx(first)
    assert attempt["gen_ai.request.stream"] is True
    assert attempt.events[0][0] == "understudy.first_content"
    assert request["understudy.time_to_first_content"] >= first


async def test_a_stream_that_its_reader_leaves_is_abandoned_and_no_error(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    emulator.script("openai", [Fault(kind=FaultKind.STALL, after=1)])
    made = tracing()
    async with manager(emulator, made) as many, many.stream("Hi") as stream:
        await anext(stream)
    made.flush()
    request, (attempt,) = collector.of_request()
    assert (request["understudy.outcome"], request.status) == ("abandoned", UNSET)
    assert "error.type" not in request.attributes
    assert (attempt["understudy.outcome"], attempt.status) == ("aborted", UNSET)


async def test_a_call_that_is_cancelled_is_abandoned(emulator: Emulator, collector: Collector, tracing: Made) -> None:
    emulator.script("openai", [Fault(kind=FaultKind.SLOW_HEADERS)])
    made = tracing()
    async with manager(emulator, made) as many:
        call = asyncio.create_task(many.generate("Hi"))
        while not emulator.requests("openai"):
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    made.flush()
    request, (attempt,) = collector.of_request()
    assert request["understudy.outcome"] == "abandoned"
    assert attempt["understudy.cost.basis"] == "unknown"
    assert request["understudy.cost.unknown"] == 1


async def test_both_attempts_of_a_hedged_request_are_shown(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    emulator.script("openai", [Fault(kind=FaultKind.SLOW_HEADERS)])
    made = tracing()
    async with manager(emulator, made, hedge=True, hedge_after=0.05) as many:
        await many.stream("Hi").collect()
    made.flush()
    _, attempts = collector.of_request()
    assert [(each["understudy.entry"], each["understudy.outcome"]) for each in attempts] == [
        ("openai", "aborted"),
        ("anthropic", "won"),
    ]
    assert attempts[1].start < attempts[0].end


async def test_the_batches_of_an_embedding_are_below_one_request(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    made = tracing()
    async with manager(emulator, made) as many:
        answer = await many.embed([f"text {number}" for number in range(3000)])
    made.flush()
    request, attempts = collector.of_request()
    assert request.name == "embed text-embedding-3-small" or request.name == "embeddings text-embedding-3-small"
    assert len(attempts) == len(answer.attempts) > 1
    assert {each.parent_id for each in attempts} == {request.span_id}
    assert {each["gen_ai.operation.name"] for each in attempts} == {"embeddings"}
    assert sorted(each["understudy.attempt.batch"] for each in attempts) == list(range(1, len(attempts) + 1))
    assert sum(each["gen_ai.usage.input_tokens"] for each in attempts) == answer.usage.input_total
    assert "gen_ai.usage.output_tokens" not in attempts[0].attributes


async def test_the_draft_names_differ_where_they_were_renamed(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    made = tracing(profile="draft")
    async with manager(emulator, made) as many:
        await many.generate("Hi", reasoning="low", model="openai/gpt-5")
    made.flush()
    _, (attempt,) = collector.of_request()
    assert attempt["gen_ai.request.reasoning.level"] == "low"


async def test_a_share_of_the_traces_is_kept(emulator: Emulator, collector: Collector, tracing: Made) -> None:
    made = tracing(sample=0.0)
    async with manager(emulator, made) as many:
        await many.generate("Hi")
    made.flush()
    assert collector.asked == 0


async def test_headers_reach_the_collector_and_stay_out_of_sight(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    made = tracing(headers={"authorization": "Bearer collector-canary-5309"})
    assert "canary" not in repr(made.config) + repr(made)
    async with manager(emulator, made) as many:
        await many.generate("Hi")
    made.flush()
    assert collector.headers[0]["authorization"] == "Bearer collector-canary-5309"


async def test_nothing_that_was_said_is_in_a_span_unless_asked_for(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    emulator.script("openai", [Fault(kind=FaultKind.STATUS, code=400)])
    emulator.answers("anthropic", ["a canary in the answer"])
    made = tracing()
    async with manager(emulator, made) as many:
        await many.generate([u.Message.system("canary one"), u.Message.user("canary two")], stop=["canary three"])
    made.flush()
    assert len(collector.of_request()[1]) >= 1
    assert b"canary" not in b"".join(collector.bodies)


async def test_prompts_and_answers_on_request_without_secrets(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    emulator.answers("openai", ["It is sunny, EMP-123456."])
    made = tracing(content="all", content_redact=(r"EMP-\d{6}",))
    async with manager(emulator, made) as many:
        prompt = [
            u.Message.system("Be brief."),
            u.Message.user(f"My key is {KEY}.", u.Image.from_bytes(b"\x89PNG\r\n\x1a\n" + bytes(600))),
        ]
        await many.generate(prompt)
    made.flush()
    request, (attempt,) = collector.of_request()
    asked = json.loads(attempt["gen_ai.input.messages"])
    assert [each["role"] for each in asked] == ["system", "user"]
    assert asked[0]["parts"] == [{"type": "text", "content": "Be brief."}]
    assert asked[1]["parts"][0]["content"] == "My key is [key]."
    assert asked[1]["parts"][1]["type"] == "omitted_media"
    (answered,) = json.loads(attempt["gen_ai.output.messages"])
    assert answered["role"] == "assistant"
    assert answered["finish_reason"] == "stop"
    assert "EMP-" not in attempt["gen_ai.output.messages"]
    assert "gen_ai.input.messages" not in request.attributes
    assert KEY.encode() not in b"".join(collector.bodies)


async def test_content_of_failures_alone(emulator: Emulator, collector: Collector, tracing: Made) -> None:
    made = tracing(content="errors")
    async with manager(emulator, made) as many:
        await many.generate("fine")
        for name in ("openai", "anthropic"):
            emulator.script(name, always=Fault(kind=FaultKind.ERROR, failure=u.FailureKind.BILLING))
        with pytest.raises(u.LLMError):
            await many.generate("broken")
    made.flush()
    said = [each.attributes.get("gen_ai.input.messages", "") for each in collector.spans]
    assert [("fine" in each, "broken" in each) for each in said if each] == [(False, True)]


async def test_hostile_names_and_labels_are_cleaned_and_cut(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    made = tracing()
    async with manager(emulator, made) as many:
        await many.generate(
            "Hi",
            session="\x1b]0;title\x07 \u202egnp.exe \ud800",
            labels={"a b<script>": "x" * 5000, "n": "=cmd|' /C calc'!A0\x00"},
        )
    made.flush()
    request, (attempt,) = collector.of_request()
    assert request["gen_ai.conversation.id"] == "\ufffd]0;title\ufffd \ufffdgnp.exe \ufffd"
    assert attempt["gen_ai.conversation.id"] == request["gen_ai.conversation.id"]
    assert request["understudy.label.a_b_script_"] == "x" * 256
    assert request["understudy.label.n"] == "=cmd|' /C calc'!A0\ufffd"
