"""Tries a client: its program asks all questions of its cases, through the gateway, and the outcomes are judged."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.clients.asking import PNG
from tests.clients.environments.back_ends import PROVIDERS, gateway
from tests.clients.environments.cases import FAILING, Case, cases_of
from tests.clients.environments.installing import ROOT, command_of
from tests.clients.environments.judging import complaint
from tests.clients.environments.roster import Client
from understudy.emulator import Emulator, Fault, RecordedRequest

PATIENCE = 60.0
"""Seconds for one outcome; the first includes the import of the client, on a machine that may be busy."""
WITHIN = 10.0
"""Seconds until a provider is left by a caller who left the gateway."""
_QUIET = {
    "NO_PROXY": "127.0.0.1,localhost", "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9",
    "OPENAI_AGENTS_DISABLE_TRACING": "1", "AI_SDK_LOG_WARNINGS": "false", "PYTHONWARNINGS": "ignore",
    "NODE_NO_WARNINGS": "1",
}  # fmt: skip
"""Nothing is asked of the network: the proxy is a port that nobody opens."""


class Result(NamedTuple):
    """What came of one case."""

    case: Case
    complaint: str | None
    """`None` if it is good."""


class Program:
    """The program of a client, which runs in its environment."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return what the client made of a question. Raise `EOFError` if its program has ended."""
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None
        assert writer is not None
        writer.write(json.dumps(question).encode() + b"\n")
        await writer.drain()
        async with asyncio.timeout(PATIENCE):
            line = await reader.readline()
        if not line:
            raise EOFError("the program of the client has ended")
        outcome: dict[str, Any] = json.loads(line)
        return outcome


@asynccontextmanager
async def program(client: Client) -> AsyncIterator[Program]:
    """Start the program of an installed client. Raise `RuntimeError` with what it wrote if it ends too early."""
    with tempfile.TemporaryDirectory() as home, (Path(home) / "errors").open("w+b") as errors:
        environment = {"PATH": os.environ["PATH"], "HOME": home, **_QUIET}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command_of(client), stdin=pipe, stdout=pipe, stderr=errors, cwd=ROOT, env=environment, limit=1 << 24
        )
        try:
            yield Program(process)
        except EOFError as error:
            errors.seek(0)
            raise RuntimeError(f"{client.name}: {errors.read().decode(errors='replace')[-3000:]}") from error
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def tried(client: Client, *, brief: bool = False) -> list[Result]:
    """Return what came of the cases of an installed client: of all, or of those at one vendor (`brief`)."""
    results: list[Result] = []
    async with Emulator(PROVIDERS) as emulator, program(client) as speaking:
        for face in client.faces:
            async with gateway(emulator) as home:
                for case in cases_of(client, face, brief=brief):
                    try:
                        wrong = await _complaint(client, case, emulator, speaking, home)
                    except TimeoutError:
                        raise RuntimeError(f"{client.name}: {case.label}: no outcome in {PATIENCE} s") from None
                    results.append(Result(case, wrong))
    return results


async def _complaint(client: Client, case: Case, emulator: Emulator, speaking: Program, home: str) -> str | None:
    asked = case.asked.model.partition("-")[0]
    if case.status in FAILING:
        emulator.script(asked, always=FAILING[case.status])
    elif case.operation == "cancel":
        emulator.script(asked, always=Fault.stall(2))
    before = answered(emulator)
    outcome = await speaking.ask(case.question(home))
    late = await _stayed(emulator, asked) if case.operation == "cancel" else None
    if asked in PROVIDERS:
        emulator.script(asked)
    refused = [] if case.status else refusals(emulator, before)
    if refused:
        return f"the provider refused a request: {refused[0].error}"
    if case.operation == "image" and not _has_image(emulator.requests(asked)[-1]):
        return "the provider did not get the image"
    return complaint(client, case, outcome) or late


def answered(emulator: Emulator) -> dict[str, int]:
    """Return how many requests each provider has had."""
    return {name: len(emulator.requests(name)) for name in PROVIDERS}


def refusals(emulator: Emulator, before: Mapping[str, int]) -> list[RecordedRequest]:
    """Return the later requests that their provider found invalid."""
    later = (each for name in PROVIDERS for each in emulator.requests(name)[before[name] :])
    return [each for each in later if each.status == 400]


def _has_image(request: RecordedRequest) -> bool:
    """Check whether the picture came; Google's SDK writes Base64 in the alphabet of URLs."""
    return PNG in json.dumps(request.body).replace("-", "+").replace("_", "/")


async def _stayed(emulator: Emulator, provider: str) -> str | None:
    """Wait until the provider is left. Return what is wrong if that takes too long."""
    begun = time.monotonic()
    while emulator.requests(provider)[-1].outcome != "client_left":
        if time.monotonic() - begun > WITHIN:
            return f"the provider was not left within {WITHIN} s: {emulator.requests(provider)[-1].outcome}"
        await asyncio.sleep(0.002)
    return None
