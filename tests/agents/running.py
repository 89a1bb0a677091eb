"""Runs scenarios, each in a child process without a network, and judges what came of them."""

from __future__ import annotations

import subprocess
import sys
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
    if scenario.size in ("whole", "short"):
        found += _wanderings(report)
    found += [
        f"{strike.label} struck {struck or 'nothing'}"
        for strike, struck in zip(scenario.strikes, strucks(report), strict=True)
        if len(struck) != 1
    ]
    return found


def strucks(report: Report) -> list[list[str]]:
    """Return the vendors that each strike struck: one, if all is well."""
    struck = [(each.step, each.vendor) for each in report.requests if each.fault is not None]
    return [[vendor for step, vendor in struck if step == strike.step] for strike in report.scenario.strikes]


def _wanderings(report: Report) -> list[str]:
    """Return where a session changed its vendor within a turn without a fault, or a fault struck another vendor."""
    answered: dict[int, list[str]] = {}
    for each in report.requests:
        if each.step is not None and each.fault is None and each.outcome == "answered":
            answered.setdefault(each.step, []).append(each.vendor)
    struck = {strike.step: vendors for strike, vendors in zip(report.scenario.strikes, strucks(report), strict=True)}
    killed = {strike.step for strike in report.scenario.strikes if strike.fault == "killed"}
    found: list[str] = []
    before = list(report.scenario.vendors[:1])
    for step, vendors in sorted(answered.items()):
        if (foreign := struck.get(step, [])) and not set(foreign) <= set(before):
            found.append(f"the fault of step {step} struck {foreign}, but the session was at {before}")
        # A killed vendor may still answer the gateway's retry, and the next step, before its port is closed.
        is_down = any(at in killed and set(before) == set(struck[at]) for at in (step - 1, step - 2))
        if before and set(vendors) != set(before) and step not in struck and not is_down:
            found.append(f"the session went from {before} to {vendors} for step {step} without a fault")
        before = vendors
    return found
