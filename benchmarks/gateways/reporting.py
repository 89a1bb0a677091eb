"""What the report says about gateways."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.compared import Compared
from benchmarks.gateways.launching import Gateway, Launch, Place
from benchmarks.gateways.measures import CONCURRENCY, CPU, LATENCY, LONG, PAUSE_MS, SHORT, START, TLS, WORDS
from benchmarks.gateways.own import TYPED_RELAY
from benchmarks.report.document import Plot, Section, Table, figures_table, missing_table, ratios_plot, ratios_table

_HOW = f"""
One process of each gateway on one core; the stub, which answers at once, and the load client have the other cores. CPU
is that of the whole process tree, as Linux reports it. Requests are chat completions: 1 KB is a question, 40 KB an
agent's request with 20 tools, 1 MB the same after a long tool loop. Each is of another conversation; `1 MB again` sends
the same one over and over, as an agent does at each step with a little more. A request in the other wire format is a
question in Anthropic's Messages, which is translated for the upstream, as is its answer, of {WORDS} chunks if a gateway
asks for a stream inside; the relays copy it. `{TLS}` is the question of 1 KB at gateways that are started again, after
all other figures, with an upstream that speaks TLS: each checks the certificate and keeps its connections as it does by
itself; callers stay on plain HTTP. {CONCURRENCY} are under way at once. A chunk is the difference between streams of
{LONG} and {SHORT} chunks, for each chunk more; the upstream sends one every {PAUSE_MS} ms, or, in a burst, all at once;
those of a tool call come in a burst. All servers run from the beginning to the end. In each round each is measured once
for each figure; the first round warms up, and does not count. Figures are medians over the rounds, ratios are medians
of the ratios of each round, with the least and the most.
"""


def gateways_section(gateways: Sequence[Gateway], found: Compared) -> Section:
    """Return tables, plots, what is missing and all settings."""
    rounds = found.rounds
    names = [each.name for each in gateways if any(rounds.figure(measure, each.name) for measure in rounds.measures)]
    base = TYPED_RELAY.name if TYPED_RELAY.name in names else next(iter(names), "")
    cpu, latency, start = ({each: each for each in measures} for measures in (CPU, LATENCY, START))
    parts: list[Table | Plot | str] = [_HOW.strip()]
    if names:
        parts += [
            figures_table("CPU of a gateway: µs a request, µs a chunk", rounds, names, cpu, ""),
            ratios_table(f"CPU of a gateway, ratio to {base}", rounds, names, cpu, base, ""),
            *(
                ratios_plot(f"CPU: {measure}, ratio to {base}", f"gateway-{at}.svg", rounds, names, measure, base)
                for at, measure in enumerate(CPU)
            ),
            figures_table("Latency of a gateway, ms, 1 KB", rounds, names, latency, ""),
            figures_table("Start and memory of a gateway", rounds, names, start, ""),
        ]
    parts.append(missing_table("Gateways without figures, or without all", found.missing))
    return Section("Gateways", [*parts, *map(_settings, gateways)])


def _settings(gateway: Gateway) -> str:
    """Return how a gateway was started, with ports 8000 of the upstream and 8001 of its own, as Markdown.

    Lines that differ where the upstream speaks TLS come after them: they state how the gateway trusts the authority.
    """
    place = Place(Path("FOLDER"), 8000, 8001)
    plain = _lines(gateway.launch(place))
    tls = [each for each in _lines(gateway.launch(place._replace(authority="authority.pem"))) if each not in plain]
    version = f" {gateway.environment.version}" if gateway.environment else ""
    lines = [f"### Settings of {gateway.name}{version}", "", gateway.about, ""]
    if gateway.environment:
        pinned = [*gateway.environment.packages, *(f"{n}@{v}" for n, v in gateway.environment.overrides.items())]
        lines += [f"Packages: {', '.join(f'`{each}`' for each in pinned)}.", ""]
    lines += ["```text", *plain, "```", ""]
    lines += [f"For `{TLS}`, these lines differ or are added:", "", "```text", *dict.fromkeys(tls), "```", ""]
    return "\n".join([*lines, f"Settings from: {', '.join(gateway.sources)}"])


def _lines(launch: Launch) -> list[str]:
    """Return the command, the variables, the headers and the files of a launch, line by line."""
    lines = [f"$ {_shown(shlex.join(launch.command))}"]
    lines += [f"{name}={_shown(value)}" for name, value in launch.environment.items()]
    lines += [f"{name}: {value}" for name, value in launch.headers.items()]
    for name, text in launch.files.items():
        lines += [f"--- {name}", *text.strip().splitlines()]
    return lines


def _shown(text: str) -> str:
    """Return a command or a value without the folders of this machine."""
    for path, name in ((sys.executable, "python"), (str(Path(__file__).resolve().parents[2]), "."), *_caches()):
        text = text.replace(path, name)
    return text


def _caches() -> list[tuple[str, str]]:
    from benchmarks.gateways.peers import CACHE

    return [(str(CACHE), "CACHE")]
