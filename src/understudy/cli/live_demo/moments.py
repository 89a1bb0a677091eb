"""What goes wrong in the live demo, and when: a timetable that repeats, and small faults that never stop."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import msgspec

from understudy.cli.live_demo.stage import BY_NAME, ENTRIES, PRIMARY, Entry, Stage
from understudy.domain.failures import FailureKind
from understudy.emulator import Fault

ROUND = 120.0
"""Seconds after which the timetable begins again."""
_REQUESTS = 500
"""Requests for which the small faults of a provider are drawn at once: more than arrive until the next drawing."""
_TICK = 10.0


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong with one entry, from `begins` to `ends` in seconds of each round."""

    begins: float
    ends: float
    entry: Entry
    fault: Fault | None
    """What each of its requests gets; `None`: its port is closed."""
    words: str


TIMETABLE = (
    Moment(begins=25, ends=65, entry=PRIMARY, fault=None, words="is down: connections are refused"),
    Moment(
        begins=75,
        ends=90,
        entry=BY_NAME["fast"],
        fault=Fault.status(429, retry_after=8),
        words="is out of quota: 429 with retry-after",
    ),
    Moment(
        begins=95, ends=110, entry=BY_NAME["backup"], fault=Fault.stall(after=0), words="stalls before its first word"
    ),
)


def small_fault(chance: random.Random, entry: Entry) -> Fault | None:
    """Draw what a request meets at an entry that is well on the whole: mostly a wait, rarely a failure."""
    drawn = chance.random()
    if entry.name == "lab" and drawn < 0.05:
        return Fault.error(FailureKind.CONTENT_FILTER)
    if drawn < 0.01:
        return Fault.status(503)
    if drawn < 0.015:
        return Fault.cut(after=0)
    return Fault.slow_first_event(chance.lognormvariate(-1.2, 0.6)) if drawn < 0.7 else None


async def play(stage: Stage, tell: Callable[[str], None], chance: random.Random) -> None:
    """Let the timetable happen, over and over, and report each moment as it begins and ends."""
    for entry in ENTRIES:
        _refresh(stage, entry, chance)
    began, done = time.monotonic(), 0
    current: dict[str, Moment] = {}
    while True:
        due = 0.0
        for at, moment, starts in _upcoming():
            due = began + done * ROUND + at
            while (left := due - time.monotonic()) > 0:
                await asyncio.sleep(min(left, _TICK))
                for entry in ENTRIES:
                    if entry.name not in current:
                        _refresh(stage, entry, chance)
            if starts:
                current[moment.entry.name] = moment
                await _begin(stage, moment)
                tell(f"{moment.entry.name} ({moment.entry.provider}) {moment.words}, for {moment.ends - at:.0f} s")
            else:
                current.pop(moment.entry.name, None)
                await _end(stage, moment)
                _refresh(stage, moment.entry, chance)
                tell(f"{moment.entry.name} ({moment.entry.provider}) is back")
        done += 1


def _upcoming() -> list[tuple[float, Moment, bool]]:
    begins = [(moment.begins, moment, True) for moment in TIMETABLE]
    ends = [(moment.ends, moment, False) for moment in TIMETABLE]
    return sorted(begins + ends, key=lambda each: each[0])


async def _begin(stage: Stage, moment: Moment) -> None:
    emulator, provider = stage.emulator(moment.entry), moment.entry.provider
    if moment.fault is None:
        await emulator.stop(provider)
    else:
        emulator.script(provider, always=moment.fault)


async def _end(stage: Stage, moment: Moment) -> None:
    if moment.fault is None:
        await stage.emulator(moment.entry).start(moment.entry.provider)


def _refresh(stage: Stage, entry: Entry, chance: random.Random) -> None:
    stage.emulator(entry).script(entry.provider, [small_fault(chance, entry) for _ in range(_REQUESTS)])
