"""`make bench`: start-up, memory, CPU per call and per streamed chunk, as ratios within one run.

Absolute figures depend on the machine; the ratios are what is promised (README, "Measured"). Each client runs in its
own process against the same stub; rounds alternate between clients and the smallest figure of each counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import gateway
from benchmarks.clients import CLIENTS

EXAMPLE = """
[[llm.providers]]
name = "primary"
provider = "openai"
api_key = "${OPENAI_API_KEY}"
text_model = "gpt-4-turbo-preview"

[[llm.providers]]
name = "backup"
provider = "anthropic"
api_key = "${ANTHROPIC_API_KEY}"
text_model = "claude-3-sonnet-20240229"
priority = 11

[[llm.providers]]
name = "local"
provider = "ollama"
text_model = "llama3.2"
priority = 12
"""
START = {
    "bare Python": "pass",
    "import asyncio, msgspec": "import asyncio, msgspec",
    "manager of the example": "import understudy; understudy.from_config({path!r})",
}
PROBE = """
{code}
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
try:
    memory = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
except OSError:
    memory = used.ru_maxrss * 1024
print(used.ru_utime + used.ru_stime, memory)
"""


def start_up(rounds: int) -> dict[str, tuple[float, float]]:
    """Return CPU milliseconds since process start, and resident megabytes, for each way to start."""
    best: dict[str, tuple[float, float]] = {}
    environment = {**os.environ, "OPENAI_API_KEY": "x", "ANTHROPIC_API_KEY": "x"}
    # Installed packages are byte-compiled; a checkout that may not write its caches would measure the compiler.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        environment["PYTHONPYCACHEPREFIX"] = folder
        path = Path(folder) / "understudy.toml"
        path.write_text(EXAMPLE)
        for _ in range(rounds + 1):
            for name, code in START.items():
                script = PROBE.format(code=code.format(path=str(path)))
                out = subprocess.run(
                    [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
                ).stdout.split()
                seconds, memory = float(out[0]), float(out[1])
                if name not in best or seconds * 1e3 < best[name][0]:
                    best[name] = (seconds * 1e3, memory / 2**20)
    return best


def beside_stub(module: str, *counts: int) -> Any:
    """Run one of the other benchmarks in a process of its own, with a stub to ask, and return what it prints."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stub"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stub:
        assert stub.stdout is not None
        command = [sys.executable, "-m", module, stub.stdout.readline().strip(), *map(str, counts)]
        result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        stub.communicate("")
    return result


def throughput(names: list[str], rounds: int, calls: int, streams: int) -> dict[str, dict[str, float]]:
    """Return microseconds of CPU a call and a chunk, by client."""
    best: dict[str, dict[str, float]] = {}
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stub"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stub:
        assert stub.stdout is not None
        port = stub.stdout.readline().strip()
        for _ in range(rounds):
            for name in names:
                scale = 1 if name in ("bare", "understudy") else 8
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.worker",
                    name,
                    port,
                    str(calls // scale),
                    str(streams // scale),
                ]
                result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                known = best.setdefault(name, result)
                for figure in ("call_us", "chunk_us"):
                    known[figure] = min(known[figure], result[figure])
        stub.communicate("")
    return best


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--only", nargs="*", choices=sorted(CLIENTS), default=list(CLIENTS))
    parser.add_argument("what", nargs="?", choices=["all", "gateway"], default="all", help="gateway: only that")
    arguments = parser.parse_args()
    if arguments.what == "all":
        library(arguments)
        print()
    print(gateway.table(arguments.rounds))


def library(arguments: argparse.Namespace) -> None:
    """Print the figures of the library."""
    starts = start_up(max(5, arguments.rounds))
    base = starts["import asyncio, msgspec"]
    print(f"{'start-up':<28}{'CPU ms':>9}{'ratio':>8}{'MB':>9}{'over bare':>11}")
    for name, (cpu, memory) in starts.items():
        over = memory - starts["bare Python"][1]
        print(f"{name:<28}{cpu:>9.1f}{cpu / base[0]:>8.2f}{memory:>9.1f}{over:>+11.1f}")
    results = throughput(arguments.only, arguments.rounds, arguments.calls, arguments.streams)
    reference = results.get("bare") or next(iter(results.values()))
    print(f"\n{'CPU, 64 concurrent':<28}{'µs/call':>9}{'ratio':>8}{'µs/chunk':>9}{'ratio':>8}")
    for name, result in results.items():
        call, chunk = result["call_us"], result["chunk_us"]
        print(
            f"{name:<28}{call:>9.1f}{call / reference['call_us']:>8.2f}"
            f"{chunk:>9.2f}{chunk / reference['chunk_us']:>8.2f}"
        )
    faces = beside_stub("benchmarks.blocking", arguments.calls // 4, arguments.streams // 4)
    print(f"\n{'CPU, one after another':<28}{'µs/call':>9}{'ratio':>8}{'µs/chunk':>9}{'ratio':>8}")
    for name, result in faces.items():
        call, chunk = result["call_us"], result["chunk_us"]
        print(
            f"{f'understudy, {name}':<28}{call:>9.1f}{call / faces['async']['call_us']:>8.2f}"
            f"{chunk:>9.2f}{chunk / faces['async']['chunk_us']:>8.2f}"
        )
    by_strategy = beside_stub("benchmarks.targets", arguments.calls // 8)
    numbers = list(next(iter(by_strategy.values())))
    print(f"\n{'CPU µs a call, by targets':<28}" + "".join(f"{number:>9}{'ratio':>8}" for number in numbers))
    for strategy, took in by_strategy.items():
        print(f"{strategy:<28}" + "".join(f"{took[n]:>9.1f}{took[n] / took[numbers[0]]:>8.2f}" for n in numbers))
    machinery = subprocess.run(
        [sys.executable, "-m", "benchmarks.machinery"], capture_output=True, text=True, check=True
    )
    print(f"\n{machinery.stdout}", end="")


if __name__ == "__main__":
    main()
