"""The whole sweep: every agent, step, fault and phase through the gateway. It goes on where it stopped.

python -m tests.agents [--journal FILE] [--agent NAME] [--rounds N] [--jobs N] [--minutes N] [--again]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.agents.installing import PACKAGES, cache
from tests.agents.roster import AGENTS
from tests.agents.running import complaints, refusals, run, strucks
from tests.agents.scenario import Scenario
from tests.agents.sweep import SWEPT, Entry, add, read, singly, verdicts, whole


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.agents", description=__doc__)
    parser.add_argument("--journal", type=Path, default=cache() / "sweep.jsonl", help="where outcomes are written")
    parser.add_argument("--agent", choices=SWEPT, action="append", help="run these only")
    parser.add_argument("--rounds", type=int, choices=(1, 2, 3), default=1, help="3: with each vendor as the first")
    parser.add_argument("--jobs", type=int, default=1, help="sessions at a time")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--again", action="store_true", help="repeat the sessions that failed")
    given = parser.parse_args()
    names = [name for name in given.agent or SWEPT if not _missing(name)]
    scenarios = whole(names, given.rounds)
    sweep = _Sweep(given.journal, time.monotonic() + given.minutes * 60, again=given.again)
    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(sweep.play, scenarios))
    return _summary(scenarios, sweep.done)


def _missing(name: str) -> bool:
    reason = PACKAGES[AGENTS[name].program].install(900.0)
    if reason:
        print(f"{name} is left out: {reason}")
    return bool(reason)


class _Sweep:
    """Plays sessions until its time is over, and keeps the journal."""

    def __init__(self, journal: Path, end: float, *, again: bool) -> None:
        self._journal = journal
        self._end = end
        self._again = again
        self.done = read(journal)

    def play(self, scenario: Scenario) -> None:
        """Play a session unless that has been done, and each of its strikes alone if it is bad."""
        if self._played(scenario).complaints and len(scenario.strikes) > 1:
            for single in singly(scenario):
                self._played(single)

    def _played(self, scenario: Scenario) -> Entry:
        known = self.done.get(scenario.label)
        if (known and not (self._again and known.complaints)) or time.monotonic() > self._end:
            return known or Entry(scenario.label, 0.0, (), 0)
        entry = self.done[scenario.label] = self._entry(scenario)
        add(self._journal, entry)
        print(f"{entry.seconds:6.1f} s  {entry.label}  {'; '.join(entry.complaints)[:600] or 'ok'}", flush=True)
        return entry

    def _entry(self, scenario: Scenario) -> Entry:
        begun = time.monotonic()
        try:
            report = run(scenario)
        except (RuntimeError, subprocess.SubprocessError) as error:
            return Entry(scenario.label, round(time.monotonic() - begun, 1), (f"harness: {error}",), 0)
        found = complaints(report)
        if found:
            shown = [*found, *map(str, report.requests), report.output]
            (self._journal.parent / f"{time.time():.0f}-{scenario.agent}.log").write_text("\n".join(shown))
        struck = tuple(" ".join(vendors) for vendors in strucks(report))
        return Entry(scenario.label, report.seconds, tuple(found), len(refusals(report)), struck)


def _summary(scenarios: Iterable[Scenario], done: dict[str, Entry]) -> int:
    entries = [(scenario, done[scenario.label]) for scenario in scenarios if scenario.label in done]
    for name in SWEPT:
        own = [scenario for scenario in scenarios if scenario.agent == name]
        mine = [entry for scenario, entry in entries if scenario.agent == name]
        good = sum(not entry.complaints for entry in mine)
        words = Counter(verdict for _, _, verdict in verdicts(own, done))
        vendors = Counter(vendor for entry in mine for vendor in entry.struck)
        print(
            f"{name}: {good} of {len(mine)} sessions are good ({len(own)} in all), "
            f"{sum(entry.refusals for entry in mine)} refusals; strikes: {dict(words)}, at {dict(vendors)}"
        )
    return any(entry.complaints for _, entry in entries)


if __name__ == "__main__":
    sys.exit(main())
