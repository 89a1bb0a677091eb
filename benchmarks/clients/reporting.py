"""What the report says about clients."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.clients.comparison import CALLS, CHUNKS, LONG, PAUSE_MS, SHORT, Library
from benchmarks.clients.libraries import BARE
from benchmarks.clients.worker import CONCURRENCY, LARGE, STREAMS
from benchmarks.compared import Compared
from benchmarks.report.document import Plot, Section, Table, figures_table, missing_table, ratios_plot, ratios_table

_HOW = f"""
One process of each client on one core, on uvloop; the stub, which answers at once, has the other cores. CPU is that of
the client's process, threads included. 1 KB is a question, 40 KB an agent's request with 20 tools, 1 MB the same after
a long tool loop; the answer is one sentence, or 200 KB. {CONCURRENCY} calls are under way at once, {LARGE} of 1 MB, or
{STREAMS} streams. A chunk is the difference between streams of {LONG} and {SHORT} chunks, for each chunk more; the stub
sends one every {PAUSE_MS} ms, or, in a burst, all at once; those of a tool call come in a burst. Over TLS the
certificate is checked. Figures are medians over the rounds, ratios are medians of the ratios of each round, with the
least and the most.
"""


def clients_section(libraries: Sequence[Library], found: Compared) -> Section:
    """Return tables, plots, what is missing and how each client is used."""
    rounds = found.rounds
    names = [each.name for each in libraries if any(rounds.figure(measure, each.name) for measure in rounds.measures)]
    base = BARE.name if BARE.name in names else next(iter(names), "")
    parts: list[Table | Plot | str] = [_HOW.strip()]
    for title, measures in (("a call", CALLS), ("a chunk", CHUNKS)):
        if names:
            columns = {each: each for each in measures}
            parts += [
                figures_table(f"CPU of a client: µs {title}", rounds, names, columns, ""),
                ratios_table(f"CPU of a client for {title}, ratio to {base}", rounds, names, columns, base, ""),
            ]
    for at, measure in enumerate((*CALLS, *CHUNKS)):
        parts.append(ratios_plot(f"CPU: {measure}, ratio to {base}", f"client-{at}.svg", rounds, names, measure, base))
    parts.append(missing_table("Clients without figures, or without all", found.missing))
    used = [(each.name, _version(each), each.about) for each in libraries]
    return Section(
        "Clients", [*parts, Table("Clients and how they are used", ["", "packages", "used as"], used, words=True)]
    )


def _version(library: Library) -> str:
    return ", ".join(library.environment.packages) if library.environment else "this project's"
