"""The emulated vendors of a run: their scripts, their faults, and what becomes of a killed one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.agents.roster import HeadlessAgent, answers
from tests.agents.scenario import Scenario, Strike
from tests.agents.summaries import Summaries
from tests.agents.task import Steps
from understudy.emulator import Emulator, Fault

MODELS = {"anthropic": "claude-sonnet-5-5", "openai": "gpt-6-luna", "google": "gemini-3.8-flash"}
"""What the gateway asks of each vendor."""
DOWN = 1.0
"""Seconds until a killed vendor is back."""
LIMITED = 2.0
"""Seconds for which a vendor that limits wants to be left alone: longer than the gateway waits (`gateway.PATIENCE`)."""


_NO_LOOP = '{"unproductive_state_analysis": "It makes progress.", "unproductive_state_confidence": 0.05}'


def is_about_loops(value: object) -> bool:
    """Check whether Gemini CLI asks a model if it goes round in circles. If so, it asks the user."""
    return "unproductive_state_confidence" in str(value)


def fault_of(strike: Strike) -> Fault:
    match strike.fault:
        case "killed":
            return Fault.reset(strike.phase or None)
        case "limited":
            return Fault.status(429, retry_after=LIMITED)
        case "stalled":
            return Fault.stall(strike.phase)
        case "cut":
            return Fault.cut(strike.phase)


@asynccontextmanager
async def vendors(
    scenario: Scenario, agent: HeadlessAgent, turns: Sequence[Sequence[Steps]], folder: Path
) -> AsyncIterator[Emulator]:
    """Run the vendors of a scenario; each has the whole script, and the first has the faults."""
    names = scenario.vendors or (agent.vendor,)
    # One iterator for all vendors: a fault strikes the one that is asked for its step.
    faults = {strike.step: iter((fault_of(strike),)) for strike in scenario.strikes}
    async with Emulator(names, models={agent.vendor: agent.models} if agent.vendor in names else None) as emulator:
        for name in names:
            script = answers(agent, turns, folder, name)
            emulator.answers(
                name, [_NO_LOOP], when=lambda request: is_about_loops(request.output and request.output.json_schema)
            )
            if scenario.size == "compacted":
                Summaries(emulator).script(name, script, faults)
            else:
                emulator.answers(name, script, faults=faults)
        async with asyncio.TaskGroup() as group:
            watching = [group.create_task(_kill(emulator, name)) for name in names]
            try:
                yield emulator
            finally:
                for task in watching:
                    task.cancel()


async def _kill(emulator: Emulator, name: str) -> None:
    """Close the port of a vendor each time that it was killed, and open it again later."""
    killed = 0
    while True:
        struck = sum(each.fault is not None and each.fault.kind == "reset" for each in emulator.requests(name))
        if struck > killed:
            killed = struck
            await emulator.stop(name)
            await asyncio.sleep(DOWN)
            await emulator.start(name)
        await asyncio.sleep(0.005)
