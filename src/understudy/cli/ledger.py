"""`understudy ledger`: the file of the ledger, its upkeep and its contents for other programs."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.manual import Example, Manual
from understudy.cli.sanitize import clean, escaped_json
from understudy.cli.span import VARIABLES, SpanOptions
from understudy.cli.terminal import prepare_library, print_json, say
from understudy.client.ledger import place_of, refuse_to_change
from understudy.config import Config, load
from understudy.domain.errors import ConfigError, Misuse
from understudy.domain.secret import Secret
from understudy.ledger.captures import CapturedTexts
from understudy.ledger.entries import LedgerEntry
from understudy.ledger.freed import Freed
from understudy.ledger.sums import DAY

if TYPE_CHECKING:
    from understudy.ledger import LedgerQueries

ACTIONS = ("prune", "vacuum", "export", "verify")
FORMATS = ("jsonl", "csv", "parquet")
_PAGE, _CAPTURED_PAGE = 1_000, 100

MANUAL = Manual(
    text="""\
`prune` removes entries older than --keep days (or `keep_days` in [llm.ledger]); the sums of their days stay, so `usage`
by day, model or key goes on to show them; with --captured it removes prompts and answers only. `vacuum` gives the space
back to the disk; PostgreSQL keeps it for new entries. `verify` checks the file for damage, and the sums of each day
against its entries. `export` writes the
selected entries, the newest first; with --captured, prompts and answers too, where they were kept.""",
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


class CapturedEntry(LedgerEntry, frozen=True, kw_only=True):
    """One attempt as `export --captured` writes it."""

    captured: CapturedTexts | None = None
    """Its prompt and its answer; `None` if they were not kept."""


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
    captured: Annotated[
        bool, typer.Option("--captured", help="prune: prompts and answers only. export: them, too (jsonl).")
    ] = False
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
        _print(report, options)
    if report.wrong:
        raise typer.Exit(ExitCode.UNAVAILABLE)


class _Upkeep(NamedTuple):
    """What can be done to one ledger; times are Unix seconds."""

    count_old: Callable[[float], int]
    count_captured: Callable[[float], int]
    prune: Callable[[float], int]
    prune_captured: Callable[[float], int]
    vacuum: Callable[[], Freed]
    verify: Callable[[], list[str]]


def _upkeep_of(config: Config) -> tuple[str, _Upkeep]:
    """Return where the ledger of a configuration is, and its upkeep. Raise `ConfigError` if none is kept."""
    match place_of(config):
        case None:
            raise ConfigError("no ledger is kept: [llm.ledger] has enabled = false\n  remove that line")
        case Path() as path:
            from understudy.ledger.sqlite import upkeep as of_files

            return str(path), _Upkeep(*(partial(getattr(of_files, name), path) for name in _Upkeep._fields))
        case Secret() as url:
            from understudy.ledger.postgres import upkeep as of_databases
            from understudy.ledger.postgres.connecting import place_of as place_of_url

            functions = (partial(getattr(of_databases, name), url.reveal()) for name in _Upkeep._fields)
            return place_of_url(url.reveal()), _Upkeep(*functions)


def _perform(options: LedgerOptions, config: Config) -> UpkeepReport:
    place, upkeep = _upkeep_of(config)
    if options.action == "vacuum" or (options.action == "prune" and not options.dry_run):
        refuse_to_change(config)
    report = UpkeepReport(action=options.action, path=place)
    if options.action == "vacuum":
        freed = upkeep.vacuum()
        return msgspec.structs.replace(report, freed=freed.before - freed.after)
    if options.action == "verify":
        return msgspec.structs.replace(report, wrong=tuple(upkeep.verify()))
    days = options.keep or (config.ledger.capture_keep_days if options.captured else config.ledger.keep_days)
    if days is None:
        raise Misuse("prune needs --keep DAYS, or keep_days in [llm.ledger]")
    if options.captured:
        remove = upkeep.count_captured if options.dry_run else upkeep.prune_captured
    else:
        remove = upkeep.count_old if options.dry_run else upkeep.prune
    return msgspec.structs.replace(report, removed=remove(time.time() - days * DAY))


def _print(report: UpkeepReport, options: LedgerOptions) -> None:
    if report.removed is not None:
        entries = "1 entry" if report.removed == 1 else f"{report.removed:,} entries"
        if options.captured:
            entries = f"prompts and answers of {'1 attempt' if report.removed == 1 else f'{report.removed:,} attempts'}"
        print(f"{entries} would be removed" if options.dry_run else f"{entries} removed; vacuum gives the space back")
    elif report.freed is not None:
        print(f"{max(0, report.freed):,} bytes freed")
    elif report.wrong:
        for each in report.wrong:
            say(each, label="error", style="error")
    else:
        print("nothing is wrong")


def _export(options: LedgerOptions) -> None:
    from understudy.reports.export import write_csv, write_json_lines, write_parquet

    if options.captured and options.format != "jsonl":
        raise Misuse("--captured needs --format jsonl")
    if options.format not in FORMATS:
        raise Misuse(f"--format is one of {', '.join(FORMATS)}, got {options.format!r}")
    if options.format == "parquet":
        if options.output is None:
            raise Misuse("--format parquet needs --output FILE")
        write_parquet(_entries(options), options.output)
        return
    write = write_csv if options.format == "csv" else write_json_lines
    entries = _with_captured(options) if options.captured else _entries(options)
    if options.output is None:
        write(
            entries, _Shown(clean if options.format == "csv" else escaped_json) if sys.stdout.isatty() else sys.stdout
        )
        return
    try:
        with options.output.open("w", encoding="utf-8", newline="") as stream:
            write(entries, stream)
    except OSError as error:
        raise Misuse(f"{options.output} cannot be written: {error.strerror or error}") from error


class _Shown(io.StringIO):
    """Text on its way to a terminal, which must interpret nothing of it."""

    def __init__(self, harmless: Callable[[str], str]) -> None:
        super().__init__()
        self._harmless = harmless

    def write(self, text: str) -> int:
        """Write what the terminal may show."""
        return sys.stdout.write(self._harmless(text))


def _entries(options: LedgerOptions) -> Iterator[LedgerEntry]:
    """Yield the selected entries, page by page."""
    with options.reader() as reader:
        for page in _pages(options, reader, _PAGE):
            yield from page


def _with_captured(options: LedgerOptions) -> Iterator[LedgerEntry]:
    """Yield the selected entries with their prompts and answers."""
    with options.reader() as reader:
        for page in _pages(options, reader, _CAPTURED_PAGE):
            captured = reader.captured([each.start.attempt_id for each in page])
            for each in page:
                yield CapturedEntry(
                    state=each.state, start=each.start, record=each.record, captured=captured.get(each.start.attempt_id)
                )


def _pages(options: LedgerOptions, reader: LedgerQueries, size: int) -> Iterator[list[LedgerEntry]]:
    selection, before = options.selection(), None
    while page := reader.entries(selection, before=before, limit=size):
        yield page
        before = page[-1].start.attempt_id
