"""`python -m tests.modelcheck`: visit every state of two requests, and look for seeded bugs."""

from __future__ import annotations

import argparse
import sys
import time

from tests.modelcheck.bound import BOUND
from tests.modelcheck.bugs import BUGS
from tests.modelcheck.hunt import hunt_all
from tests.modelcheck.scenes import SCENES, Scene
from tests.modelcheck.search import Found, paths


def _row(found: Found) -> str:
    bound = f"complete, {found.depth} moves" if found.whole else f"cut, {found.depth} moves"
    rate = found.transitions / max(found.seconds, 1e-9)
    return f"{found.scene.name:44} {found.states:9,} {found.transitions:12,} {bound:>20} {rate:10,.0f}"


def _hunt(name: str, processes: int, *, traces: bool, abstract: bool) -> int:
    """Look for the seeded bugs whose name contains this; print a table, and the shortest trace of each."""
    bugs = [bug for bug in BUGS if name in bug.name]
    found = states = transitions = 0
    began = time.monotonic()
    print(f"{'bug':58} {'law that is broken':62} {'scene':27} {'states':>7} {'moves':>5} {'s':>5}")
    for each in hunt_all(bugs, processes, abstract=abstract):
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
    parser.add_argument("--states", type=int, default=60_000, help="stop after so many in scenes that are cut (60,000)")
    parser.add_argument("--seconds", type=float, default=600.0, help="and after so many seconds (default: 600)")
    parser.add_argument("--scene", help="search only the scenes whose name contains this")
    parser.add_argument("--live", type=int, default=16, help="follow one of so many states to its end (default: 16)")
    parser.add_argument("--bugs", nargs="?", const="", metavar="NAME", help="look for the seeded bugs of that name")
    parser.add_argument("--bound", action="store_true", help="only in the scenes of the whole bound")
    parser.add_argument(
        "--abstract", action="store_true", help="with --bugs: states are told apart as in the whole bound"
    )
    parser.add_argument("--traces", action="store_true", help="with --bugs: print the shortest trace of each")
    parser.add_argument("--processes", type=int, default=2, help="how many at once (default: 2)")
    options = parser.parse_args()
    if options.bugs is not None:
        traces = options.traces or bool(options.bugs)
        return _hunt(options.bugs, options.processes, traces=traces, abstract=options.abstract)
    everything = BOUND if options.bound else (*BOUND, *SCENES)
    scenes = tuple(scene for scene in everything if (options.scene or "") in scene.name)
    print(f"{'scene':44} {'states':>9} {'transitions':>12} {'every state within':>20} {'per second':>10}")
    broken, began = 0, time.monotonic()
    for title, part in (
        ("whole bound, abstract", [each for each in scenes if each.abstract]),
        ("small scenes, exact", [each for each in scenes if each.whole and not each.abstract]),
        ("scenes that are cut, exact", [each for each in scenes if not each.whole]),
    ):
        broken += _search(title, tuple(part), options) if part else 0
    print(f"{broken} laws broken in {len(scenes)} scenes, {time.monotonic() - began:.0f} s")
    return int(broken > 0)


def _search(title: str, scenes: tuple[Scene, ...], options: argparse.Namespace) -> int:
    """Search some scenes, and print a row for each and one for all; return how many laws are broken."""
    began, all_found = time.monotonic(), list[Found]()
    each = -(-options.states // len(scenes))
    for found in paths(scenes, each, seconds=options.seconds, live=options.live, processes=options.processes):
        print(_row(found), flush=True)
        all_found.append(found)
        if found.violation is not None:
            print(found.violation, flush=True)
    states, transitions = sum(found.states for found in all_found), sum(found.transitions for found in all_found)
    bound, took = "complete" if all(found.whole for found in all_found) else "cut", time.monotonic() - began
    print(f"{title:44} {states:9,} {transitions:12,} {bound:>20} {transitions / took:10,.0f}  in {took:.0f} s\n")
    return sum(found.violation is not None for found in all_found)


if __name__ == "__main__":
    sys.exit(main())
