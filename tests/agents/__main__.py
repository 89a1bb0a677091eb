"""The whole sweep: every agent, step, fault and phase through the gateway. It goes on where it stopped.

python -m tests.agents [--journal FILE] [--agent NAME] [--minutes N] [--again]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.agents.installing import PACKAGES, cache
from tests.agents.roster import AGENTS
from tests.agents.running import complaints, refusals, run
from tests.agents.scenario import Scenario
from tests.agents.sweep import SWEPT, Entry, add, read, whole


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.agents", description=__doc__)
    parser.add_argument("--journal", type=Path, default=cache() / "sweep.jsonl", help="where outcomes are written")
    parser.add_argument("--agent", choices=SWEPT, action="append", help="run these only")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--again", action="store_true", help="repeat the runs that failed")
    given = parser.parse_args()
    names = [name for name in given.agent or SWEPT if not _missing(name)]
    scenarios = whole(names)
    done = read(given.journal)
    end = time.monotonic() + given.minutes * 60
    for scenario in scenarios:
        known = done.get(scenario.label)
        if known and not (given.again and known.complaints):
            continue
        if time.monotonic() > end:
            break
        entry = done[scenario.label] = _entry(scenario)
        add(given.journal, entry)
        print(f"{entry.seconds:6.1f} s  {entry.label}  {'; '.join(entry.complaints)[:300] or 'ok'}", flush=True)
    return _summary(scenarios, done)


def _missing(name: str) -> bool:
    reason = PACKAGES[AGENTS[name].program].install()
    if reason:
        print(f"{name} is left out: {reason}")
    return bool(reason)


def _entry(scenario: Scenario) -> Entry:
    begun = time.monotonic()
    try:
        report = run(scenario)
    except (RuntimeError, subprocess.SubprocessError) as error:
        return Entry(scenario.label, round(time.monotonic() - begun, 1), (f"harness: {error}",), 0)
    return Entry(scenario.label, report.seconds, tuple(complaints(report)), len(refusals(report)))


def _summary(scenarios: list[Scenario], done: dict[str, Entry]) -> int:
    total, run_, good, refused = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for scenario in scenarios:
        total[scenario.agent] += 1
        if entry := done.get(scenario.label):
            run_[scenario.agent] += 1
            good[scenario.agent] += not entry.complaints
            refused[scenario.agent] += entry.refusals
    for name in total:
        print(f"{name}: {good[name]} of {run_[name]} runs are good ({total[name]} in all), {refused[name]} refusals")
    return 0 if good == run_ else 1


if __name__ == "__main__":
    sys.exit(main())
