"""Langfuse: what its own code makes of the spans, from a checkout that `UNDERSTUDY_LANGFUSE` names.

https://github.com/langfuse/langfuse, packages/shared/src/server/otel/OtelIngestionProcessor.ts; tried at commit
62751446149b702b419a9292ddfc2280cdf74b8c. The server around it needs ClickHouse, PostgreSQL, Redis and an object store.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.telemetry.backends import traffic
from tests.telemetry.backends.conftest import need
from tests.telemetry.backends.installing import LANGFUSE
from tests.telemetry.tracing.collector import collecting

READ = Path(__file__).parent / "langfuse" / "read.cjs"


class Received(NamedTuple):
    spans: list[dict[str, Any]]
    """As ingestion version 4 keeps them, the oldest first."""
    traces: list[dict[str, Any]]
    """The traces, as older versions keep them."""
    answers: dict[str, Any]


def read(folder: Path, bodies: Sequence[bytes]) -> list[dict[str, Any]]:
    """Have Langfuse's code read the bodies of some exports."""
    checkout = os.environ.get("UNDERSTUDY_LANGFUSE")
    if checkout is None:
        pytest.skip("UNDERSTUDY_LANGFUSE names no checkout of langfuse/langfuse")
    need(LANGFUSE)
    files = [folder / f"{number}.pb" for number in range(len(bodies))]
    for file, body in zip(files, bodies, strict=True):
        file.write_bytes(body)
    command = ["node", str(READ), checkout, str(folder / "bundle.cjs"), *map(str, files)]
    environment = {"PATH": os.environ["PATH"], "NODE_PATH": LANGFUSE.program("node_modules")}
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="session")
def received(tmp_path_factory: pytest.TempPathFactory) -> Received:
    folder = tmp_path_factory.mktemp("langfuse")
    read(folder, [])
    with collecting() as collector:
        answers = traffic.send(
            tmp_path_factory.mktemp("gateway"),
            lambda: traffic.TRACES if len(collector.spans) == traffic.SPANS else 0,
            endpoint=collector.url,
            content="all",
            content_redact=[r"EMP-\d{6}"],
            backends=["langfuse"],
        )
        found = read(folder, collector.bodies)
    spans = [span for each in found for span in each["spans"]]
    events = [event for each in found for event in each["events"]]
    traces = [each["body"] for each in events if each["type"] == "trace-create"]
    return Received(sorted(spans, key=lambda each: str(each["startTimeISO"])), traces, answers)


def attempts_of(received: Received, trace: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in received.spans if each["traceId"] == trace["id"] and each["type"] != "SPAN"]


def test_attempts_are_generations_below_the_span_of_their_request(received: Received) -> None:
    types = [[each["type"] for each in attempts_of(received, trace)] for trace in received.traces]
    chat = "GENERATION"
    assert types == [[chat], [chat], [chat] * 2, [chat], ["EMBEDDING"], [chat] * 3, [chat] * 2]
    requests = {each["spanId"]: each for each in received.spans if each["type"] == "SPAN"}
    assert len(requests) == traffic.TRACES
    attempts = [each for each in received.spans if each["type"] != "SPAN"]
    assert all(requests[each["parentSpanId"]]["traceId"] == each["traceId"] for each in attempts)


def test_an_answer_has_tokens_costs_its_session_and_its_texts(received: Received) -> None:
    trace, usage = received.traces[0], received.answers["plain"]["usage"]
    assert (trace["name"], trace["sessionId"], trace["metadata"]["team"]) == ("chat main", traffic.SESSION, "search")
    assert (trace["input"], trace["output"]) == (f"{traffic.QUESTION} [redacted]", traffic.ANSWER)
    (attempt,) = attempts_of(received, trace)
    assert (attempt["modelName"], attempt["sessionId"]) == ("gpt-6-luna", traffic.SESSION)
    counted = attempt["providedUsageDetails"]
    assert (counted["input"], counted["output"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    cost = (usage["prompt_tokens"] * 1 + usage["completion_tokens"] * 2) / 1e6
    assert attempt["providedCostDetails"] == {"total": pytest.approx(cost)}
    assert attempt["modelParameters"] == {"max_tokens": 50, "temperature": 0.5, "stream": "false"}
    system, user = json.loads(attempt["input"])
    assert system["parts"] == [{"type": "text", "content": "Be brief."}]
    assert user["parts"][0]["content"] == f"{traffic.QUESTION} [redacted]"
    assert json.loads(attempt["output"])[0]["parts"][0]["content"] == traffic.ANSWER


def test_a_stream_states_when_its_first_content_came(received: Received) -> None:
    (attempt,) = attempts_of(received, received.traces[1])
    first = datetime.fromisoformat(attempt["completionStartTime"])
    assert datetime.fromisoformat(attempt["startTimeISO"]) <= first <= datetime.fromisoformat(attempt["endTimeISO"])


def test_failures_are_errors_with_their_kind(received: Received) -> None:
    fallback, failed = received.traces[5:]
    assert fallback["id"] == received.answers["trace_id"]
    assert "name" not in fallback  # its first span is its caller's, which was never sent
    shown = [(each["level"], each["statusMessage"]) for each in attempts_of(received, fallback)]
    assert [level for level, _ in shown] == ["ERROR", "ERROR", "DEFAULT"]
    assert [words for _, words in shown][:2] == ["server_error", "billing"]
    assert [each["level"] for each in attempts_of(received, failed)] == ["ERROR", "ERROR"]
    hedged = attempts_of(received, received.traces[2])
    assert [each["level"] for each in hedged] == ["DEFAULT", "DEFAULT"]


def test_calls_of_tools_are_in_the_output_and_not_listed(received: Received) -> None:
    (attempt,) = attempts_of(received, received.traces[3])
    (part,) = json.loads(attempt["output"])[0]["parts"]
    assert (part["type"], part["name"]) == ("tool_call", "weather")
    assert "toolCallNames" not in attempt


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("gen_ai.usage.cache_creation.input_tokens", {"input": 60, "input_cache_creation": 40}),  # released
        ("gen_ai.usage.cache_write.input_tokens", {"input": 100, "cache_write.input_tokens": 40}),  # draft
    ],
)
def test_tokens_written_to_a_cache_are_known_by_their_released_name(
    tmp_path: Path, name: str, counted: dict[str, int]
) -> None:
    span = Span(trace_id=bytes(15) + b"\1", span_id=bytes(7) + b"\1", name="chat", end_time_unix_nano=1)
    for key, value in {"gen_ai.usage.input_tokens": 100, name: 40}.items():
        attribute = KeyValue(key=key)
        attribute.value.int_value = value
        span.attributes.append(attribute)
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(span)
    ((event,),) = (each["spans"] for each in read(tmp_path, [request.SerializeToString()]))
    assert event["providedUsageDetails"] == counted
