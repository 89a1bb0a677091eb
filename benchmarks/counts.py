"""Counts work, and holds it to what is committed in `counts.toml`: a change that costs more is noticed as it is made.

    make count                  print the counts and compare; exit with 1 if one differs by more than 3 %
    make count ARGS=--write     write them, as what holds from now on
    make count ARGS=--opcodes   only the bytecode instructions, in seconds and without valgrind

Bytecode instructions of this library's own functions depend on nothing but the code and the minor version of Python, so
they are compared wherever that version has committed counts. Processor instructions and allocations see what the
bytecode does in C; they depend on the build of the interpreter, on the C library and on the packages too. So they are
compared only where all of these are as recorded; elsewhere they are printed, with what differs.

Allocations are calls of `malloc` and the like by Python without its own allocator: net figures such as
`sys.getallocatedblocks` do not see what is freed again. Instructions are counted in the same run, so they include what
these calls cost: `benchmarks.instructions` counts them as users have them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import callgrind, start, works

FILE = Path(__file__).with_name("counts.toml")
TOLERANCE = 0.03
"""The share by which a count may differ from the committed one: a few times what one differs by from run to run."""
MEASURES = ("opcodes", "instructions", "allocations")
WORDS = {"opcodes": "bytecode instructions", "instructions": "instructions", "allocations": "allocations"}
PACKAGES = ("httptools", "msgspec", "uvloop")
"""What runs beside this library while it is counted."""
CHUNKS = 100
"""Chunks by which the longer streams are longer."""
HOW = """\
To see what takes more: `python -m benchmarks.opcodes`, or `make count AGAINST=COMMIT`. If it is worth its cost, or if
less is to stay less: `make count ARGS=--write`, and say why in the message of the commit that changes counts.toml.
"""

Counts = Mapping[str, float]


def units(raw: Counts) -> dict[str, float]:
    """Return counts of single calls, chunks, requests and rows, made of those of the works."""
    return {
        works.START: raw[works.START],
        "a warm call": raw["call"],
        "a streamed chunk": (raw["longer"] - raw["stream"]) / CHUNKS,
        "a proxied request (1 KB)": raw["proxied"],
        "a proxied request (40 KB)": raw["proxied 40 KB"],
        "a proxied request (1 MB)": raw["proxied 1 MB"],
        "a proxied chunk": (raw["proxied longer"] - raw["proxied stream"]) / CHUNKS,
        "a row of the ledger": raw["row"],
    }


def opcodes() -> dict[str, float]:
    """Count bytecode instructions, in a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": f"{callgrind.ROOT / 'src'}:{callgrind.ROOT}"}
    command = [sys.executable, works.__file__, "opcodes"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"the child failed ({run.returncode}):\n{run.stderr[-3000:]}")
    return units(json.loads(run.stdout))


def under_callgrind() -> dict[str, dict[str, float]]:
    """Count instructions and allocations."""
    began = callgrind.segments([start.__file__], marks=2, malloc=True)[-1]
    each = callgrind.segments([works.__file__], marks=2 * len(works.PLANS), malloc=True)[1::2]
    runs = [plan.counted * plan.units for plan in works.PLANS.values()]

    def of(measure: str) -> dict[str, float]:
        found = {
            name: getattr(segment, measure) / number
            for name, number, segment in zip(works.PLANS, runs, each, strict=True)
        }
        return units({works.START: getattr(began, measure), **found})

    return {measure: of(measure) for measure in ("instructions", "allocations")}


