"""Mutation testing by command: `python -m tests.mutation --help`, or `make mutate`.

Samples small wrong changes of the modules that decide and drive (`suites.py`), and runs for each the tests that can
notice it. What survives is a gap in the tests, or an equivalent change: those are listed with a reason in
`equivalent.toml`.

`--fields --sample 0` deletes every mapped field, table row and warning of the encoders in turn; with `--results FILE` a
run that was interrupted goes on, and only survivors are tried again once there are new tests.
"""

from __future__ import annotations

import argparse
import difflib
import fnmatch
import queue
import sys
import tempfile
import threading
import time
import tomllib
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from random import Random

import msgspec

from tests.mutation.fields import field_mutants_of, modules
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.suites import SUITES
from tests.mutation.trial import Copy, Trial, be_modest, belongs_to, rate

ROOT = Path(__file__).parents[2]
EQUIVALENT = Path(__file__).parent / "equivalent.toml"


class Equivalent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mutants that change nothing that could be noticed."""

    name: str
    """As the command prints it."""
    why: str
    line: str = ""
    """The line of the source, where a function has several of that name."""

    def fits(self, mutant: Mutant, source: list[str]) -> bool:
        """Check whether this is a mutant of a module with those lines."""
        at = source[mutant.line - 1 : mutant.line + mutant.before.count("\n")]
        return mutant.name == self.name and (not self.line or self.line in map(str.strip, at))


def equivalents() -> list[Equivalent]:
    """Return the list of equivalent mutants."""
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["mutant"]
    return msgspec.convert(entries, list[Equivalent])


def without_equivalents(mutants: list[Mutant], path: str) -> list[Mutant]:
    """Return the mutants of a module that something can notice."""
    source = (ROOT / path).read_text(encoding="utf-8").splitlines()
    known = [each for each in equivalents() if each.name.startswith(f"{path}: ")]
    return [mutant for mutant in mutants if not any(each.fits(mutant, source) for each in known)]


def chosen(patterns: list[str], sample: int, seed: int, *, fields: bool = False) -> list[Mutant]:
    """Return a sample of the mutants of the modules that match a pattern, without those known to be equivalent.

    `fields` takes the encoders instead, from which single fields are deleted.
    """
    paths = modules(ROOT) if fields else [path for path in SUITES if (ROOT / path).exists()]
    of = field_mutants_of if fields else mutants_of
    paths = [path for path in paths if not patterns or any(fnmatch.fnmatch(path, f"*{each}") for each in patterns)]
    found = [mutant for path in paths for mutant in without_equivalents(of(ROOT, path), path)]
    return Random(seed).sample(found, min(sample, len(found))) if sample else found


class Results:
    """Trials that are kept in a file, one a line, over several runs of this command."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        lines = file.read_bytes().splitlines() if file is not None and file.exists() else []
        trials = [msgspec.json.decode(line, type=Trial) for line in lines]
        self._killed = {trial.mutant: trial for trial in trials if trial.verdict != "survived"}

    def killed(self, mutants: list[Mutant]) -> list[Trial]:
        """Return the trials of those mutants that need no other: a new test may kill what survived."""
        return [self._killed[mutant] for mutant in mutants if mutant in self._killed]

    def note(self, trial: Trial) -> None:
        """Keep a trial."""
        if self._file is not None:
            with self._file.open("ab") as file:
                file.write(msgspec.json.encode(trial) + b"\n")


def try_all(mutants: list[Mutant], workers: int, folder: Path, results: Results) -> list[Trial]:
    """Try mutants out, some at a time, with a line for each that survives."""
    trials = results.killed(mutants)
    tried = {trial.mutant for trial in trials}
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        if mutant not in tried:
            waiting.put(mutant)
    broken: list[Exception] = []
    began = time.monotonic()

    def work(number: int) -> None:
        try:
            with closing(Copy(ROOT, folder / f"copy-{number}")) as copy:
                if not belongs_to(copy):
                    raise RuntimeError("the copy's tests import another package")
                while not broken:
                    trial = copy.try_out(waiting.get_nowait())
                    results.note(trial)
                    trials.append(trial)
                    report(trial, len(trials), len(mutants), time.monotonic() - began)
        except queue.Empty:
            return
        except Exception as error:  # noqa: BLE001 - raised again where the threads are joined
            broken.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    return trials


def report(trial: Trial, done: int, of: int, elapsed: float) -> None:
    """Print a survivor with its change, and the progress now and then."""
    if trial.verdict == "survived":
        print(difference(trial.mutant, (ROOT / trial.mutant.path).read_bytes()), flush=True)
    if done % 20 == 0 or done == of:
        print(f"[{done}/{of}] {elapsed:.0f} s", file=sys.stderr, flush=True)


def difference(mutant: Mutant, source: bytes) -> str:
    """Return a mutant as a difference of lines, under its name."""
    before, after = (text.decode().splitlines() for text in (source, mutant.apply(source)))
    lines = difflib.unified_diff(before, after, lineterm="", n=0)
    changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    return "\n".join([f"SURVIVED {mutant.path}:{mutant.line} ({mutant.operator})", f"  {mutant.name}", *changed, ""])


def summary(trials: list[Trial]) -> str:
    """Return the table of what was killed, by module."""
    by_path: dict[str, list[Trial]] = defaultdict(list)
    for trial in sorted(trials, key=lambda trial: trial.mutant):
        by_path[trial.mutant.path].append(trial)
    lines = [f"{'module':42} mutants killed"]
    lines += [f"{path:42} {len(each):7} {rate(each):6.1%}" for path, each in by_path.items()]
    return "\n".join([*lines, f"{'all':42} {len(trials):7} {rate(trials):6.1%}"])


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description="Change the code a little, many times, and see the tests notice."
    )
    parser.add_argument("files", nargs="*", help="patterns of modules, such as policy/*.py; all of them when omitted")
    parser.add_argument("--sample", type=int, default=400, help="how many mutants; 0 for all")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--goal", type=float, default=0.85, help="share to be killed, or the command fails")
    parser.add_argument("--list", action="store_true", help="list the mutants and run nothing")
    parser.add_argument("--fields", action="store_true", help="delete mapped fields and warnings from encoders instead")
    parser.add_argument("--results", type=Path, help="file of results, in which killed mutants are not tried again")
    options = parser.parse_args()
    mutants = chosen(options.files, options.sample, options.seed, fields=options.fields)
    if options.list:
        print("\n".join(f"{mutant.path}:{mutant.line} {mutant.before} → {mutant.after}" for mutant in mutants))
        return 0
    be_modest()
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        trials = try_all(mutants, options.workers, Path(folder), Results(options.results))
    print(summary(trials))
    return 0 if rate(trials) >= options.goal else 1


if __name__ == "__main__":
    sys.exit(main())
