"""`python -m tests.modelcheck`: visit the states of two requests, and look for seeded bugs."""

from __future__ import annotations

import argparse
import sys
import time

from tests.modelcheck.bugs import BUGS
from tests.modelcheck.hunt import hunt
from tests.modelcheck.scenes import SCENES
from tests.modelcheck.search import Found, paths


def _row(found: Found) -> str:
    bound = f"all {found.depth}" if found.whole else f"{found.depth}"
    rate = found.transitions / max(found.seconds, 1e-9)
    return f"{found.scene.name:30} {found.states:9,} {found.transitions:12,} {bound:>8} {rate:10,.0f}"


def _hunt(name: str) -> int:
    """Look for each seeded bug; print the length of its trace, and the trace itself if a bug is named."""
    missed = 0
    for bug in BUGS:
        if name not in bug.name:
            continue
        violation = hunt(bug)
        missed += violation is None
        found = "missed" if violation is None else f"{len(violation.trace):2} moves  {violation.law}"
        print(f"{bug.name:55} {found}", flush=True)
        if name and violation is not None:
            print(violation, flush=True)
    return int(missed > 0)


def main() -> int:
    """Search and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.modelcheck", description=__doc__)
    parser.add_argument("--states", type=int, default=120_000, help="stop after so many states (default: 120,000)")
    parser.add_argument("--seconds", type=float, default=600.0, help="and after so many seconds (default: 600)")
    parser.add_argument("--scene", help="search only the scenes whose name contains this")
    parser.add_argument("--live", type=int, default=4, help="follow one of so many states to its end (default: 4)")
    parser.add_argument("--bugs", nargs="?", const="", metavar="NAME", help="look for the seeded bugs of that name")
    options = parser.parse_args()
    if options.bugs is not None:
        return _hunt(options.bugs)
    scenes = tuple(scene for scene in SCENES if (options.scene or "") in scene.name)
    print(f"{'scene':30} {'states':>9} {'transitions':>12} {'depth':>8} {'per second':>10}")
    states = transitions = broken = 0
    began = time.process_time()
    each = -(-options.states // len(scenes))
    for found in paths(scenes, each, seconds=options.seconds / len(scenes), live=options.live):
        print(_row(found), flush=True)
        states, transitions = states + found.states, transitions + found.transitions
        if found.violation is not None:
            print(found.violation, flush=True)
            broken += 1
    took = time.process_time() - began
    print(f"{'all':30} {states:9,} {transitions:12,} {'':8} {transitions / took:10,.0f}")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
