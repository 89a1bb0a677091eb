"""`understudy usage`: what was used, and what it cost."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import msgspec
import typer

from understudy.cli.budget_table import print_budgets
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.manual import Example, Manual
from understudy.cli.sanitize import clean_line
from understudy.cli.span import VARIABLES, SpanOptions
from understudy.cli.terminal import plain_table, prepare_library, print_json, say, show
from understudy.client.keys import budgets_of_keys
from understudy.domain.errors import Misuse
from understudy.ledger.selection import By
from understudy.reports.budgets import MOST, read_budgets
from understudy.reports.export import cell
from understudy.reports.usage import UsageResult, report_sums

if TYPE_CHECKING:
    from rich.table import Table

MANUAL = Manual(
    text="""\
Adds up what the ledger holds: every attempt of the command line and of the gateway, lost ones included.
Days are those of UTC. Costs and tokens that are not known are not in the sums; the table states how many are missing.

Models that run on your own machine cost nothing: there the table shows tokens and times.""",
    examples=(
        Example("Show the days of the last week", "understudy usage"),
        Example("See which models this month's money went to", "understudy usage --by model --since 2026-11-01"),
        Example("See what a team used, by key", "understudy usage --by key --tag team=search --since 30d"),
        Example("See what is left of each budget", "understudy usage --budgets"),
        Example("Hand it on to a spreadsheet", "understudy usage --by day --since 365d --csv > usage.csv"),
    ),
    exits={ExitCode.OK: "", ExitCode.MISUSE: "invalid usage or configuration, or there is no ledger yet"},
    variables=VARIABLES,
    see="docs/ledger.md",
)

DIMENSIONS: tuple[By, ...] = get_args(By)
SINCE = "7d"
_BAR = 20


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    by: str
    since: float | None
    """Unix seconds."""
    until: float | None
    usage: tuple[UsageResult, ...]


class UsageOptions(SpanOptions, frozen=True, kw_only=True):
    """The options of `usage`."""

    by: Annotated[str, typer.Option("--by", metavar="WHAT", help=f"What to add up by: {', '.join(DIMENSIONS)}.")] = (
        "day"
    )
    budgets: Annotated[
        bool, typer.Option("--budgets", help="Show what is spent, reserved and left of each budget instead.")
    ] = False
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values on stdout.")] = False

    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Write bars to a PNG file; needs matplotlib.")
    ] = None


def usage(options: UsageOptions) -> None:
    """Show what was used and what it cost, by day, model or key."""
    prepare_library()
    with report_errors(as_json=options.as_json, verbose=options.verbose):
        if options.budgets:
            _show_budgets(options)
            return
        by = _dimension(options.by)
        if options.as_json and options.as_csv:
            raise Misuse("--json and --csv cannot be combined")
        selection = options.selection(SINCE)
        with options.reader() as reader:
            found = reader.usage(by, selection)
    results = [report_sums(value, sums) for value, sums in found.items()]
    results.sort(key=(lambda each: (each.value,)) if by == "day" else _importance)
    if options.plot is not None:
        from understudy.reports.plots import write_usage_png

        with report_errors(as_json=options.as_json, verbose=options.verbose):
            write_usage_png(options.plot, by, results)
    if options.as_json:
        print_json(UsageReport(by=by, since=selection.since, until=selection.until, usage=tuple(results)))
    elif options.as_csv:
        _write_csv(results)
    else:
        _print(by, results)


def _show_budgets(options: UsageOptions) -> None:
    """Show the balances of the configured budgets, and of those of virtual keys."""
    config = options.configuration()
    budgets = (*config.allowance.budgets, *budgets_of_keys(config))
    with options.reader() as reader:
        found = [*read_budgets(reader, budgets, time.time(), MOST)]
    if options.as_json:
        print_json(found)
    else:
        print_budgets(found)


def _dimension(given: str) -> By:
    for known in DIMENSIONS:
        if known == given:
            return known
    raise Misuse(f"--by is one of {', '.join(DIMENSIONS)}, got {given!r}")


def _importance(result: UsageResult) -> tuple[float, int, str]:
    """Return what sorts the dearest first, then what was used most."""
    return -float(result.cost_usd), -(result.input_tokens + result.output_tokens), result.value


def _write_csv(results: list[UsageResult]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(UsageResult.__struct_fields__)
    writer.writerows([cell(getattr(each, name)) for name in UsageResult.__struct_fields__] for each in results)


def _print(by: By, results: list[UsageResult]) -> None:
    if not results:
        say("nothing was used in that time: --since and --until set another one", label="note")
        return
    show(_table(by, results), sys.stdout)
    if missing := sum(each.unknown_costs for each in results) if by in ("day", "provider") else 0:
        attempts = "1 attempt is" if missing == 1 else f"{missing} attempts are"
        say(f"the costs of {attempts} not known, and not in the sums", label="note")


def _table(by: By, results: list[UsageResult]) -> Table:
    table = plain_table(by)
    costs = [float(each.cost_usd) for each in results]
    sizes = costs if any(costs) else [float(each.input_tokens + each.output_tokens) for each in results]
    for title in ("requests", "attempts", "failed", "in", "cached", "out", "cost"):
        table.add_column(title, justify="right", no_wrap=True)
    for title in ("seconds", "first"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for each, size in zip(results, sizes, strict=True):
        table.add_row(
            clean_line(each.value),
            *(f"{count:,}" for count in (each.requests, each.attempts, each.failed)),
            *(f"{count:,}" for count in (each.input_tokens, each.cached_tokens, each.output_tokens)),
            _cost(each),
            *("" if seconds is None else f"{seconds:.2f}" for seconds in (each.mean_seconds, each.mean_first_seconds)),
            "█" * round(_BAR * size / max(sizes)) if any(sizes) else "",
        )
    return table


def _cost(result: UsageResult) -> str:
    """Return the cost as far as it is known; `+?` if some of it is not."""
    return f"${float(result.cost_usd):,.4f}{'+?' if result.unknown_costs else ''}"
