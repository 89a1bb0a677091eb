"""`understudy simulate`: outages on virtual time, through the real engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors, usable
from understudy.cli.manual import LOOKS, Example, Manual
from understudy.cli.options import JsonOption, Options
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import plain_table, print_json, say, show
from understudy.config import Config, load
from understudy.domain.errors import ConfigError, Misuse
from understudy.domain.suggestions import suggestion
from understudy.simulator import (
    SCENARIOS,
    Assertion,
    Measures,
    Scenario,
    load_scenario,
    parse_scenario,
    read_assertion,
    simulate_seeds,
)
from understudy.simulator.assertions import FIGURES
from understudy.simulator.casting import cast_of
from understudy.simulator.charts import charts
from understudy.simulator.environment import KeysForSimulations
from understudy.simulator.shipped import text_of

if TYPE_CHECKING:
    from rich.table import Table

MANUAL = Manual(
    text=f"""\
Runs the real engine (plans, retries, fallback, cooldowns, deadlines, records) on virtual time against modelled
providers, and prints what callers would have seen: availability, latency, cost, attempts, and how soon a target is in
use again. Nothing is sent and no key is needed. The same seed gives the same records, byte for byte.

SCENARIO is a TOML file, or the name of a scenario that comes with understudy (--list). Without --config the scenario's
own configuration applies; with several the results stand side by side. If the entries of a configuration have other
names than the targets of the scenario, they play these in the order of their priority.

--assert compares a figure with a number: {"; ".join(f"{name}: {what}" for name, what in FIGURES.items())}.""",
    examples=(
        Example("See what five minutes without the primary cost", "understudy simulate outage"),
        Example(
            "Compare two configurations, over many seeds",
            "understudy simulate brown-out --config a.toml --config b.toml --seeds 20",
        ),
        Example(
            "Fail a build if a change costs availability",
            "understudy simulate a-year --assert 'availability >= 0.999'",
        ),
        Example("List the scenarios", "understudy simulate --list"),
    ),
    exits={
        ExitCode.OK: "every assertion holds",
        ExitCode.UNAVAILABLE: "an assertion does not hold",
        ExitCode.MISUSE: "invalid usage, scenario or configuration",
        ExitCode.INTERNAL: "the engine violated one of its invariants: a bug",
    },
    variables=LOOKS,
    see="docs/simulator.md, which describes scenarios",
)

_OWN = "scenario"
"""The name of the configuration in the scenario itself."""
_ROWS: tuple[tuple[str, str], ...] = (
    ("availability", "{:.4%}"),
    ("latency p50", "{:.2f} s"),
    ("latency p95", "{:.2f} s"),
    ("latency p99", "{:.2f} s"),
    ("first token p50", "{:.2f} s"),
    ("first token p95", "{:.2f} s"),
    ("first token p99", "{:.2f} s"),
    ("cost per 1,000 answers", "${:.4g}"),
    ("attempts per request", "{:.3f}"),
    ("requests that paid", "{:,}"),
    ("recovery p50", "{:.1f} s"),
    ("recovery max", "{:.1f} s"),
    ("never recovered", "{:,}"),
)
_FIGURES = (
    *("availability", "p50", "p95", "p99", "first_token_p50", "first_token_p95", "first_token_p99", "cost_per_1000"),
    *("attempts_per_request", "paid", "recovery_p50", "recovery_max", "unrecovered"),
)
"""The figures of `_ROWS`, in their order."""


class SimulateOptions(Options, frozen=True, kw_only=True):
    """The options of `simulate`."""

    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", show_default=False, help="A TOML file, or a name of --list.")
    ] = None
    configs: Annotated[
        list[Path] | None,
        typer.Option("--config", metavar="PATH", help="Configuration to simulate. May be repeated, to compare."),
    ] = None
    list_them: Annotated[bool, typer.Option("--list", help="List the scenarios that come with understudy.")] = False
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="How many seeds to run.")] = 1
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The first seed.")] = 1
    requests: Annotated[
        int | None,
        typer.Option("--requests", metavar="N", min=1, help="Scale the traffic to about N requests of each seed."),
    ] = None
    assertions: Annotated[
        list[str] | None,
        typer.Option("--assert", metavar="'NAME OP NUMBER'", help="Fail unless this holds. May be repeated."),
    ] = None
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Also write plots; needs understudy[plots].")
    ] = None
    as_json: JsonOption = False


def simulate(options: SimulateOptions) -> None:
    """Simulate outages: the real engine on virtual time, seed by seed."""
    if options.list_them:
        _list(as_json=options.as_json)
        return
    with report_errors(as_json=options.as_json):
        scenario = _scenario(options.scenario)
        configs = _configs(scenario, options.configs)
        names = dict.fromkeys(entry.entry for config in configs.values() for entry in config.providers)
        assertions = [read_assertion(text, names) for text in options.assertions or ()]
        for config in configs.values():
            cast_of(scenario, config)
        seeds = range(options.seed, options.seed + options.seeds)
        results = {
            name: simulate_seeds(scenario, config, seeds, requests=options.requests) for name, config in configs.items()
        }
        if options.plot is not None:
            _write_plot(options.plot, scenario, results)
    if options.as_json:
        print_json(_report(scenario, results, assertions))
    else:
        _show(scenario, configs, results)
    _judge(results, assertions)


def _list(*, as_json: bool) -> None:
    if as_json:
        print_json(dict(SCENARIOS))
        return
    table = plain_table("scenario", "what happens")
    for name, what in SCENARIOS.items():
        table.add_row(name, what)
    show(table, sys.stdout)


def _scenario(given: str | None) -> Scenario:
    """Return the scenario that is named, or the one in a file. Raise `Misuse` if there is neither."""
    if given is None:
        raise Misuse(f"name a scenario: a TOML file, or one of {', '.join(SCENARIOS)}")
    if given in SCENARIOS:
        return parse_scenario(text_of(given), name=given)
    if not Path(given).is_file() and not given.endswith(".toml"):
        raise Misuse(f"unknown scenario {given!r}; {suggestion(given, SCENARIOS)} Or write the path of a TOML file")
    return load_scenario(Path(given))


def _configs(scenario: Scenario, paths: list[Path] | None) -> dict[str, Config]:
    """Return the configurations by their names: that of each file, or the scenario's own."""
    if not paths:
        if scenario.config is None:
            raise ConfigError(f"{scenario.name} holds no configuration: pass --config, or write [[llm.providers]]")
        return {_OWN: scenario.config}
    environ = KeysForSimulations(os.environ)
    short = len({path.stem for path in paths}) == len(paths)
    return {path.stem if short else str(path): load(path, environ=environ) for path in paths}


