"""`python -m tests.modelcheck`: visit the states of two requests, and look for seeded bugs."""

from __future__ import annotations

import argparse
import sys
import time

from tests.modelcheck.bugs import BUGS
from tests.modelcheck.hunt import hunt_all
from tests.modelcheck.scenes import SCENES
from tests.modelcheck.search import Found, paths


def _row(found: Found) -> str:
    bound = f"complete, {found.depth} moves" if found.whole else f"cut, {found.depth} moves"
    rate = found.transitions / max(found.seconds, 1e-9)
    return f"{found.scene.name:30} {found.states:9,} {found.transitions:12,} {bound:>20} {rate:10,.0f}"


def _hunt(name: str, processes: int, *, traces: bool) -> int:
    """Look for the seeded bugs whose name contains this; print a table, and the shortest trace of each."""
    bugs = [bug for bug in BUGS if name in bug.name]
    found = states = transitions = 0
    began = time.monotonic()
    print(f"{'bug':58} {'law that is broken':62} {'scene':27} {'states':>7} {'moves':>5} {'s':>5}")
    for each in hunt_all(bugs, processes):
        violation = each.violation
        law = "MISSED" if violation is None else violation.law
        moves = 0 if violation is None else len(violation.trace)
        print(f"{each.bug.name:58} {law:62} {each.scene:27} {each.states:7,} {moves:5} {each.seconds:5.1f}", flush=True)
        if traces and violation is not None:
            print("", *str(violation).splitlines(), sep="\n    ", end="\n\n", flush=True)
        found, states, transitions = found + bool(violation), states + each.states, transitions + each.transitions
    took = time.monotonic() - began
    print(f"found {found} of {len(bugs)} bugs; {states:,} states, {transitions:,} transitions in {took:.0f} s")
    return int(found < len(bugs))


def main() -> int:
    """Search and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.modelcheck", description=__doc__)
    parser.add_argument("--states", type=int, default=120_000, help="stop after so many states (default: 120,000)")
    parser.add_argument("--seconds", type=float, default=600.0, help="and after so many seconds (default: 600)")
    parser.add_argument("--scene", help="search only the scenes whose name contains this")
    parser.add_argument("--live", type=int, default=4, help="follow one of so many states to its end (default: 4)")
    parser.add_argument("--bugs", nargs="?", const="", metavar="NAME", help="look for the seeded bugs of that name")
    parser.add_argument("--traces", action="store_true", help="with --bugs: print the shortest trace of each")
    parser.add_argument("--processes", type=int, default=2, help="with --bugs: how many at once (default: 2)")
    options = parser.parse_args()
    if options.bugs is not None:
        return _hunt(options.bugs, options.processes, traces=options.traces or bool(options.bugs))
    scenes = tuple(scene for scene in SCENES if (options.scene or "") in scene.name)
    print(f"{'scene':30} {'states':>9} {'transitions':>12} {'every state within':>20} {'per second':>10}")
    states = transitions = broken = 0
    began = time.process_time()
    each = -(-options.states // len(scenes))
    for found in paths(scenes, each, seconds=options.seconds, live=options.live):
        print(_row(found), flush=True)
        states, transitions = states + found.states, transitions + found.transitions
        if found.violation is not None:
            print(found.violation, flush=True)
            broken += 1
    took = time.process_time() - began
    print(f"{'all':30} {states:9,} {transitions:12,} {'':20} {transitions / took:10,.0f}")
    print(f"{broken} laws broken in {len(scenes)} scenes")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
