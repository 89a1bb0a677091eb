"""Official clients and libraries at the gateway, each in an environment of its own.

python -m tests.clients [--install] [--seconds N] [CLIENT ...]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter

from tests.clients.environments.installing import folder_of, install
from tests.clients.environments.roster import CLIENTS
from tests.clients.environments.trying import tried


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install the clients and stop")
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=f"these only: {', '.join(CLIENTS)}")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin nothing after this time")
    given = parser.parse_args()
    bad = 0
    end = time.monotonic() + given.seconds
    for name in given.clients or CLIENTS:
        if time.monotonic() > end:
            print(f"{name} is left out: the time is over", flush=True)
            continue
        client = CLIENTS[name]
        if reason := install(client):
            print(f"{name} is left out: {reason}", flush=True)
        elif given.install:
            print(f"{name}: {folder_of(client)}", flush=True)
        else:
            bad += _try(name)
    return 1 if bad else 0


def _try(name: str) -> int:
    """Try a client, print what came of it, and return how many cases are bad."""
    begun = time.monotonic()
    results = asyncio.run(tried(CLIENTS[name]))
    for case, complaint in results:
        if complaint is not None:
            print(f"  {case.label}: {complaint}")
    totals, good = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for case, complaint in results:
        # A model that is none, or another model of a vendor: the row is the vendor's all the same.
        row = case.face, case.asked.model.partition("-")[0]
        totals[row] += 1
        good[row] += complaint is None
    for face, back in totals:
        print(f"{name} | {face} | {back} | {good[face, back]} of {totals[face, back]}")
    print(f"{name}: {good.total()} of {totals.total()} are good, {time.monotonic() - begun:.1f} s", flush=True)
    return totals.total() - good.total()


if __name__ == "__main__":
    sys.exit(main())
