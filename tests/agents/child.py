"""One run, in a process of its own that may have no network: a scenario on stdin, a report on stdout."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from tests.agents import isolation
from tests.agents.gateway import KEY, gateway
from tests.agents.installing import PACKAGES
from tests.agents.interruption import Interruption, relayed
from tests.agents.roster import AGENTS, HeadlessAgent
from tests.agents.scenario import Report, Request, Scenario
from tests.agents.summaries import is_summary
from tests.agents.task import PROMPTS, SHORT, TASK, Steps
from tests.agents.vendors import is_about_loops, vendors
from understudy.cli.agents.connection import Connection
from understudy.cli.agents.rows import AGENTS as ROWS
from understudy.cli.agents.temporary import prepare
from understudy.domain.secret import Secret
from understudy.emulator import Emulator

PATIENCE = 240.0
"""Seconds for one turn of an agent."""
_TAIL = 6_000


class Turn(NamedTuple):
    """What is asked of an agent, and the steps with which its model answers."""

    prompt: str
    steps: Sequence[Steps] = ()


def turns_of(scenario: Scenario, agent: HeadlessAgent) -> list[Turn]:
    first, second = PROMPTS
    match scenario.size:
        case "short":
            return [Turn(first, SHORT)]
        case "turns":
            return [Turn(first, SHORT), Turn(second, TASK[len(SHORT) :])]
        case "compacted" if agent.compact:
            return [Turn(first, SHORT), Turn(agent.compact), Turn(second, TASK[len(SHORT) :])]
        case _:
            return [Turn(first, TASK)]


async def run(scenario: Scenario, place: Path) -> Report:
    """Perform a scenario in an empty folder."""
    agent = AGENTS[scenario.agent]
    home, folder = place / "home", place / "work"
    home.mkdir()
    folder.mkdir()
    compacted = scenario.size == "compacted"
    for path, content in {**agent.settings, **(agent.compacting if compacted else {})}.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (home / path).write_text(text, encoding="utf-8")
    turns = turns_of(scenario, agent)
    attempts: list[str] = []
    begun = time.monotonic()
    async with AsyncExitStack() as stack:
        emulator = await stack.enter_async_context(
            vendors(scenario, agent, [turn.steps for turn in turns if turn.steps], folder)
        )
        connection = await stack.enter_async_context(_connected(scenario, agent, emulator, place))
        watching = None
        if scenario.cancelled:
            address, relay = await stack.enter_async_context(relayed(connection.url))
            connection = replace(connection, url=address)
            watching = Interruption(emulator, relay)
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb"}
        environment |= agent.environment
        if not isolation.is_isolated():
            environment |= await stack.enter_async_context(isolation.refusing_proxy(attempts))
        start = prepare(ROWS[agent.program], connection, environment, home, _made(place / "launch"))
        command = [*PACKAGES[agent.program].command(), *map(agent.led, start.arguments)]
        variables = _with_small_model(start.environment) if compacted and agent.small_models else start.environment
        codes = [
            await _turn(
                [*command, *(agent.further if number else agent.arguments)(turn.prompt)],
                folder, variables, place / f"agent-{number}.log", watching,
            )
            for number, turn in enumerate(turns)
        ]  # fmt: skip
        requests = _received(emulator)
    return Report(
        scenario=scenario,
        seconds=round(time.monotonic() - begun, 1),
        codes=tuple(codes),
        tree={str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()},
        requests=requests,
        attempts=tuple(attempts),
        summaries=sum(each.summary for each in requests),
        left_after=watching.seconds if watching else None,
        warnings=_warnings(place / "gateway.log"),
        output="\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-_TAIL:]}" for log in place.glob("*.log")),
    )


def _warnings(log: Path) -> tuple[str, ...]:
    """Return what the gateway reported as lost on the way, each once."""
    lines = log.read_bytes().splitlines() if log.exists() else []
    records = [json.loads(line) for line in lines if line.startswith(b'{"event":"request"')]
    return tuple(dict.fromkeys(warning for record in records for warning in record["warnings"]))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@asynccontextmanager
async def _connected(
    scenario: Scenario, agent: HeadlessAgent, emulator: Emulator, place: Path
) -> AsyncIterator[Connection]:
    """Yield what leads the agent to the gateway, or to the vendor in its place."""
    if not scenario.vendors:
        yield Connection(url=emulator.origin(agent.vendor), key=Secret(emulator.key), models=agent.models[:1])
        return
    async with gateway(emulator, scenario.vendors, place, 60.0 if scenario.cancelled else 4.0) as url:
        yield Connection(url=url, key=Secret(KEY), models=agent.models[:1])


def _with_small_model(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return opencode's configuration with a context window that the task does not fit into."""
    content = json.loads(environment["OPENCODE_CONFIG_CONTENT"])
    for model in content["provider"]["understudy"]["models"].values():
        model["limit"] = {"context": 10_600, "output": 2_000}
    return {**environment, "OPENCODE_CONFIG_CONTENT": json.dumps(content)}


async def _turn(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path, interruption: Interruption | None
) -> int | None:
    """Run an agent to its end, and return its exit code; `None` if it had to be stopped."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(30.0 if interruption else PATIENCE):
                if interruption:
                    await interruption.strike(process)
                return await process.wait()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            return None


def _received(emulator: Emulator) -> tuple[Request, ...]:
    requests: list[Request] = []
    for vendor in emulator.providers:
        for each in emulator.requests(vendor):
            body = each.body if isinstance(each.body, dict) else {}
            requests.append(
                Request(
                    vendor=vendor,
                    dialect=each.dialect,
                    model=str(body["model"]) if "model" in body else None,
                    status=each.status,
                    outcome=each.outcome,
                    fault=each.fault.kind if each.fault else None,
                    step=None if is_summary(each.body) or is_about_loops(each.body) else each.step,
                    error=each.error,
                    summary=is_summary(each.body),
                )
            )
    return tuple(requests)


def main() -> None:
    scenario = msgspec.json.decode(sys.stdin.buffer.read(), type=Scenario)
    with tempfile.TemporaryDirectory(prefix="understudy-agent-", ignore_cleanup_errors=True) as place:
        report = asyncio.run(run(scenario, Path(place)))
    sys.stdout.buffer.write(msgspec.json.encode(report))


if __name__ == "__main__":
    main()
