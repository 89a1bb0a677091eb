"""`understudy ledger`: the file of the ledger, its upkeep and its contents for other programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.manual import Example, Manual
from understudy.cli.span import VARIABLES, SpanOptions
from understudy.cli.terminal import prepare_library, print_json, say
from understudy.client.ledger import path_of
from understudy.config import Config, load
from understudy.domain.errors import ConfigError, Misuse
from understudy.ledger.sums import DAY

if TYPE_CHECKING:
    from understudy.ledger.entries import LedgerEntry

ACTIONS = ("prune", "vacuum", "export", "verify")
FORMATS = ("jsonl", "csv", "parquet")
_PAGE = 1_000

MANUAL = Manual(
    text="""\
`prune` removes entries older than --keep days (or `keep_days` in [llm.ledger]); the sums of their days stay, so `usage`
by day, model or key goes on to show them. `vacuum` gives the space back to the disk. `verify` checks the file for
damage, and the sums of each day against its entries. `export` writes the selected entries, the newest first.""",
    examples=(
        Example("Remove what is older than a year", "understudy ledger prune --keep 365"),
        Example("See what that would remove", "understudy ledger prune --keep 365 --dry-run"),
        Example("Hand November to another program", "understudy ledger export --since 2026-11-01 > november.jsonl"),
        Example("Write a Parquet file", "understudy ledger export --format parquet --output all.parquet"),
        Example("Check the file", "understudy ledger verify"),
    ),
    exits={
        ExitCode.OK: "",
        ExitCode.UNAVAILABLE: "`verify` found something wrong",
        ExitCode.MISUSE: "invalid usage or configuration, or there is no ledger yet",
    },
    variables=VARIABLES,
    see="docs/ledger.md",
)


class UpkeepReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `--json` prints."""

    action: str
    path: str
    removed: int | None = None
    """Entries that `prune` removed, or would remove."""
    freed: int | None = None
    """Bytes that `vacuum` gave back."""
    wrong: tuple[str, ...] = ()
    """What `verify` found."""


class LedgerOptions(SpanOptions, frozen=True, kw_only=True):
    """The options of `ledger`."""

    action: Annotated[str, typer.Argument(metavar="ACTION", show_default=False, help=f"{', '.join(ACTIONS)}.")]
    keep: Annotated[
        int | None, typer.Option("--keep", metavar="DAYS", min=1, help="prune: keep the entries of so many days.")
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="prune: only count what would be removed.")] = False
    format: Annotated[str, typer.Option("--format", metavar="FORMAT", help=f"export: {', '.join(FORMATS)}.")] = "jsonl"
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="export: write to this file, not to stdout.")
    ] = None


def ledger(options: LedgerOptions) -> None:
    """Prune, vacuum, verify or export the ledger."""
    prepare_library()
    with report_errors(as_json=options.as_json, verbose=options.verbose):
        if options.action not in ACTIONS:
            raise Misuse(f"the action is one of {', '.join(ACTIONS)}, got {options.action!r}")
        if options.action == "export":
            _export(options)
            return
        config = load(options.config, probe=lambda _: True, may_be_empty=True)
        report = _perform(options, config)
    if options.as_json:
        print_json(report)
    else:
        _print(report, dry_run=options.dry_run)
    if report.wrong:
        raise typer.Exit(ExitCode.UNAVAILABLE)


def _perform(options: LedgerOptions, config: Config) -> UpkeepReport:
    from understudy.ledger.sqlite import upkeep

    path = path_of(config)
    if config.ledger.enabled and config.ledger.url is not None:
        raise ConfigError("the ledger is in a database, whose own tools prune and check it; export works")
    if path is None:
        raise ConfigError("no ledger is kept: [llm.ledger] has enabled = false\n  remove that line")
    report = UpkeepReport(action=options.action, path=str(path))
    if options.action == "vacuum":
        freed = upkeep.vacuum(path)
        return msgspec.structs.replace(report, freed=freed.before - freed.after)
    if options.action == "verify":
        return msgspec.structs.replace(report, wrong=tuple(upkeep.verify(path)))
    days = options.keep or config.ledger.keep_days
    if days is None:
        raise Misuse("prune needs --keep DAYS, or keep_days in [llm.ledger]")
    remove = upkeep.count_old if options.dry_run else upkeep.prune
    return msgspec.structs.replace(report, removed=remove(path, time.time() - days * DAY))


def _print(report: UpkeepReport, *, dry_run: bool) -> None:
    if report.removed is not None:
        entries = "1 entry" if report.removed == 1 else f"{report.removed:,} entries"
        print(f"{entries} would be removed" if dry_run else f"{entries} removed; vacuum gives the space back")
    elif report.freed is not None:
        print(f"{max(0, report.freed):,} bytes freed")
    elif report.wrong:
        for each in report.wrong:
            say(each, label="error", style="error")
    else:
        print("nothing is wrong")


def _export(options: LedgerOptions) -> None:
    from understudy.reports.export import write_csv, write_json_lines, write_parquet

    if options.format not in FORMATS:
        raise Misuse(f"--format is one of {', '.join(FORMATS)}, got {options.format!r}")
    if options.format == "parquet":
        if options.output is None:
            raise Misuse("--format parquet needs --output FILE")
        write_parquet(_entries(options), options.output)
        return
    write = write_csv if options.format == "csv" else write_json_lines
    if options.output is None:
        write(_entries(options), sys.stdout)
        return
    try:
        with options.output.open("w", encoding="utf-8", newline="") as stream:
            write(_entries(options), stream)
    except OSError as error:
        raise Misuse(f"{options.output} cannot be written: {error.strerror or error}") from error


def _entries(options: LedgerOptions) -> Iterator[LedgerEntry]:
    """Yield the selected entries, page by page."""
    selection, before = options.selection(), None
    with options.reader() as reader:
        while page := reader.entries(selection, before=before, limit=_PAGE):
            yield from page
            before = page[-1].start.attempt_id
