"""The sessions of the whole sweep, and the journal that lets it go on where it stopped.

A session carries many strikes, a few steps apart, each with another fault: so it goes round the vendors, and every
fault meets every step and phase in a tenth of the sessions that single strikes would take.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import product
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from tests.agents.roster import AGENTS, answers
from tests.agents.scenario import FAULTS, PHASES, FaultName, Scenario, Strike
from tests.agents.task import SHORT, TASK, Steps

ROUNDS = (
    ("anthropic", "openai", "google"),
    ("openai", "google", "anthropic"),
    ("google", "anthropic", "openai"),
)
"""Vendors behind the gateway: each is the first once."""
STRIDE = 3
"""Steps from one strike to the next."""


class Entry(msgspec.Struct, frozen=True):
    """A line of the journal."""

    label: str
    seconds: float
    complaints: tuple[str, ...]
    refusals: int
    """Requests that a vendor refused although no fault struck them."""
    struck: tuple[str, ...] = ()
    """The vendors that the strikes struck, in their order."""


SWEPT = [name for name in AGENTS if name != "codex-openai"]
"""All but the one that differs in its summaries alone."""
KINDS: list[tuple[FaultName, int]] = [
    (fault, phase) for phase, fault in product(PHASES, FAULTS) if fault != "limited" or phase == PHASES[0]
]
"""Every fault at every phase. A limit has no phase: it is a status."""


def steps_of(agent: str, turn: tuple[Steps, ...]) -> int:
    """Return how many answers an agent gets to a turn, the text at its end included."""
    return len(answers(AGENTS[agent], [turn], Path(), AGENTS[agent].vendor))


def _strikes(steps: int, kinds: list[tuple[FaultName, int]]) -> Iterator[tuple[Strike, ...]]:
    """Yield the strikes of sessions that have every kind at every step once."""
    for start, turned in product(range(STRIDE), range(len(kinds))):
        yield tuple(
            Strike(fault, step, phase)
            for number, step in enumerate(range(start, steps, STRIDE))
            for fault, phase in [kinds[(turned + number) % len(kinds)]]
        )


def whole(agents: Iterable[str] = SWEPT, rounds: int = 1) -> list[Scenario]:
    """Return the sessions of the sweep: in one round each agent, step, fault and phase once, with the first vendors in
    turn; in three with each of them. The order is even over agents, steps and faults wherever it stops."""
    found: list[Scenario] = []
    for number in range(rounds):
        sessions = [
            Scenario(agent=agent, vendors=ROUNDS[(session + at + number) % len(ROUNDS)], strikes=strikes)
            for at, agent in enumerate(agents)
            for session, strikes in enumerate(_strikes(steps_of(agent, TASK), KINDS))
        ]
        found += sorted(sessions, key=lambda scenario: blake2b(scenario.label.encode()).digest())
    return found


def short(agent: str) -> list[Scenario]:
    """Return sessions with every step of the short task and every fault, with phases and vendors in turn."""
    steps = steps_of(agent, SHORT)
    found: list[Scenario] = []
    for session, strikes in enumerate(_strikes(steps, [(fault, 0) for fault in FAULTS])):
        phased = tuple(
            each if each.fault == "limited" else replace(each, phase=PHASES[(each.step + session) % len(PHASES)])
            for each in strikes
        )
        found.append(Scenario(agent=agent, vendors=ROUNDS[session % len(ROUNDS)], strikes=phased, size="short"))
    return found


def singly(scenario: Scenario) -> list[Scenario]:
    """Return a session for each strike of another one, to find which it does not survive."""
    return [replace(scenario, strikes=(strike,)) for strike in scenario.strikes]


Verdict = Literal["good", "bad", "good alone", "not played"]


def verdicts(scenarios: Iterable[Scenario], done: dict[str, Entry]) -> Iterator[tuple[Scenario, Strike, Verdict]]:
    """Yield what came of each strike. One of a bad session may still be good alone."""
    for scenario in scenarios:
        entry = done.get(scenario.label)
        for strike, single in zip(scenario.strikes, singly(scenario), strict=True):
            alone = done.get(single.label)
            match entry:
                case None:
                    yield scenario, strike, "not played"
                case Entry(complaints=()):
                    yield scenario, strike, "good"
                case _ if alone is not None and not alone.complaints:
                    yield scenario, strike, "good alone"
                case _:
                    yield scenario, strike, "bad"


def read(journal: Path) -> dict[str, Entry]:
    """Return what has been run, by label; the last line of a run counts."""
    if not journal.exists():
        return {}
    lines = journal.read_bytes().splitlines()
    return {entry.label: entry for entry in (msgspec.json.decode(line, type=Entry) for line in lines)}


def add(journal: Path, entry: Entry) -> None:
    with journal.open("ab") as file:
        file.write(msgspec.json.encode(entry) + b"\n")
