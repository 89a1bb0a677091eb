"""The requests whose traces the back ends receive: through `understudy serve`, in front of emulated providers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import understudy as u
from tests.gateway.serving.running_gateway import Served, serve
from understudy.emulator import Emulator, Fault, emulate

SESSION = "conversation-1"
LABELS = "team=search"
QUESTION = "What is the capital of France?"
ANSWER = "Paris, of course."
SECRET = "EMP-123456"
PARENT_ID = "00f067aa0ba902b7"
TRACES = 7
SPANS = 18
"""One for each request, and eleven attempts."""
PATIENCE = 60.0
"""Seconds until all traces must have arrived."""
PRICES = {"openai": (1.0, 2.0), "anthropic": (3.0, 15.0)}
"""US dollars per million tokens of the prompt and of the answer."""
MODELS = {"openai": "gpt-6-luna", "anthropic": "claude-sonnet-4-6"}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def configuration(emulator: Emulator, tracing: Mapping[str, Any]) -> str:
    """Return the configuration of a gateway with two providers behind the route `main`."""
    lines = ["[llm.fallback]", "retry_delay_ms = 1", "hedge_after = 0.2"]
    for name, (question, answer) in PRICES.items():
        lines += ["[[llm.providers]]", f'provider = "{name}"', f'base_url = "{emulator.url(name)}"']
        lines += [f'api_key = "{emulator.key}"', f'text_model = "{MODELS[name]}"', 'proxy = "none"']
        lines += [f"price = {{ input = {question}, output = {answer} }}"]
    lines += ["[[llm.routes]]", 'name = "main"', 'targets = ["openai", "anthropic"]']
    lines += ["[[llm.routes]]", 'name = "hedged"', 'targets = ["openai", "anthropic"]', "hedge = true"]
    lines += ["[llm.telemetry.tracing]", *(f"{name} = {_toml(value)}" for name, value in tracing.items())]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_toml(inner)}" for name, inner in value.items()) + " }"
    return json.dumps(value)


class Caller:
    """Calls the gateway."""

    def __init__(self, served: Served, emulator: Emulator) -> None:
        self.served = served
        self.emulator = emulator

    async def chat(self, *, headers: Mapping[str, str] | None = None, **body: Any) -> tuple[int, bytes]:
        """Ask for a chat completion. Return the status and the body."""
        given = {"model": "main", "messages": [{"role": "user", "content": QUESTION}], **body}
        sent = {"content-type": "application/json", **(headers or {})}
        return await asyncio.to_thread(self._post, "/v1/chat/completions", given, sent)

    async def embed(self) -> tuple[int, bytes]:
        """Ask for embeddings of two texts."""
        body = {"model": "openai/text-embedding-3-small", "input": ["one", "two"]}
        return await asyncio.to_thread(self._post, "/v1/embeddings", body, {"content-type": "application/json"})

    def _post(self, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", path, json.dumps(body), dict(headers))
            response = connection.getresponse()
            return response.status, response.read()


@contextlib.asynccontextmanager
async def calling(folder: Path, **tracing: Any) -> AsyncIterator[Caller]:
    """Serve with these settings of `[llm.telemetry.tracing]`."""
    with emulate("openai", "anthropic") as emulator:
        emulator.answers("openai", [ANSWER], when=lambda request: not request.tools)
        emulator.answers("anthropic", [ANSWER], when=lambda request: not request.tools)
        async with serve(folder, configuration(emulator, tracing)) as served:
            yield Caller(served, emulator)
            served.process.send_signal(signal.SIGTERM)
            assert await served.ended() == 0
        log = (folder / "stderr").read_text()
        assert "tracing" not in log, log


async def everything(caller: Caller) -> dict[str, Any]:
    """Make each kind of request once: seven traces. Return what was answered to those that the tests compare, and the
    id of the trace that a caller began."""
    trace_id = secrets.token_hex(16)
    plain = await caller.chat(
        headers={"x-understudy-session": SESSION, "x-understudy-labels": LABELS},
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"{QUESTION} {SECRET}"}],
        max_tokens=50,
        temperature=0.5,
    )
    await caller.chat(stream=True)
    caller.emulator.script("openai", [Fault.slow_headers(2.0)])
    await caller.chat(model="hedged", stream=True)
    await caller.chat(tools=[TOOL], tool_choice="required")
    embedded = await caller.embed()
    caller.emulator.script("openai", [Fault.status(500), u.FailureKind.BILLING])
    fallback = await caller.chat(headers={"traceparent": f"00-{trace_id}-{PARENT_ID}-01"})
    for name in PRICES:
        caller.emulator.script(name, always=u.FailureKind.BILLING)
    failed = await caller.chat()
    assert failed[0] >= 400, failed
    answers = {"plain": plain, "fallback": fallback, "embedded": embedded}
    assert {status for status, _ in answers.values()} == {200}, answers
    return {name: json.loads(body) for name, (_, body) in answers.items()} | {"trace_id": trace_id}


def send(folder: Path, arrived: Callable[[], int], **tracing: Any) -> dict[str, Any]:
    """Send each kind of request through a gateway, and wait until the back end has so many traces."""

    async def run() -> dict[str, Any]:
        async with calling(folder, **tracing) as caller:
            answers = await everything(caller)
            async with asyncio.timeout(PATIENCE):
                while await asyncio.to_thread(arrived) < TRACES:
                    await asyncio.sleep(0.2)
            return answers

    return asyncio.run(run())
