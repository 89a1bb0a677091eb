"""Runs the live demo: emulators, a ledger with a past, `understudy serve` over them, and traffic, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from understudy.cli.live_demo.browser import open_browser
from understudy.cli.live_demo.moments import play
from understudy.cli.live_demo.past import DAYS, fill
from understudy.cli.live_demo.stage import KEYS, VIRTUAL_KEYS, Stage
from understudy.cli.live_demo.traffic import Asking, prepare, traffic
from understudy.client.granting import create_key, granted
from understudy.client.keys import open_keys
from understudy.config import load

_GRACE = 5.0
"""Seconds that the gateway has to end."""
_INTRODUCTION = """\
The real gateway over emulated providers: no key, no network, nothing costs anything.
The ledger begins with {past:,} made-up attempts of {days} days, labelled data=demo.
Callers' keys: {keys}
"""


class _Ended(Exception):
    """The gateway has ended by itself."""


async def run(*, port: int, workers: int, browser: bool = False, seed: int | None = None, pace: float = 1.0) -> int:
    """Run until SIGINT or SIGTERM, or until the gateway ends; return its exit code, 0 if it was stopped here.

    `port`: the gateway's; 0 is any free one. `browser`: whether one is opened. `seed`: of all chance. `pace` multiplies
    how often callers ask.
    """
    chance = random.Random(seed)
    _cancel_on_signals()
    try:
        with tempfile.TemporaryDirectory(prefix="understudy-demo-") as name:
            folder = Path(name)
            async with Stage() as stage:
                prepare(stage)
                keys = await asyncio.to_thread(_furnish, folder, stage, chance)
                async with _gateway(folder, f"--port={port} --workers={workers}") as gateway:
                    return await _perform(gateway, stage, Asking(keys, chance, pace), browser=browser)
    except asyncio.CancelledError:
        return 0


def _furnish(folder: Path, stage: Stage, chance: random.Random) -> Mapping[str, str]:
    """Write the configuration, a ledger with a past, and virtual keys; return the keys of all callers, by name."""
    ledger, file = folder / "ledger.db", folder / "understudy.toml"
    file.write_text(stage.configuration(ledger), encoding="utf-8")
    past = fill(ledger, time.time(), chance)
    config = load(file)
    with open_keys(config) as store:
        made = {
            name: create_key(store, config, granted(name, grants, config, time.time())).reveal()
            for name, grants in VIRTUAL_KEYS.items()
        }
    print(_INTRODUCTION.format(past=past, days=DAYS, keys=", ".join(KEYS.values())), flush=True)
    return {**KEYS, **made}


@contextlib.asynccontextmanager
async def _gateway(folder: Path, options: str) -> AsyncIterator[Process]:
    """Start the gateway, and end it."""
    own = ("--config", str(folder / "understudy.toml"), "--access-log", str(folder / "access.log"), "--drain=1")
    command = (sys.executable, "-m", "understudy", "serve", *own, *options.split())
    gateway = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    try:
        yield gateway
    finally:
        await _end(gateway)


async def _perform(gateway: Process, stage: Stage, asking: Asking, *, browser: bool) -> int:
    """Print what the gateway prints; once it serves, let callers ask and faults happen. `browser`: whether the console
    is opened in one. Return its exit code."""
    said = gateway.stdout
    if said is None:
        raise RuntimeError("the gateway was started without a pipe for its output")
    try:
        async with asyncio.TaskGroup() as group:
            async for line in said:
                text = line.decode("utf-8", "replace").rstrip("\n")
                print(text, flush=True)
                if text.startswith("http"):  # the first line of its greeting
                    group.create_task(traffic(text.split()[0], asking))
                    group.create_task(play(stage, _tell, asking.chance))
                if browser and "/console/sign-in?code=" in text:
                    browser = False
                    open_browser(text.strip())
            raise _Ended
    except* _Ended:
        pass
    return await gateway.wait()


def _tell(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)


def _cancel_on_signals() -> None:
    """Let SIGINT and SIGTERM cancel this task, so that neither the gateway nor the folder outlives the demo."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows, where Ctrl-C cancels it anyway
            if task is not None:
                loop.add_signal_handler(number, task.cancel)


async def _end(gateway: Process) -> None:
    """End the gateway, whatever it is doing."""
    if gateway.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        gateway.terminate()
    try:
        await asyncio.wait_for(gateway.wait(), _GRACE)
    except TimeoutError:
        gateway.kill()
        await gateway.wait()
