"""`understudy log`: recent requests, and how one of them was answered."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from understudy.cli.captured_texts import captured_lines
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.manual import Example, Manual
from understudy.cli.messages import attempts_table
from understudy.cli.sanitize import clean_line
from understudy.cli.span import VARIABLES, SpanOptions
from understudy.cli.terminal import plain_table, prepare_library, print_json, say, show
from understudy.domain.errors import Misuse
from understudy.domain.failures import FailureKind
from understudy.ledger.captures import CapturedTexts
from understudy.ledger.entries import EntryState, LedgerEntry
from understudy.ledger.selection import OUTCOMES
from understudy.reports.requests import find_request, gather_requests, write_requests_csv
from understudy.reports.selecting import check_choice, check_text
from understudy.reports.usage import RequestResult, report_request
from understudy.reports.waterfall import AttemptResult, RequestDetail, report_detail

if TYPE_CHECKING:
    from rich.table import Table

MANUAL = Manual(
    text="""\
Lists the requests of the command line and of the gateway that the ledger holds, the newest first. With `show ID` it
shows one of them: when each target was asked, for how long, with which outcome, and why the next one was asked. The
beginning of an ID is enough. Prompts and answers are kept only if `capture` in [llm.ledger] says so; --captured shows
them.""",
    examples=(
        Example("List the latest requests", "understudy log"),
        Example("List what failed today", "understudy log --state failed --since 24h"),
        Example("List what another target had to answer", "understudy log --outcome recovered --since 7d"),
        Example("Show how a request was answered", "understudy log show 019acf3c-7f00"),
        Example("Show what it was about, too", "understudy log show 019acf3c-7f00 --captured"),
    ),
    exits={ExitCode.OK: "", ExitCode.MISUSE: "invalid usage or configuration, no ledger yet, or no such request"},
    variables=VARIABLES,
    see="docs/ledger.md",
)

SHOWN = 18
"""Characters of an id in the list: the time in milliseconds and 12 random bits."""
_BAR = 40
_CHOICES = {
    "state": tuple(each.value for each in EntryState),
    "outcome": OUTCOMES,
    "failure": tuple(each.value for each in FailureKind),
}


class RequestReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `--json` prints of one request."""

    request: RequestResult
    attempts: tuple[LedgerEntry, ...]
    captured: dict[str, CapturedTexts] | None = None
    """With `--captured`: prompts and answers by the ids of their attempts."""


class LogOptions(SpanOptions, frozen=True, kw_only=True):
    """The options of `log`."""

    action: Annotated[
        str | None, typer.Argument(metavar="ACTION", show_default=False, help="show: one request instead of a list.")
    ] = None
    request: Annotated[
        str | None,
        typer.Argument(metavar="ID", show_default=False, help="The id of that request, or the beginning of it."),
    ] = None
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE", help=f"Only with an attempt that is {', '.join(EntryState)}."),
    ] = None
    outcome: Annotated[
        str | None,
        typer.Option("--outcome", metavar="OUTCOME", help=f"Only requests that ended so: {', '.join(OUTCOMES)}."),
    ] = None
    failure: Annotated[
        str | None,
        typer.Option("--failure", metavar="KIND", help="Only with an attempt that failed so, such as rate_limited."),
    ] = None
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="ID", help="Go on with an older page: `next` of the --json output before it."),
    ] = None
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the list as CSV.")] = False
    captured: Annotated[
        bool, typer.Option("--captured", help="show: the prompts and answers, too, where they were kept.")
    ] = False
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=10_000, help="How many.")] = 20


def log(options: LogOptions) -> None:
    """List recent requests, or show how one was answered."""
    prepare_library()
    with report_errors(as_json=options.as_json, verbose=options.verbose):
        wanted = _wanted(options.action, options.request)
        if options.captured and wanted is None:
            raise Misuse("--captured needs show ID")
        for name, known in _CHOICES.items():
            if (value := getattr(options, name)) is not None:
                check_choice(f"--{name}", value, known)
        if options.as_csv and (options.as_json or wanted is not None):
            raise Misuse("--csv is for the list, and cannot be combined with --json")
        for name, text in (("--before", options.before), ("the id", wanted)):
            check_text(name, text or "")
        selection = options.selection()
        with options.reader() as reader:
            attempts = find_request(reader, wanted) if wanted is not None else []
            captured = reader.captured([each.start.attempt_id for each in attempts]) if options.captured else None
            found = None if wanted else gather_requests(reader, selection, before=options.before, limit=options.limit)
    if found is None:
        _show(attempts, captured, as_json=options.as_json)
    elif options.as_json:
        print_json(found)
    elif options.as_csv:
        write_requests_csv(found.requests, sys.stdout)
    elif found.requests:
        show(_table(found.requests), sys.stdout)
    else:
        say("there is no such request", label="note")


