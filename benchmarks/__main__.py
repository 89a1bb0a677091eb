"""`make bench`: this library and its gateway beside their peers, on this machine, in one run.

Absolute figures depend on the machine; the ratios are what is promised (README, "Measured"). Each peer is installed in
an environment of its own in the user's cache (UNDERSTUDY_BENCH_CACHE names another folder). One that is not installed,
does not start or fails is named in the report, with the reason.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.alone import alone
from benchmarks.clients.comparison import Comparison as ClientComparison
from benchmarks.clients.libraries import LIBRARIES
from benchmarks.clients.reporting import clients_section
from benchmarks.environments import Environment
from benchmarks.gateways.comparison import Comparison as GatewayComparison
from benchmarks.gateways.measures import Effort
from benchmarks.gateways.own import BYTE_RELAY, OWN, TYPED_RELAY
from benchmarks.gateways.peers import PEERS
from benchmarks.gateways.reporting import gateways_section
from benchmarks.processes import Cores
from benchmarks.report.document import Section, Table, text_of, write
from benchmarks.report.machine import command_line, machine

GATEWAYS = (BYTE_RELAY, TYPED_RELAY, OWN, *PEERS)
"""In the order of the report."""
QUICK, WHOLE = Effort(seconds=0.5, most=30), Effort(seconds=2.0)


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    reads = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    reads.add_argument("what", nargs="?", choices=["all", "library", "gateway"], default="all")
    reads.add_argument("--rounds", type=int, default=3, help="how often each figure is measured (default: 3)")
    names = list(dict.fromkeys(each.name for each in (*LIBRARIES, *GATEWAYS)))
    reads.add_argument(
        "--only", nargs="+", metavar="NAME", choices=names, help=f"compare only these of {', '.join(names)}"
    )
    reads.add_argument("--report", type=Path, default=Path("bench-report"), metavar="DIR", help="where the report goes")
    reads.add_argument("--install", action="store_true", help="install the peers first (2 GB, some minutes)")
    reads.add_argument("--quick", action="store_true", help="a quarter of the requests for each figure")
    return reads


def main() -> None:
    """Measure, write the report and print its tables."""
    reads = parser()
    given = reads.parse_args()
    libraries = [each for each in LIBRARIES if given.what != "gateway" and each.name in (given.only or [each.name])]
    gateways = [each for each in GATEWAYS if given.what != "library" and each.name in (given.only or [each.name])]
    if not libraries and not gateways:
        reads.error(f"--only names no {given.what}: {', '.join(given.only)}")
    if given.install:
        install([*(each.environment for each in libraries), *(each.environment for each in gateways)])
    cores = Cores()
    facts = machine(command_line(), cores)
    cores.leave()
    effort = QUICK if given.quick else WHOLE
    sections: list[Section] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if libraries:
            found = ClientComparison(libraries, folder, effort.seconds, cores).run(given.rounds)
            sections.append(clients_section(libraries, found))
        if given.what != "gateway" and not given.only:
            sections.append(alone(quick=given.quick))
        if gateways:
            sections.append(
                gateways_section(gateways, GatewayComparison(gateways, folder, effort, cores).run(given.rounds))
            )
    facts.append(("load after", " ".join(f"{each:.1f}" for each in os.getloadavg())))
    sections.insert(0, Section("Machine", [Table("Machine and versions", ["", "value"], facts, words=True)]))
    path = write(given.report, "Measured", sections)
    print(f"{text_of(sections)}\nwritten to {path}")


def install(environments: Iterable[Environment | None]) -> None:
    """Install the peers, which have environments of their own, and print what happened."""
    for environment in filter(None, environments):
        print(f"{environment.packages[0]} {environment.install()}", flush=True)


if __name__ == "__main__":
    main()
