"""How traces reach a collector or the program's own provider, how they go on elsewhere, and what an outage costs."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import types
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

import understudy as u
from tests.telemetry.tracing.collector import Collector
from tests.telemetry.tracing.conftest import Made
from understudy import blocking
from understudy.emulator import KEY, Emulator, Fault, FaultKind, emulate
from understudy.telemetry.tracing import pipeline
from understudy.testing import tool_call


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(("openai", "anthropic")) as found:
        yield found


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> Iterator[TracerProvider]:
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(exporter))
    yield made
    made.shutdown()


def entry(emulator: Emulator, name: str = "openai", **more: Any) -> u.ProviderConfig:
    return u.ProviderConfig(provider=name, base_url=emulator.url(name), api_key=KEY, **more)


async def test_spans_of_the_programs_own_provider_are_below_its_current_span(
    emulator: Emulator, exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    tracing = u.Tracing(provider=provider)
    async with u.create_provider(entry(emulator), observers=[tracing]) as llm:
        with provider.get_tracer("program").start_as_current_span("work") as work:
            await llm.generate("Hi")
        (attempt, request, outer) = exporter.get_finished_spans()
    assert outer.name == "work"
    assert request.parent is not None
    assert request.context is not None
    assert request.parent.span_id == work.get_span_context().span_id
    assert request.context.trace_id == work.get_span_context().trace_id
    assert attempt.parent is not None
    assert attempt.parent.span_id == request.context.span_id
    assert (request.kind, attempt.kind) == (SpanKind.INTERNAL, SpanKind.CLIENT)


async def test_a_stream_is_below_the_span_in_which_it_is_read(
    emulator: Emulator, exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    async with u.create_provider(entry(emulator), observers=[u.Tracing(provider=provider)]) as llm:
        with provider.get_tracer("program").start_as_current_span("work") as work:
            async for _ in llm.stream("Hi"):
                pass
        request = next(each for each in exporter.get_finished_spans() if each.parent and each.kind is SpanKind.INTERNAL)
    assert request.parent is not None
    assert request.parent.span_id == work.get_span_context().span_id


def test_a_blocking_call_is_below_the_span_of_its_thread(
    exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    with emulate("openai") as emulator, provider.get_tracer("program").start_as_current_span("work") as work:
        llm = blocking.create_provider(entry(emulator), observers=[u.Tracing(provider=provider)])
        llm.generate("Hi")
        llm.close()
    request = exporter.get_finished_spans()[1]
    assert request.parent is not None
    assert request.parent.span_id == work.get_span_context().span_id


async def test_tool_calls_are_in_the_content(
    emulator: Emulator, exporter: InMemorySpanExporter, provider: TracerProvider
) -> None:
    emulator.answers("openai", [tool_call("weather", city="Paris"), "Sunny."])
    tracing = u.Tracing(u.TracingConfig(content="all"), provider=provider)

    @u.tool
    def weather(city: str) -> str:
        """Return the weather."""
        return f"sunny in {city}"

    async with u.create_provider(entry(emulator), observers=[tracing]) as llm:
        await llm.run_tools("How is it?", tools=[weather])
    calls, answers = (each for each in exporter.get_finished_spans() if each.kind is SpanKind.CLIENT)
    assert calls.attributes is not None
    assert answers.attributes is not None
    (message,) = json.loads(str(calls.attributes["gen_ai.output.messages"]))
    assert message["finish_reason"] == "tool_call"
    (part,) = message["parts"]
    assert (part["type"], part["name"], part["arguments"]) == ("tool_call", "weather", {"city": "Paris"})
    *_, result = json.loads(str(answers.attributes["gen_ai.input.messages"]))
    assert result == {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": part["id"], "response": "sunny in Paris"}],
    }


async def test_no_provider_learns_of_a_trace_unless_it_is_named(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    emulator.script("openai", always=Fault(kind=FaultKind.STATUS, code=500))
    made = tracing(propagate=("anthropic",))
    entries = [entry(emulator, priority=1), entry(emulator, "anthropic", priority=2)]
    async with u.ProviderManager(entries, u.FallbackConfig(retry_delay_ms=1), observers=[made]) as many:
        await many.generate("Hi")
    made.flush()
    assert all("traceparent" not in each.headers for each in emulator.requests("openai"))
    (asked,) = emulator.requests("anthropic")
    _, attempts = collector.of_request()
    assert asked.headers["traceparent"] == f"00-{attempts[-1].trace_id}-{attempts[-1].span_id}-01"


async def test_with_a_provider_of_its_own_the_callers_span_is_named(
    emulator: Emulator, provider: TracerProvider
) -> None:
    tracing = u.Tracing(u.TracingConfig(propagate=("*",)), provider=provider)
    async with u.create_provider(entry(emulator), observers=[tracing]) as llm:
        await llm.generate("Hi")
        with provider.get_tracer("program").start_as_current_span("work") as work:
            await llm.generate("Hi")
    first, second = emulator.requests("openai")
    assert "traceparent" not in first.headers
    assert second.headers["traceparent"].split("-")[2] == f"{work.get_span_context().span_id:016x}"


async def test_a_trace_that_is_not_kept_is_named_as_such(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    made = tracing(propagate=("*",), sample=0.0)
    async with u.create_provider(entry(emulator), observers=[made]) as llm:
        await llm.generate("Hi")
    made.flush()
    assert emulator.requests("openai")[0].headers["traceparent"].endswith("-00")
    assert collector.asked == 0


async def test_a_collector_that_is_away_costs_no_request_and_is_logged_once(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pipeline, "MOST", 3)
    blocked, reached = threading.Event(), threading.Event()

    def stuck(tracing: u.Tracing, batch: list[Any]) -> None:
        reached.set()
        blocked.wait(30)

    monkeypatch.setattr(u.Tracing, "_export", stuck)
    made = u.Tracing(u.TracingConfig(endpoint="http://127.0.0.1:9"))
    async with u.create_provider(entry(emulator), observers=[made]) as llm:
        await llm.generate("Hi")
        assert await asyncio.to_thread(reached.wait, 10)
        for _ in range(6):
            await llm.generate("Hi")
    assert made.dropped == 3
    warned = [each for each in caplog.records if "further ones are dropped" in each.getMessage()]
    assert len(warned) == 1
    made.close(0)
    assert "what was left at the end was not sent within 0 s" in caplog.text
    blocked.set()


async def test_a_refusing_collector_is_logged_once_until_it_works_again(
    emulator: Emulator, collector: Collector, tracing: Made, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 400
    made = tracing()
    async with u.create_provider(entry(emulator), observers=[made]) as llm:
        for _ in range(3):
            await llm.generate("Hi")
            await asyncio.to_thread(made.flush)
        collector.status = 200
        await llm.generate("Hi")
        await asyncio.to_thread(made.flush)
    assert len(collector.bodies) == 1
    said = [each for each in caplog.records if each.name == "understudy" and "tracing failed" in each.getMessage()]
    assert [each.levelno for each in said] == [logging.ERROR]
    assert f"2 spans were not taken by {collector.url}" in said[0].getMessage()
    assert "400" in said[0].getMessage()


async def test_metrics_count_every_request_whether_its_trace_is_kept_or_not(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    made = tracing(metrics=True, sample=0.0)
    async with u.create_provider(entry(emulator), observers=[made]) as llm:
        answers = [await llm.generate("Hi") for _ in range(2)]
    made.close()
    assert collector.spans == []
    found = {each.name: each for each in collector.metrics}
    assert set(found) == {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"}
    (durations,) = found["gen_ai.client.operation.duration"].histogram.data_points
    assert (durations.count, found["gen_ai.client.operation.duration"].unit) == (2, "s")
    assert list(durations.explicit_bounds)[:2] == [0.01, 0.02]
    points = found["gen_ai.client.token.usage"].histogram.data_points
    sums = {next(a.value.string_value for a in p.attributes if a.key == "gen_ai.token.type"): p.sum for p in points}
    assert sums == {
        "input": sum(each.usage.input_total or 0 for each in answers),
        "output": sum(each.usage.output_total or 0 for each in answers),
    }


def test_a_module_that_another_thread_still_loads_names_no_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that sends loads OpenTelemetry while the next request begins."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", types.ModuleType("opentelemetry.trace"))
    made = u.Tracing(u.TracingConfig(endpoint="http://127.0.0.1:9"))
    assert made.request_began("request-1") is not None


def test_what_excludes_each_other_is_refused(provider: TracerProvider) -> None:
    with pytest.raises(u.ConfigError, match="either an endpoint or a provider"):
        u.Tracing(u.TracingConfig(endpoint="http://localhost"), provider=provider)
    with pytest.raises(u.ConfigError, match="endpoint must be a URL"):
        u.TracingConfig(endpoint="collector:4318")
