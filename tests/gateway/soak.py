"""Keeps `understudy serve` busy for minutes, with callers who leave and providers who fail, and measures what grows.

    python -m tests.gateway.soak --minutes 10 [--workers 16] [--pause 0.05]

One request in five is given up by its caller, one answer in twenty is spoiled by its provider. Memory, descriptors and
tasks of the gateway's process must stay flat: the median of the last third of the time against that of the middle one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from tests.gateway.conftest import entries
from tests.gateway.serving.running_gateway import Served, serve
from understudy.emulator import Emulator, Fault

PROVIDERS = ("openai", "anthropic", "google")
FAULTS = (
    *(Fault.cut(after=2), Fault.reset(), Fault.stall(after=1, seconds=1), Fault.malformed_event()),
    *(Fault.status(503), Fault.status(429, retry_after=1), Fault.error_event(), Fault.truncated_json()),
)
ERROR = re.compile(rb'"error": ?[{"]|event: error|"finish_reason": ?"ERROR"')
"""How the faces state that a stream broke."""
EVERY = 20
"""One answer in so many is spoiled."""
CANCELLED = 0.2
SAMPLE = 5.0
"""Seconds between two looks at the process."""
WATCHER = f"""
import gc, os, threading, time

def watch():
    while True:
        time.sleep({SAMPLE})
        tasks = sum(type(each).__name__ == "Task" for each in gc.get_objects())
        with open(os.environ["SOAK_TASKS"], "w") as out:
            out.write(str(tasks))

threading.Thread(target=watch, daemon=True).start()
"""
"""Runs in the gateway's process: nothing outside can count its tasks."""

HI: list[Any] = [{"role": "user", "content": "Count to 30, please."}]
FACES: dict[str, tuple[str, dict[str, Any], bytes]] = {
    "openai": ("/v1/chat/completions", {"messages": HI}, b"data: [DONE]"),
    "responses": ("/v1/responses", {"input": "Count to 30, please."}, b"event: response.completed"),
    "anthropic": ("/v1/messages", {"messages": HI, "max_tokens": 200}, b"event: message_stop"),
    "cohere": ("/v2/chat", {"messages": HI}, b'"COMPLETE"'),
    "ollama": ("/api/chat", {"messages": HI}, b'"done":true'),
    "gemini": (
        "/v1beta/models/main:",
        {"contents": [{"parts": [{"text": "Count to 30, please."}]}]},
        b'"finishReason"',
    ),
}
"""Path, body, and what a whole stream ends with."""


class Sample(msgspec.Struct, frozen=True):
    """What the process holds at a time."""

    seconds: float
    memory: float
    descriptors: float
    tasks: float


