"""Traces of a gateway's requests: below those of its callers, from real processes, only where they are asked for."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import understudy as u
from tests.cli.running import PATIENCE
from tests.gateway.asgi import Asgi
from tests.gateway.conftest import Open
from tests.gateway.serving.running_gateway import Served, chat, configuration, serve
from tests.telemetry.tracing.collector import Collector, collecting
from understudy.emulator import Emulator, emulate
from understudy.gateway.application import Gateway

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BODY = {"model": "openai", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with emulate("openai") as running:
        yield running


def traced(opened: tuple[Asgi, Emulator, Gateway], collector: Collector) -> u.Tracing:
    """Have a gateway make traces."""
    gateway, tracing = opened[2], u.Tracing(u.TracingConfig(endpoint=collector.url))
    gateway.observers = (tracing,)
    return tracing


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_for_an_unknown_model_has_a_span_too(opened: Open, collector: Collector, stream: bool) -> None:
    asgi, _, gateway = made = await opened("openai")
    tracing = traced(made, collector)
    await gateway.reload(gateway.config)
    body = {**BODY, "model": "nothing/at-all", "stream": stream}
    answer = await asgi.post("/v1/chat/completions", body, headers={"traceparent": PARENT})
    assert answer.status == 404
    await asyncio.to_thread(tracing.close)
    request, attempts = collector.of_request()
    assert attempts == []
    assert (request.trace_id, request.parent_id) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert (request.kind, request["error.type"]) == (Span.SPAN_KIND_SERVER, "not_found")
    assert request["understudy.request.id"] == answer.headers["x-understudy-request-id"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_is_below_the_span_of_its_caller(opened: Open, collector: Collector, stream: bool) -> None:
    asgi, _, gateway = made = await opened("openai")
    tracing = traced(made, collector)
    await gateway.reload(gateway.config)
    headers = {"traceparent": PARENT, "tracestate": "vendor=1"}
    answer = await asgi.post("/v1/chat/completions", {**BODY, "stream": stream}, headers=headers)
    assert answer.status == 200
    await asyncio.to_thread(tracing.close)
    request, (attempt,) = collector.of_request()
    assert request.trace_id == attempt.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert (request.parent_id, request.state) == ("00f067aa0ba902b7", "vendor=1")
    assert (request.kind, attempt.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert request["understudy.request.id"] == answer.headers["x-understudy-request-id"]
    assert request["understudy.streamed"] is stream


async def test_a_caller_that_keeps_no_trace_gets_none(opened: Open, collector: Collector) -> None:
    asgi, emulator, gateway = made = await opened("openai")
    tracing = traced(made, collector)
    await gateway.reload(gateway.config)
    await asgi.post("/v1/chat/completions", BODY, headers={"traceparent": PARENT[:-2] + "00"})
    await asgi.post("/v1/chat/completions", BODY)
    await asyncio.to_thread(tracing.close)
    request, _ = collector.of_request()
    assert request.parent_id == ""
    assert all("traceparent" not in each.headers for each in emulator.requests("openai"))


async def test_embeddings_and_what_is_passed_through_are_traced(opened: Open, collector: Collector) -> None:
    asgi, _, gateway = made = await opened("openai", gateway={"passthrough": ["openai/*"]})
    tracing = traced(made, collector)
    await gateway.reload(gateway.config)
    vectors = {"model": "openai/text-embedding-3-small", "input": ["a", "b"]}
    assert (await asgi.post("/v1/embeddings", vectors)).status == 200
    assert (await asgi.get("/passthrough/openai/models")).status == 200
    await asyncio.to_thread(tracing.close)
    requests = [each for each in collector.spans if "understudy.request.id" in each.attributes]
    assert [each.name for each in requests] == ["embeddings openai/text-embedding-3-small", "passthrough"]
    attempts = [each for each in collector.spans if "understudy.attempt.number" in each.attributes]
    assert [each.parent_id for each in attempts] == [each.span_id for each in requests]
    assert attempts[1]["gen_ai.operation.name"] == "passthrough"


async def ask(served: Served, times: int = 1) -> None:
    for _ in range(times):
        peer = await served.connect()
        peer.writer.write(chat(keep=False))
        await peer.response()


async def until(collector: Collector, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(collector.spans) < count:
            await asyncio.sleep(0.05)


async def test_both_workers_send_and_the_last_spans_are_sent_at_the_end(
    tmp_path: Path, emulator: Emulator, collector: Collector
) -> None:
    text = configuration(emulator) + (
        f'[llm.telemetry.tracing]\nendpoint = "{collector.url}"\nheaders = {{ x-key = "collector-canary-2718" }}\n'
    )
    async with serve(tmp_path, text, "--workers", "2") as served:
        await ask(served, 6)
        served.process.send_signal(signal.SIGTERM)
        assert await served.ended() == 0
    assert len(collector.spans) == 12
    assert {each["x-key"] for each in collector.headers} == {"collector-canary-2718"}
    assert emulator.key.encode() not in b"".join(collector.bodies)
    assert "canary" not in (tmp_path / "stderr").read_text()


async def test_a_reload_begins_and_ends_it(tmp_path: Path, emulator: Emulator, collector: Collector) -> None:
    plain = configuration(emulator)
    text = plain + f'[llm.telemetry.tracing]\nendpoint = "{collector.url}"\nservice = "after the reload"\n'
    async with serve(tmp_path, plain) as served:
        await ask(served)
        served.config.write_text(text)
        served.process.send_signal(signal.SIGHUP)
        await served.logged("[llm.telemetry] changed: tracing")
        await ask(served)
        await until(collector, 2)
        assert collector.spans[0].resource["service.name"] == "after the reload"
        served.config.write_text(text.replace("endpoint", "enabled = false\nendpoint"))
        served.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(PATIENCE):
            while sum("[llm.telemetry] changed" in str(each.get("message")) for each in served.log()) < 2:
                await asyncio.sleep(0.02)
        await ask(served)
        served.process.send_signal(signal.SIGTERM)
        await served.ended()
    assert len(collector.spans) == 2


def test_without_tracing_nothing_of_it_is_loaded() -> None:
    code = """
import sys
from understudy import gateway
from understudy.gateway.serving import process, server
gateway.app({"llm": {"providers": [{"provider": "ollama"}]}})
heavy = ("opentelemetry", "requests", "google.protobuf", "understudy.telemetry.tracing.tracing",
         "understudy.telemetry.alerts.outbox", "understudy.gateway.alerting")
print([name for name in heavy if name in sys.modules])
"""
    source = str(Path(u.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {source!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
