"""`understudy top`: what is under way, live from the ledger."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.manual import Example, Manual
from understudy.cli.options import CommonOptions
from understudy.cli.sanitize import clean_line
from understudy.cli.span import VARIABLES
from understudy.cli.stats import stats_table
from understudy.cli.terminal import console, is_terminal, plain_table, prepare_library
from understudy.client.ledger import read_ledger
from understudy.config import load
from understudy.ledger.selection import LedgerSelection

if TYPE_CHECKING:
    from rich.console import RenderableType

    from understudy.ledger import LedgerQueries

MANUAL = Manual(
    text="""\
Follows the ledger of this machine: the attempts that are under way, and how each entry did in the last minutes, until
Ctrl-C. It reads the file that the command line and the gateway write, and asks no provider. Where the output is not a
terminal, it prints once and ends.""",
    examples=(
        Example("Watch the gateway work", "understudy top"),
        Example("Show the last hour, every 5 seconds", "understudy top --minutes 60 --interval 5"),
    ),
    exits={
        ExitCode.OK: "also after Ctrl-C",
        ExitCode.MISUSE: "invalid usage or configuration, or there is no ledger yet",
    },
    variables=VARIABLES,
    see="docs/ledger.md",
)
_SHOWN = 20


class TopOptions(CommonOptions, frozen=True, kw_only=True):
    """The options of `top`."""

    interval: Annotated[float, typer.Option("--interval", metavar="SECONDS", min=0.2, help="How often.")] = 1.0
    minutes: Annotated[float, typer.Option("--minutes", metavar="N", min=1, help="How far the rates go back.")] = 5.0
    once: Annotated[bool, typer.Option("--once", help="Print once and end.")] = False


def top(options: TopOptions) -> None:
    """Follow what is under way, until Ctrl-C."""
    prepare_library()
    with report_errors(verbose=options.verbose):
        reader = read_ledger(load(options.config, probe=lambda _: True, may_be_empty=True))
    screen = console(sys.stdout)
    with reader:
        if options.once or not is_terminal(sys.stdout):
            screen.print(_picture(reader, options.minutes))
            return
        _follow(reader, options)


def _follow(reader: LedgerQueries, options: TopOptions) -> None:
    from rich.live import Live

    live = Live(_picture(reader, options.minutes), console=console(sys.stdout), auto_refresh=False)
    try:
        live.start(refresh=True)
        while True:
            time.sleep(options.interval)
            live.update(_picture(reader, options.minutes), refresh=True)
    except KeyboardInterrupt:
        pass
    finally:
        live.stop()  # which shows the cursor again, also if Ctrl-C came while the first picture was drawn


def _picture(reader: LedgerQueries, minutes: float) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    now = time.time()
    under_way = reader.entries(LedgerSelection(state="started"), limit=_SHOWN + 1)
    found = reader.usage("provider", LedgerSelection(since=now - minutes * 60))
    table = plain_table("target", "seconds", "who", "route")
    for entry in under_way[:_SHOWN]:
        start = entry.start
        who = " ".join(filter(None, (start.labels.get("key"), start.labels.get("client"), start.session)))
        target = "/".join(filter(None, (start.provider, start.model)))
        seconds, route = f"{max(0.0, now - start.started):.1f}", clean_line(start.route or "")
        table.add_row(clean_line(target), seconds, clean_line(who), route)
    count = f"{_SHOWN}+" if len(under_way) > _SHOWN else str(len(under_way))
    title = f"{time.strftime('%H:%M:%S')}  {count} under way; the last {minutes:g} minutes:"
    parts: list[RenderableType] = [Text(title)]
    parts.append(stats_table("provider", found) if found else Text("nothing was used"))
    return Group(*parts, *([table] if under_way else []))