def _wanted(action: str | None, request: str | None) -> str | None:
    """Return the id of the request to show. Raise `Misuse`."""
    if action not in (None, "show"):
        raise Misuse(f"unexpected {action!r}: write show ID")
    if action is not None and request is None:
        raise Misuse("show needs the id of a request: understudy log lists them")
    return request


# ---- the output ----


def _table(requests: Sequence[RequestResult]) -> Table:
    table = plain_table()
    for title in ("id", "time (UTC)"):
        table.add_column(title, no_wrap=True)
    for title in ("target", "outcome"):
        table.add_column(title, overflow="fold")
    for title in ("tries", "seconds", "in", "out", "cost"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("who", overflow="fold")
    for each in requests:
        table.add_row(
            each.id[:SHOWN],
            _time(each.started),
            clean_line("/".join(filter(None, (each.provider, each.model)))),
            each.outcome,
            str(each.attempts),
            "" if each.seconds is None else f"{each.seconds:.2f}",
            *("?" if count is None else f"{count:,}" for count in (each.input_tokens, each.output_tokens)),
            "?" if each.cost_usd is None else f"${float(each.cost_usd):,.4f}",
            clean_line(" ".join(filter(None, (each.key, each.agent)))),
        )
    return table


def _show(attempts: list[LedgerEntry], captured: dict[str, CapturedTexts] | None, *, as_json: bool) -> None:
    request = report_request(attempts)
    if as_json:
        print_json(RequestReport(request=request, attempts=tuple(attempts), captured=captured))
        return
    print(f"request  {request.id}")
    print(f"time     {_time(request.started)} UTC")
    for name in ("route", "task", "session", "key", "agent", "class"):
        if (value := getattr(request, "request_class" if name == "class" else name)) is not None:
            print(clean_line(f"{name:8} {value}"))
    print(f"cost     {'unknown' if request.cost_usd is None else f'${request.cost_usd}'}\n")
    for line in _waterfall(report_detail(attempts)):
        print(line)
    print()
    for line in attempts_table([each.record for each in attempts if each.record is not None]):
        print(line)
    for each in attempts:
        if each.record is None:
            print(f"{each.start.number}  {clean_line(each.start.provider)}  {each.state.value}")
    if captured is not None:
        _show_captured(attempts, captured)


def _show_captured(attempts: list[LedgerEntry], captured: dict[str, CapturedTexts]) -> None:
    if not captured:
        say("no prompt or answer of it was kept: see capture in [llm.ledger]", label="note")
    for each in attempts:
        if (texts := captured.get(each.start.attempt_id)) is not None:
            print(f"\nattempt {each.start.number}  {_target(each)}")
            for line in captured_lines(texts):
                print(line)


def _waterfall(request: RequestDetail) -> Iterator[str]:
    """Yield a bar for each attempt, on one scale of time: dots while it waited, a shade until its first content."""
    attempts = request.attempts
    scale = _BAR / max(*(_end(each) for each in attempts), 1e-6)
    width = max(len(_named(each)) for each in attempts)
    for each in attempts:
        waits, begins = round(each.waits_from * scale), round(each.begins * scale)
        flows = begins if each.first_content is None else round(each.first_content * scale)
        over = max(round(_end(each) * scale), begins + 1)
        bar = " " * waits + "·" * (begins - waits) + "░" * (flows - begins) + "█" * (over - max(flows, begins))
        why = f"  {clean_line(each.why)}" if each.why else ""
        yield f"{each.number}  {_named(each):{width}}  {bar:{_BAR + 1}}{why}".rstrip()


def _end(attempt: AttemptResult) -> float:
    return attempt.begins if attempt.ends is None else attempt.ends


def _named(attempt: AttemptResult) -> str:
    return clean_line("/".join(filter(None, (attempt.provider, attempt.model))))


def _target(entry: LedgerEntry) -> str:
    return clean_line("/".join(filter(None, (entry.start.provider, entry.start.model))))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