def _write_plot(path: Path, scenario: Scenario, results: Mapping[str, Measures]) -> None:
    from understudy.simulator.images import write_png

    with usable(f"--plot {path}"):
        write_png(path, scenario.title, results, scenario.duration)


# ---- what is printed ----


def _report(scenario: Scenario, results: Mapping[str, Measures], assertions: list[Assertion]) -> dict[str, Any]:
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "configurations": {
            name: {
                "seeds": measures.seeds,
                "figures": measures.values(),
                "errors": measures.errors,
                "failures": {target: each.failures for target, each in measures.targets.items()},
                "assertions": [{"assertion": str(each), "holds": each.holds(measures)} for each in assertions],
                "violations": measures.notes,
                "traces": measures.traces,
                "virtual_seconds": measures.virtual,
                "cpu_seconds": measures.elapsed,
            }
            for name, measures in results.items()
        },
    }


def _show(scenario: Scenario, configs: Mapping[str, Config], results: Mapping[str, Measures]) -> None:
    print(clean_line(scenario.title))
    for name, config in configs.items():
        roles = {entry: role.name for entry, role in cast_of(scenario, config).items() if role.name != entry}
        for entry, role in roles.items():
            say(f"{name}: {clean_line(entry)} plays {clean_line(role)}", label="note")
    print()
    show(_table(results), sys.stdout)
    width = max(len(title) for measures in results.values() for title, _ in charts(measures))
    for name, measures in results.items():
        print(f"\n{name if len(results) > 1 else 'over time'}:")
        for title, line in charts(measures):
            print(f"  {clean_line(title):{width}} {line}")
    requests = sum(measures.requests for measures in results.values())
    elapsed = sum(measures.elapsed for measures in results.values())
    virtual = sum(measures.virtual for measures in results.values())
    rate = requests / elapsed if elapsed else 0.0
    say(f"{requests:,} requests in {virtual:,.0f} virtual seconds; {rate:,.0f} a second of processor time")


def _table(results: Mapping[str, Measures]) -> Table:
    table = plain_table("")
    for name in results:
        table.add_column(clean_line(name), justify="right", no_wrap=True)
    values = [measures.values() for measures in results.values()]
    table.add_row("requests", *(f"{measures.requests:,}" for measures in results.values()))
    for (title, form), figure in zip(_ROWS, _FIGURES, strict=True):
        cells = [each[figure] for each in values]
        if any(cell is not None for cell in cells):
            table.add_row(title, *("" if cell is None else form.format(cell) for cell in cells))
    for target in dict.fromkeys(name for measures in results.values() for name in measures.targets):
        shares = (each.get(f"share.{target}") for each in values)
        table.add_row(f"share of {clean_line(target)}", *("" if each is None else f"{each:.2%}" for each in shares))
    for error in sorted({name for measures in results.values() for name in measures.errors}):
        table.add_row(error, *(f"{measures.errors.get(error, 0):,}" for measures in results.values()))
    return table


def _judge(results: Mapping[str, Measures], assertions: list[Assertion]) -> None:
    """Report what does not hold, and end with the exit code for it."""
    failed = False
    for name, measures in results.items():
        for assertion in assertions:
            if not assertion.holds(measures):
                failed = True
                value = measures.values()[assertion.name]
                measured = "could not be measured" if value is None else f"is {value:.6g}"
                say(f"{name}: {assertion} does not hold: {assertion.name} {measured}", label="error", style="error")
    for name, measures in results.items():
        for note in measures.notes:
            say(f"{name}: {note}", label="violation", style="error")
    if any(measures.violations for measures in results.values()):
        raise typer.Exit(ExitCode.INTERNAL)
    if failed:
        raise typer.Exit(ExitCode.UNAVAILABLE)
