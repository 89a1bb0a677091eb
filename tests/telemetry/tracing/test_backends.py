"""What is added for back ends that read attributes of their own, held against what their sources read."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import understudy as u
from tests.telemetry.tracing.collector import Collector
from tests.telemetry.tracing.conftest import Made
from understudy.emulator import KEY, Emulator, Fault
from understudy.telemetry.tracing.names import BACKENDS
from understudy.testing import tool_call

READ = {
    # https://github.com/langfuse/langfuse, packages/shared/src/server/otel/OtelIngestionProcessor.ts, at commit
    # 62751446149b702b419a9292ddfc2280cdf74b8c: extractCostDetails, extractCompletionStartTime, extractMetadata,
    # extractInputAndOutput
    "langfuse": {
        "gen_ai.usage.cost",
        "langfuse.observation.completion_start_time",
        "langfuse.trace.metadata.",
        "input.value",
        "output.value",
    },
    # https://github.com/mlflow/mlflow, release 3.17.2: mlflow/tracing/constant.py, SpanAttributeKey, and
    # mlflow/tracing/otel/translation/open_inference.py
    "mlflow": {"mlflow.llm.cost", "mlflow.traceTag.", "input.value", "output.value"},
    # https://github.com/Arize-ai/openinference, python/openinference-semantic-conventions
    "phoenix": {"openinference.span.kind", "input.value", "output.value"},
}
PRICE = u.Price.per_million(input=1, output=2)


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(("openai",)) as found:
        found.answers("openai", ["Paris."], when=lambda request: not request.tools)
        yield found


def entry(emulator: Emulator) -> u.ProviderConfig:
    return u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), api_key=KEY, price=PRICE)


def ours(attributes: Any) -> dict[str, Any]:
    """Return the attributes that only some back ends read."""
    return {name: value for name, value in attributes.items() if name.startswith(tuple(set().union(*READ.values())))}


def test_the_names_are_those_that_the_back_ends_read() -> None:
    assert {backend: set(names.values()) for backend, names in BACKENDS.items()} == READ


async def test_nothing_is_added_unless_a_back_end_is_named(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    made = tracing(content="all")
    async with u.create_provider(entry(emulator), observers=[made]) as llm:
        await llm.generate("Where?", labels={"team": "search"})
    made.flush()
    assert [ours(each.attributes) for each in collector.spans] == [{}, {}]


async def test_langfuse_gets_costs_the_first_content_labels_and_what_its_list_shows(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    made = tracing(content="all", backends=("langfuse",))
    async with u.create_provider(entry(emulator), observers=[made]) as llm:
        prompt = [u.Message.system("Be brief."), u.Message.user(f"Where? My key is {KEY}.")]
        stream = llm.stream(prompt, labels={"team": "search", "a b": "c"})
        response = await stream.collect()
    made.flush()
    request, (attempt,) = collector.of_request()
    assert ours(request.attributes) == {
        "langfuse.trace.metadata.team": "search",
        "langfuse.trace.metadata.a_b": "c",
        "input.value": "Where? My key is [key].",
        "output.value": "Paris.",
    }
    usage = response.usage
    assert usage.input_total is not None
    assert usage.output_total is not None
    record = response.attempts[0]
    assert record.first_event is not None
    first = attempt["langfuse.observation.completion_start_time"]
    assert first.endswith("Z")
    shown = datetime.datetime.fromisoformat(first).timestamp()
    assert shown == pytest.approx(record.started + record.first_event, abs=0.002)
    assert attempt["gen_ai.usage.cost"] == pytest.approx((usage.input_total + 2 * usage.output_total) / 1e6)
    assert len(ours(attempt.attributes)) == 2


async def test_an_unknown_cost_is_not_sent_as_zero(emulator: Emulator, collector: Collector, tracing: Made) -> None:
    emulator.script("openai", [Fault.status(500)])
    made = tracing(backends=("langfuse", "mlflow"))
    async with u.ProviderManager([entry(emulator)], u.FallbackConfig(retry_delay_ms=1), observers=[made]) as llm:
        await llm.generate("Where?")
    made.flush()
    _, (failed, answered) = collector.of_request()
    assert failed["understudy.cost.basis"] == "unknown"
    assert ours(failed.attributes) == {}
    assert set(ours(answered.attributes)) == {"gen_ai.usage.cost", "mlflow.llm.cost"}


async def test_mlflow_gets_costs_as_a_map_and_labels_as_tags(emulator: Emulator) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    made = u.Tracing(u.TracingConfig(backends=("mlflow",)), provider=provider)
    async with u.create_provider(entry(emulator), observers=[made]) as llm:
        answer = await llm.generate("Where?", labels={"team": "search"})
    attempt, request = exporter.get_finished_spans()
    assert answer.cost is not None
    assert ours(attempt.attributes) == {"mlflow.llm.cost": {"total_cost": answer.cost.amount.nano_usd / 1e9}}
    assert ours(request.attributes) == {"mlflow.traceTag.team": "search"}


async def test_phoenix_gets_the_kind_of_a_request_and_calls_of_tools_as_its_output(
    emulator: Emulator, collector: Collector, tracing: Made
) -> None:
    emulator.answers("openai", [tool_call("weather", city="Paris")])
    made = tracing(content="all", backends=("phoenix",))

    @u.tool
    def weather(city: str) -> str:
        """Return the weather."""
        return city

    async with u.create_provider(entry(emulator), observers=[made]) as llm:
        await llm.generate("How is it?", tools=[weather])
    made.flush()
    request, (attempt,) = collector.of_request()
    found = ours(request.attributes)
    assert '"name":"weather","arguments":{"city":"Paris"}' in found.pop("output.value")
    assert found == {"openinference.span.kind": "CHAIN", "input.value": "How is it?"}
    assert ours(attempt.attributes) == {}


def test_an_unknown_back_end_is_refused() -> None:
    with pytest.raises(u.ConfigError, match="backends must be among langfuse, mlflow, phoenix, got 'tempo'"):
        u.TracingConfig(backends=("tempo",))  # type: ignore[arg-type]
