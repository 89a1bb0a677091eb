"""Runs scenarios, each in a child process without a network, and judges what came of them."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import msgspec

from tests.agents.isolation import isolated
from tests.agents.scenario import Report, Request, Scenario
from tests.agents.task import SHORT_TREE, TREE

ROOT = Path(__file__).parents[2]
LIMIT = 600.0
"""Seconds for a whole run."""


def run(scenario: Scenario) -> Report:
    """Perform a scenario. Raise `RuntimeError` if the harness itself fails."""
    command = isolated([sys.executable, "-m", "tests.agents.child"])
    child = subprocess.run(
        command, input=msgspec.json.encode(scenario), capture_output=True, cwd=ROOT, timeout=LIMIT, check=False
    )
    if child.returncode != 0:
        raise RuntimeError(f"{scenario.label}: {child.stderr.decode(errors='replace')[-4000:]}")
    return msgspec.json.decode(child.stdout, type=Report)


def refusals(report: Report) -> list[Request]:
    """Return the requests that a vendor refused although no fault struck them."""
    return [each for each in report.requests if each.fault is None and 400 <= (each.status or 0) < 500]


def complaints(report: Report) -> list[str]:
    """Return what is wrong with a run; nothing if all is well."""
    scenario = report.scenario
    found = [f"turn {at} ended with {code}" for at, code in enumerate(report.codes) if code != 0]
    expected = SHORT_TREE if scenario.size == "short" else TREE
    for path in sorted(expected.keys() | report.tree.keys()):
        if expected.get(path) != report.tree.get(path):
            found.append(f"{path}: {report.tree.get(path)!r} instead of {expected.get(path)!r}")
    for each in refusals(report):
        found.append(f"{each.vendor} refused a request for step {each.step} with {each.status}: {each.error}")
    if scenario.size == "compacted" and not report.summaries:
        found.append("the conversation was never summarized")
    if scenario.size in ("whole", "short") and (wanderings := _wanderings(report)):
        found.append(f"the session changed its vendor within a turn more often than it had to: {wanderings}")
    struck = sum(each.fault is not None for each in report.requests)
    if struck < len(scenario.strikes):
        found.append(f"{struck} of {len(scenario.strikes)} faults struck")
    return found


def _wanderings(report: Report) -> str:
    """Return the vendors of the steps if they changed more often than faults made them."""
    answered = sorted(
        (each.step, each.vendor)
        for each in report.requests
        if each.step is not None and each.fault is None and each.outcome == "answered"
    )
    vendors = [vendor for _, vendor in answered]
    changes = sum(before != after for before, after in pairwise(vendors))
    return " ".join(f"{step}:{vendor}" for step, vendor in answered) if changes > len(report.scenario.strikes) else ""
