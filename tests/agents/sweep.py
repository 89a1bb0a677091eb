"""The scenarios of the whole sweep, and the journal that lets it go on where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import product
from pathlib import Path

import msgspec

from tests.agents.roster import AGENTS
from tests.agents.scenario import FAULTS, PHASES, Scenario, Strike
from tests.agents.task import SHORT, TASK

ROUNDS = (
    ("anthropic", "openai", "google"),
    ("openai", "google", "anthropic"),
    ("google", "anthropic", "openai"),
)
"""Vendors behind the gateway: each is the first once."""


class Entry(msgspec.Struct, frozen=True):
    """A line of the journal."""

    label: str
    seconds: float
    complaints: tuple[str, ...]
    refusals: int
    """Requests that a vendor refused although no fault struck them."""


def strikes(steps: int) -> Iterator[Strike]:
    """Yield every fault at every step and phase. A limit has no phase: it is a status."""
    for step, fault, phase in product(range(steps), FAULTS, PHASES):
        if fault != "limited" or phase == PHASES[0]:
            yield Strike(fault, step, phase)


SWEPT = [name for name in AGENTS if name != "codex-openai"]
"""All but the one that differs in its summaries alone."""


def whole(agents: Iterable[str] = SWEPT) -> list[Scenario]:
    """Return the sweep in an order that is even over agents, steps and faults wherever it stops."""
    found = [
        Scenario(agent=agent, vendors=ROUNDS[(number + at) % len(ROUNDS)], strikes=(strike,))
        for at, agent in enumerate(agents)
        for number, strike in enumerate(strikes(len(TASK)))
    ]
    return sorted(found, key=lambda scenario: blake2b(scenario.label.encode()).digest())


def short(agent: str) -> list[Scenario]:
    """Return every step of the short task and every fault, with phases and vendors in turn."""
    return [
        Scenario(
            agent=agent,
            vendors=ROUNDS[(step + at) % len(ROUNDS)],
            strikes=(Strike(fault, step, 0 if fault == "limited" else PHASES[(step + at) % len(PHASES)]),),
            size="short",
        )
        for step in range(len(SHORT))
        for at, fault in enumerate(FAULTS)
    ]


def read(journal: Path) -> dict[str, Entry]:
    """Return what has been run, by label; the last line of a run counts."""
    if not journal.exists():
        return {}
    lines = journal.read_bytes().splitlines()
    return {entry.label: entry for entry in (msgspec.json.decode(line, type=Entry) for line in lines)}


def add(journal: Path, entry: Entry) -> None:
    with journal.open("ab") as file:
        file.write(msgspec.json.encode(entry) + b"\n")
