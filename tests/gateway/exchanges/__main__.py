"""Exchanges through the short ways and through the general one, compared: N of them, with the seeds from SEED on.

python -m tests.gateway.exchanges [N] [--seed SEED] [--jobs JOBS] [--recordings FOLDER]

Same bytes to callers and providers, same rows of the ledger, same lines of the log. A difference names its seed.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import count, islice
from pathlib import Path

from tests.contract.recordings import load
from tests.gateway.exchanges.comparing import difference
from tests.gateway.exchanges.scenario import Answers, scenario

SELECTION = Path(__file__).parents[2] / "recordings"
AT_ONCE = 50
"""Scenarios of one task of a process."""
_LITTER = 10_000
"""New objects after which garbage is collected: more rarely than by default, as most live until a scenario ends."""


@cache
def _answers(folder: Path) -> Answers:
    """Read the recordings, once in a process, and exempt them from garbage collection."""
    logging.disable(logging.CRITICAL)
    answers = Answers(load(folder))
    gc.collect()
    gc.freeze()
    gc.set_threshold(_LITTER)
    return answers


def compared(folder: Path, start: int) -> tuple[int, list[str]]:
    """Play some scenarios, and return how many exchanges there were, and what differs."""
    answers, played, found = _answers(folder), 0, list[str]()
    for seed in range(start, start + AT_ONCE):
        each = scenario(seed, answers)
        played += len(each.callers)
        if what := difference(each):
            found.append(f"seed {seed}: {what}")
    return played, found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.exchanges", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--recordings", type=Path, default=SELECTION)
    given = parser.parse_args()
    done, found, seed = 0, list[str](), given.seed
    with ProcessPoolExecutor(given.jobs) as pool:
        tasks = (pool.submit(compared, given.recordings, start) for start in count(seed, AT_ONCE))
        waiting = deque(islice(tasks, 2 * given.jobs))
        while waiting:
            played, differences = waiting.popleft().result()
            done, found, seed = done + played, found + differences, seed + AT_ONCE
            sys.stdout.write(f"\r{done:,} exchanges")
            sys.stdout.flush()
            if done < given.count and not found:
                waiting.append(next(tasks))
    sys.stdout.write(f"\n{done:,} exchanges of the seeds {given.seed} to {seed - 1}: {len(found)} differ\n")
    sys.stdout.write("".join(f"{each}\n" for each in found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
