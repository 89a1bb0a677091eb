"""`understudy stats`: how well each target answers, and how quickly."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, get_args

import msgspec
import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.manual import Example, Manual
from understudy.cli.sanitize import clean_line
from understudy.cli.span import VARIABLES, SpanOptions
from understudy.cli.terminal import plain_table, prepare_library, print_json, say, show
from understudy.domain.errors import Misuse
from understudy.ledger.selection import By
from understudy.ledger.sums import UsageSums
from understudy.reports.usage import UsageResult, report_sums

if TYPE_CHECKING:
    from rich.table import Table

MANUAL = Manual(
    text="""\
Shows of each entry of the configuration how many attempts succeeded, how long answers took, how many tokens came per
second, and what they cost, as the ledger of this machine has it. `usage` adds up what was used; `top` follows it
live.""",
    examples=(
        Example("See how the providers did in the last day", "understudy stats"),
        Example("Compare models over a month", "understudy stats --by model --since 30d"),
    ),
    exits={ExitCode.OK: "", ExitCode.MISUSE: "invalid usage or configuration, or there is no ledger yet"},
    variables=VARIABLES,
    see="docs/ledger.md",
)
SINCE = "24h"
DIMENSIONS: tuple[By, ...] = get_args(By)


class StatsReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    by: str
    stats: tuple[UsageResult, ...]


class StatsOptions(SpanOptions, frozen=True, kw_only=True):
    """The options of `stats`."""

    by: Annotated[str, typer.Option("--by", metavar="WHAT", help=f"One line for each {', '.join(DIMENSIONS)}.")] = (
        "provider"
    )


def stats(options: StatsOptions) -> None:
    """Show how well each target answered, and how quickly."""
    prepare_library()
    with report_errors(as_json=options.as_json, verbose=options.verbose):
        by: By | None = next((known for known in DIMENSIONS if known == options.by), None)
        if by is None:
            raise Misuse(f"--by is one of {', '.join(DIMENSIONS)}, got {options.by!r}")
        with options.reader() as reader:
            found = reader.usage(by, options.selection(SINCE))
    if options.as_json:
        results = (report_sums(value, sums) for value, sums in sorted(found.items()))
        print_json(StatsReport(by=by, stats=tuple(results)))
    elif found:
        show(stats_table(by, found), sys.stdout)
    else:
        say("nothing was used in that time: --since and --until set another one", label="note")


def stats_table(by: str, found: Mapping[str, UsageSums]) -> Table:
    """Return a table of rates and times, those with the most attempts first."""
    table = plain_table(by)
    for title in ("attempts", "succeeded", "seconds", "first", "tokens/s", "cost"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for value, sums in sorted(found.items(), key=lambda item: (-item[1].attempts, item[0])):
        result, share = report_sums(value, sums), sums.succeeded / sums.attempts if sums.attempts else 0.0
        speed = sums.output * 1_000_000 / sums.duration if sums.duration else None
        table.add_row(
            clean_line(value),
            f"{sums.attempts:,}",
            f"{share:.1%}",
            *("" if each is None else f"{each:.2f}" for each in (result.mean_seconds, result.mean_first_seconds)),
            "" if speed is None else f"{speed:.0f}",
            f"${float(result.cost_usd):,.4f}{'+?' if sums.unpriced else ''}",
            "█" * round(10 * share),
        )
    return table
