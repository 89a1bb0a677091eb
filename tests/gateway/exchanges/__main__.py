"""Exchanges through the short ways and through the general one, compared: N of them, with the seeds from SEED on.

python -m tests.gateway.exchanges [N] [--seed SEED] [--jobs JOBS] [--recordings FOLDER]

Same bytes to callers and providers, same rows of the ledger, same lines of the log. A difference names its seed.
"""

from __future__ import annotations

import argparse
import logging
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.contract.recordings import load
from tests.gateway.exchanges.comparing import difference
from tests.gateway.exchanges.scenario import Answers, scenario

SELECTION = Path(__file__).parents[2] / "recordings"
AT_ONCE = 50
"""Scenarios of one task of a process."""


def compared(folder: Path, start: int) -> tuple[int, list[str]]:
    """Play some scenarios, and return how many exchanges there were, and what differs."""
    logging.disable(logging.CRITICAL)
    answers = Answers(load(folder))
    played = {seed: scenario(seed, answers) for seed in range(start, start + AT_ONCE)}
    found = [f"seed {seed}: {what}" for seed, each in played.items() if (what := difference(each))]
    return sum(len(each.callers) for each in played.values()), found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.exchanges", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--recordings", type=Path, default=SELECTION)
    given = parser.parse_args()
    done, found, seed = 0, list[str](), given.seed
    with ProcessPoolExecutor(given.jobs) as pool:
        while done < given.count and not found:
            starts = range(seed, seed + 20 * AT_ONCE * given.jobs, AT_ONCE)
            for count, differences in pool.map(partial(compared, given.recordings), starts):
                done, found = done + count, found + differences
            seed = starts.stop
            sys.stdout.write(f"\r{done:,} exchanges")
            sys.stdout.flush()
    sys.stdout.write(f"\n{done:,} exchanges of the seeds {given.seed} to {seed - 1}: {len(found)} differ\n")
    sys.stdout.write("".join(f"{each}\n" for each in found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
