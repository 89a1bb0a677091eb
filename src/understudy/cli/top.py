"""`understudy top`: what happens now, live: at the gateway, or in the ledger if no gateway is running."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.manual import Example, Manual
from understudy.cli.options import CommonOptions, JsonOption
from understudy.cli.sanitize import clean_line
from understudy.cli.span import VARIABLES
from understudy.cli.stats import stats_table
from understudy.cli.terminal import console, is_terminal, plain_table, prepare_library, print_json
from understudy.cli.top_now import picture_of
from understudy.client.ledger import place_of, read_ledger
from understudy.config import load
from understudy.fleet.opening import open_fleet
from understudy.fleet.orders import standing
from understudy.fleet.store import MINUTE, FleetStore, FleetUnavailable, History
from understudy.ledger.selection import LedgerSelection
from understudy.reports.now import SPAN, NowReport, now_report

if TYPE_CHECKING:
    from rich.console import RenderableType

    from understudy.ledger import LedgerQueries

MANUAL = Manual(
    text="""\
Follows the gateway that uses this configuration, until Ctrl-C: whether all is well, what is wrong, which target stands
in for which, how many requests there are, how long they take and what they cost, over all its processes and machines.
If none is running, it follows the ledger: the attempts that are under way, and how each entry did in the last minutes.
It asks no provider. Where the output is not a terminal, it prints once and ends.""",
    examples=(
        Example("Watch the gateway work", "understudy top"),
        Example("See in a script whether all is well", "understudy top --json | jq -r .status"),
        Example("Without a gateway, show the last hour", "understudy top --minutes 60 --interval 5"),
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
    minutes: Annotated[
        float, typer.Option("--minutes", metavar="N", min=1, help="How far the rates of a ledger go back.")
    ] = 5.0
    once: Annotated[bool, typer.Option("--once", help="Print once and end.")] = False
    as_json: JsonOption = False


def top(options: TopOptions) -> None:
    """Follow what is under way, until Ctrl-C."""
    prepare_library()
    with report_errors(as_json=options.as_json, verbose=options.verbose), contextlib.ExitStack() as stack:
        config = load(options.config, probe=lambda _: True, may_be_empty=True)
        store = open_fleet(place_of(config), makes_file=False)
        stack.callback(store.close)
        report = _now(store)
        if options.as_json:
            print_json(report)
            return
        reader = stack.enter_context(read_ledger(config)) if report.status == "off" else None

        def picture() -> RenderableType:
            now = _now(store)
            return picture_of(now) if reader is None or now.status != "off" else _picture(reader, options.minutes)

        if options.once or not is_terminal(sys.stdout):
            console(sys.stdout).print(picture())
        else:
            _follow(picture, options.interval)


def _now(store: FleetStore) -> NowReport:
    """Return what happens now, as the processes of a gateway report it."""
    at = time.time()
    try:
        history = store.history(at - (SPAN + 1) * MINUTE, at + MINUTE)
        return now_report(store.members(), history, at, orders=standing(store.orders()).values())
    except FleetUnavailable as error:
        return now_report((), History(), at, trouble=str(error))


def _follow(picture: Callable[[], RenderableType], interval: float) -> None:
    from rich.live import Live

    live = Live(picture(), console=console(sys.stdout), auto_refresh=False)
    try:
        live.start(refresh=True)
        while True:
            time.sleep(interval)
            live.update(picture(), refresh=True)
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