class Soak:
    """One run."""

    def __init__(self, served: Served, session: aiohttp.ClientSession, pause: float) -> None:
        self.served = served
        self.session = session
        self.pause = pause
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.samples: list[Sample] = []
        self.began = time.monotonic()

    async def work(self, number: int, until: float) -> None:
        """Send request after request."""
        dice = random.Random(number)
        while time.monotonic() < until:
            try:
                self.counts[await self._request(dice)] += 1
            except TimeoutError:
                self.wrong.append("a request hangs")
            await asyncio.sleep(dice.random() * 2 * self.pause)

    async def _request(self, dice: random.Random) -> str:
        face = dice.choice(list(FACES))
        path, body, end = FACES[face]
        stream, leaves = dice.random() < 0.7, dice.random() < CANCELLED
        if face == "gemini":
            path += "streamGenerateContent?alt=sse" if stream else "generateContent"
        else:
            body = {"model": "main", **body, "stream": stream}
        headers = {"x-understudy-session": f"s{dice.randrange(400)}"}
        if dice.random() < 0.3:
            headers["x-understudy-on-midstream-error"] = "hold"
        async with asyncio.timeout(60):
            try:
                async with asyncio.timeout(dice.random() * 0.1 if leaves else None):
                    return await self._sent(path, body, headers, end if stream else None)
            except TimeoutError:
                if not leaves:
                    raise
                return "cancelled"

    async def _sent(self, path: str, body: dict[str, Any], headers: dict[str, str], end: bytes | None) -> str:
        """Send one request; state how it ended."""
        url = f"http://127.0.0.1:{self.served.port}{path}"
        try:
            async with self.session.post(url, json=body, headers=headers) as answer:
                data = await answer.read()
        except aiohttp.ClientError as error:
            self.wrong.append(f"{path}: {error!r}")
            return "broken"
        if answer.status != 200:
            if answer.status not in (429, 502, 503, 504):
                self.wrong.append(f"{path}: status {answer.status}: {data[:300]!r}")
            return f"status {answer.status}"
        whole = b"30" in data and (end is None or end in data)
        failed = ERROR.search(data) is not None
        if whole == failed:
            self.wrong.append(f"{path}: neither whole nor an error: {data[-300:]!r}")
        return "answered" if whole else "interrupted"

    async def watch(self, until: float) -> None:
        """Look at the process from time to time."""
        while time.monotonic() < until:
            await asyncio.sleep(SAMPLE)
            self.samples.append(self._sample())

    def _sample(self) -> Sample:
        process = Path(f"/proc/{self.served.process.pid}")
        memory = int((process / "status").read_text().partition("VmRSS:")[2].split()[0]) / 1024
        tasks = self.served.cli.folder / "tasks"
        count = int(tasks.read_text() or 0) if tasks.exists() else 0
        return Sample(time.monotonic() - self.began, memory, len(list((process / "fd").iterdir())), count)

    def verdict(self) -> list[str]:
        """Print what was measured, and return what is wrong."""
        third = max(1, len(self.samples) // 3)
        middle, last = self.samples[third : 2 * third], self.samples[2 * third :]
        found = [*self.wrong]
        print(f"{sum(self.counts.values())} requests: {dict(self.counts.most_common())}")
        for name, allowed in (("memory", 2.0), ("descriptors", 6), ("tasks", 8)):
            before, after = (statistics.median(getattr(each, name) for each in part) for part in (middle, last))
            slope = _slope([(each.seconds, getattr(each, name)) for each in (*middle, *last)])
            first, most = getattr(self.samples[0], name), max(getattr(each, name) for each in self.samples)
            print(f"{name:12} first {first:g}, middle third {before:g}, last third {after:g}, most {most:g},", end=" ")
            print(f"slope {slope * 60:+.3f} a minute")
            if after - before > allowed:
                found.append(f"{name} grows: {before:g} to {after:g}")
        return found


def _slope(points: list[tuple[float, float]]) -> float:
    """Return the slope of the line of least squares, per second."""
    if len(points) < 2:
        return 0.0
    return statistics.linear_regression([at for at, _ in points], [value for _, value in points]).slope


def configuration(emulator: Emulator) -> str:
    """Return the configuration of the gateway: a route over all providers."""
    lines: list[str] = []
    for entry in entries(emulator, PROVIDERS):
        lines += ["[[llm.providers]]", *(f"{name} = {json.dumps(value)}" for name, value in entry.items())]
        lines += ['proxy = "none"', "idle_timeout = 0.5"]
    lines += ["[[llm.routes]]", 'name = "main"', f"targets = {json.dumps(list(PROVIDERS))}"]
    return "\n".join(lines) + "\n"


def _chances(name: str, number: int) -> list[Fault | None]:
    dice = random.Random(name)
    return [dice.choice(FAULTS) if dice.random() < 1 / EVERY else None for _ in range(number)]


async def main(minutes: float, workers: int, pause: float) -> int:
    """Run, print, and return the number of complaints."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sitecustomize.py").write_text(WATCHER)
        async with Emulator(PROVIDERS, pace=0.003) as emulator:
            for provider in PROVIDERS:
                emulator.script(provider, _chances(provider, 1_000_000))
            more = {"SOAK_TASKS": str(folder / "tasks"), "PYTHONPATH": str(folder)}
            connector = aiohttp.TCPConnector(limit=0)
            async with (
                serve(folder, configuration(emulator), "--no-access-log", environment=more) as served,
                aiohttp.ClientSession(connector=connector) as session,
            ):
                soak = Soak(served, session, pause)
                until = time.monotonic() + minutes * 60
                await asyncio.gather(soak.watch(until), *(soak.work(number, until) for number in range(workers)))
                logged = [line for line in served.log() if line.get("level") in ("error", "critical")]
                found = [*soak.verdict(), *(f"logged: {line}" for line in logged)]
    for each in found[:20]:
        print(f"    WRONG: {each}")
    print(f"{len(found)} complaints")
    return len(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--pause", type=float, default=0.05)
    given = parser.parse_args()
    sys.exit(bool(asyncio.run(main(given.minutes, given.workers, given.pause))))