def conditions() -> dict[str, str]:
    """Return what instructions and allocations depend on beside the code."""
    return {
        "python": " ".join(sys.version.split()),
        "libc": " ".join(platform.libc_ver()),
        "machine": f"{platform.machine()}, {_vectors()}",
        "valgrind": subprocess.run(
            ["valgrind", "--version"], capture_output=True, text=True, check=True
        ).stdout.strip(),
        "sqlite": sqlite3.sqlite_version,
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _vectors() -> str:
    """Return the widest vectors that valgrind has of this processor: the C library chooses its functions by them."""
    cpu = Path("/proc/cpuinfo")
    flags = cpu.read_text().split() if cpu.exists() else []
    return next((each for each in ("avx2", "avx", "sse4_2") if each in flags), "plain")


def python() -> str:
    """Return the version of Python that counts of bytecode hold for."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def differences(found: Counts, committed: Counts, measure: str) -> Iterator[str]:
    """Yield what each count that is not as committed says of itself."""
    for name, count in found.items():
        known = committed.get(name)
        if known is None:
            yield f"{name}: {count:,.0f} {WORDS[measure]}, and none are committed"
        elif abs(count - known) > TOLERANCE * known:
            way = "above" if count > known else "below"
            by = abs(count / known - 1)
            yield f"{name}: {count:,.0f} {WORDS[measure]}, {by:.1%} {way} the {known:,.0f} in {FILE.name}"
    for name in committed.keys() - found.keys():
        yield f"{name}: {WORDS[measure]} are committed, and it is not counted"


def compared(found: Mapping[str, Counts], committed: Mapping[str, Any], here: Mapping[str, str]) -> tuple[str, bool]:
    """Return what is to be said of counts beside the committed ones, and whether they hold."""
    problems: list[str] = []
    said: list[str] = []
    by_version = committed.get("opcodes", {})
    if (known := by_version.get(python())) is not None:
        problems += differences(found["opcodes"], known, "opcodes")
    else:
        said.append(f"bytecode instructions are not compared: none are committed for Python {python()}")
    recorded = committed.get("conditions", {})
    others = [
        f"{name} is {value}, not {recorded.get(name)}" for name, value in here.items() if recorded.get(name) != value
    ]
    if "instructions" in found and others:
        said.append(f"instructions and allocations are not compared: {'; '.join(others)}")
    elif "instructions" in found:
        for measure in ("instructions", "allocations"):
            problems += differences(found[measure], committed.get(measure, {}), measure)
    text = "".join(f"{each}\n" for each in (*said, *problems))
    return (text + HOW if problems else text), not problems


def table(found: Mapping[str, Counts], committed: Mapping[str, Any]) -> str:
    """Return the counts as text, with their ratios to the committed ones."""
    lines = [f"{'':26}" + "".join(f"{WORDS[measure]:>32}" for measure in found)]
    for name in found["opcodes"]:
        cells = []
        for measure, counts in found.items():
            known = committed.get(measure, {})
            known = (known.get(python(), {}) if measure == "opcodes" else known).get(name)
            ratio = f"{counts[name] / known:7.3f} ×" if known else ""
            cells.append(f"{counts[name]:>22,.1f}{ratio:>10}")
        lines.append(f"{name:26}" + "".join(cells))
    return "\n".join(lines) + "\n"


def text_of(found: Mapping[str, Counts], committed: Mapping[str, Any], here: Mapping[str, str]) -> str:
    """Return what is committed from now on: other versions' bytecode stays as it is."""
    bytecode = {**committed.get("opcodes", {}), python(): found["opcodes"]}
    sections: dict[str, Mapping[str, Any]] = {f'opcodes."{name}"': bytecode[name] for name in sorted(bytecode)}
    if "instructions" in found:
        sections |= {"conditions": here, "instructions": found["instructions"], "allocations": found["allocations"]}
    else:
        sections |= {
            name: committed[name] for name in ("conditions", "instructions", "allocations") if name in committed
        }
    head = "# Written by `make count ARGS=--write`; see benchmarks/counts.py.\n"
    return head + "".join(f"\n[{name}]\n{_lines(values)}" for name, values in sections.items())


def _lines(values: Mapping[str, Any]) -> str:
    def form(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else f"{value:.1f}"

    return "".join(f"{json.dumps(name)} = {form(value)}\n" for name, value in values.items())


def installed() -> bool:
    """Install valgrind from the system's packages where that is possible; return whether it is there."""
    if callgrind.is_installed() or os.geteuid() != 0:
        return callgrind.is_installed()
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "valgrind"]):
        try:
            subprocess.run(command, capture_output=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            break
    return callgrind.is_installed()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counts", description="Count work, and compare it.")
    parser.add_argument("--write", action="store_true", help="write the counts to benchmarks/counts.toml")
    parser.add_argument("--opcodes", action="store_true", help="count bytecode instructions alone")
    parser.add_argument("--install", action="store_true", help="install valgrind first, where apt-get is there")
    given = parser.parse_args()
    committed = tomllib.loads(FILE.read_text()) if FILE.exists() else {}
    has_valgrind = not given.opcodes and (installed() if given.install else callgrind.is_installed())
    if not has_valgrind and not given.opcodes:
        sys.stdout.write("instructions and allocations are not counted: valgrind is not installed\n")
    found: dict[str, dict[str, float]] = {"opcodes": opcodes(), **(under_callgrind() if has_valgrind else {})}
    here = conditions() if has_valgrind else {}
    sys.stdout.write(table(found, committed))
    if given.write:
        FILE.write_text(text_of(found, committed, here))
        return
    said, holds = compared(found, committed, here)
    sys.stdout.write(said)
    sys.exit(not holds)


if __name__ == "__main__":
    main()
