"""What this library costs by itself: its start, its blocking face, many targets, policy and engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from benchmarks.compared import progress
from benchmarks.report.document import Section, Table
from benchmarks.start_up import start_up
from benchmarks.upstream import upstream

_CALLS, _STREAMS = 1000, 16


def alone(*, quick: bool) -> Section:
    """Measure it, and return the tables. Of each figure the smallest of some rounds counts."""
    scale = 4 if quick else 1
    parts = [
        _starts(3 if quick else 5),
        _faces(_beside_stub("benchmarks.blocking", _CALLS // scale, _STREAMS // scale)),
        _targets(_beside_stub("benchmarks.targets", _CALLS // 2 // scale)),
    ]
    progress("policy and engine alone")
    command = [sys.executable, "-m", "benchmarks.machinery"]
    machinery = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Section("This library alone", [*parts, f"```text\n{machinery.rstrip()}\n```"])


def _beside_stub(module: str, *counts: int) -> Any:
    """Run one of the other benchmarks in a process of its own, with a stub to ask, and return what it prints."""
    progress(module)
    with upstream() as port:
        command = [sys.executable, "-m", module, str(port), *map(str, counts)]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _starts(rounds: int) -> Table:
    progress("start of the library")
    starts = start_up(rounds)
    base, bare = starts["import asyncio, msgspec"][0], starts["bare Python"][1]
    rows = [
        (name, f"{cpu:.1f}", f"{cpu / base:.2f}", f"{memory:.1f}", f"{memory - bare:+.1f}")
        for name, (cpu, memory) in starts.items()
    ]
    return Table("Start of a process", ["", "CPU ms", "ratio", "MB", "over bare Python"], rows)


def _faces(figures: Mapping[str, Mapping[str, float]]) -> Table:
    base = figures["async"]
    rows = [
        (name, *(f"{each:.1f}" for pair in ((us, us / base[figure]) for figure, us in took.items()) for each in pair))
        for name, took in figures.items()
    ]
    return Table("CPU of both faces, one call after another", ["", "µs a call", "ratio", "µs a chunk", "ratio"], rows)


def _targets(figures: Mapping[str, Mapping[str, float]]) -> Table:
    numbers = list(next(iter(figures.values())))
    columns = ["", *(each for number in numbers for each in (f"µs, {number} targets", "ratio"))]
    rows = [
        (strategy, *(each for n in numbers for each in (f"{took[n]:.1f}", f"{took[n] / took[numbers[0]]:.2f}")))
        for strategy, took in figures.items()
    ]
    return Table("CPU of a call, by strategy and number of targets", columns, rows)
