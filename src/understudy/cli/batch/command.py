"""`understudy batch`: the requests of a file, answered into another."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from understudy.cli import completion
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.interrupts import run_async
from understudy.cli.keeping import ledger_if_possible
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import CommonOptions, JsonOption, NoFallbackOption, check_options
from understudy.cli.terminal import prepare_library, say
from understudy.domain.errors import Misuse

if TYPE_CHECKING:
    from understudy.cli.batch.journal import Journal
    from understudy.cli.batch.run import BatchProgress, RunLimits
    from understudy.cli.batch.source import Source
    from understudy.client.manager import ProviderManager
    from understudy.client.provider import Provider
    from understudy.config import Config
    from understudy.policy.spending import SpendingLimit

MANUAL = Manual(
    text="""\
Each line of the input is one request: a chat completion, a response or embeddings. Each line of the output answers one,
in the order in which answers arrive; `custom_id` identifies it. Any provider can answer, in OpenAI's format: a line's
`body.model` is an entry, `entry/model` or the model of an entry, and if that fails the next entry takes over.

The whole input is checked before anything is sent. Answers are written as they arrive, so the same command resumes an
interrupted batch, even after kill -9: finished lines are not sent again. Only one process at a time can write to an
output.""",
    examples=(
        Example("Answer a file", "understudy batch requests.jsonl -o answers.jsonl"),
        Example(
            "Limit the rate and the cost",
            "understudy batch requests.jsonl -o answers.jsonl \\\n  --rate 500/min --max-cost 20",
        ),
        Example(
            "Try ten lines with another model first",
            "understudy batch requests.jsonl -o trial.jsonl --limit 10 -m ollama",
        ),
        Example("Retry the lines that failed", "understudy batch requests.jsonl -o answers.jsonl --retry-errors"),
        Example(
            "Extract the texts",
            "jq -r '[.custom_id, .response.body.choices[0].message.content] | @tsv' \\\n  answers.jsonl",
        ),
    ),
    exits={
        ExitCode.OK: "every line is answered, or as many as --limit allows",
        ExitCode.UNAVAILABLE: "lines failed or remain; stderr reports how many and why",
        ExitCode.MISUSE: "invalid usage, configuration or input; nothing was sent",
        ExitCode.OUTPUT_FAILED: "the output could not be written; its existing lines are complete",
        ExitCode.INTERRUPTED: "Ctrl-C; the same command resumes",
    },
    variables={**CONFIGURATION, **LOOKS},
    see="docs/batch.md",
)


class BatchOptions(CommonOptions, frozen=True, kw_only=True):
    """The options of `batch`, as written on the command line."""

    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="The file of requests, one JSON object per line; `-` is stdin.")
    ]
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="PATH", help="File for the answers; an interrupted batch resumes from it."
        ),
    ]
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="ENTRY[/MODEL]",
            autocompletion=completion.targets,
            help="Target to use instead of each line's own `body.model`.",
        ),
    ] = None
    no_fallback: NoFallbackOption = False
    concurrency: Annotated[
        int,
        typer.Option("--concurrency", "-c", metavar="N", min=1, max=1000, help="Number of lines in flight at once."),
    ] = 8
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate", metavar="N[/s|/min|/h]", help="Lines started per minute, or per the given unit, evenly spaced."
        ),
    ] = None
    tokens_per_minute: Annotated[
        str | None,
        typer.Option(
            "--tokens-per-minute",
            metavar="N",
            help="Tokens of prompts and answers per minute; estimated first, then corrected.",
        ),
    ] = None
    max_cost: Annotated[
        str | None,
        typer.Option(
            "--max-cost",
            metavar="USD",
            help="Start no line if the whole output, including lines in flight, would then cost more than this.",
        ),
    ] = None
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Stop after this many lines in this run.")
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", metavar="SECONDS", help="Time limit for each line: all its attempts and waits together."
        ),
    ] = None
    retry_errors: Annotated[
        bool,
        typer.Option("--retry-errors", help="Retry lines that ended in an error; their old output lines are removed."),
    ] = False
    retry_changed: Annotated[
        bool, typer.Option("--retry-changed", help="Retry lines whose input changed after they were answered.")
    ] = False
    give_up_after: Annotated[
        int,
        typer.Option(
            "--give-up-after",
            metavar="N",
            min=0,
            help="Stop after N consecutive failures that the lines did not cause; 0 never stops.",
        ),
    ] = 25
    as_json: JsonOption = False


class Batch(NamedTuple):
    """The files of a batch, and how far it has come."""

    source: Source
    journal: Journal
    progress: BatchProgress
    spending: SpendingLimit
    finished: bytearray
    """One byte for each line of the input; 1 if it is finished."""


def batch(options: BatchOptions) -> None:
    """Answer a file of requests, as OpenAI's Batch API does."""
    from understudy.cli.batch.closing import conclude
    from understudy.cli.batch.run import RunLimits

    with report_errors(as_json=options.as_json, verbose=options.verbose):
        limits = RunLimits(
            concurrency=options.concurrency,
            requests=_rate("--rate", options.rate),
            tokens=_rate("--tokens-per-minute", options.tokens_per_minute),
            lines=options.limit,
            give_up_after=options.give_up_after,
        )
        check_options({"model": options.model, "deadline": options.timeout})
        max_cost = _nano_usd(options.max_cost)
        progress, spending = _answer(options, limits, max_cost)
    raise typer.Exit(conclude(progress, spending, as_json=options.as_json))


def _answer(options: BatchOptions, limits: RunLimits, max_cost: int | None) -> tuple[BatchProgress, SpendingLimit]:
    """Answer the remaining lines. Return how far the batch came. Raise `Misuse` before anything is sent."""
    from understudy.cli.batch.journal import Journal
    from understudy.cli.batch.source import open_source
    from understudy.cli.choice import alone_first
    from understudy.cli.invocation import show_notices
    from understudy.config import load

    config = load(options.config)
    config = alone_first(config) if options.no_fallback else config
    _check_paths(options.source, options.output)
    show_notices(config.notices)
    with closing(open_source(options.source)) as source, closing(Journal(options.output.expanduser())) as journal:
        prepared = _prepare(source, journal, options, max_cost)
        _run(prepared, options, limits, config)
    return prepared.progress, prepared.spending


def _rate(option: str, text: str | None) -> float | None:
    from understudy.policy.pace import parse_rate

    if text is None:
        return None
    try:
        return parse_rate(text)
    except ValueError as error:
        raise Misuse(f"{option}: {error}") from error


def _nano_usd(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount <= 0:
        raise Misuse(f"--max-cost must be an amount in US dollars, such as 2.50; got {text!r}")
    return int(amount.scaleb(9))


def _check_paths(source: str, output: Path) -> None:
    if str(output) == "-":
        raise Misuse("--output must be a file, not `-`: an interrupted batch resumes from it")
    try:
        same = source != "-" and Path(source).expanduser().samefile(output.expanduser())
    except OSError:
        same = False
    if same:
        raise Misuse(f"--output {output} is the input itself")


def _prepare(source: Source, journal: Journal, options: BatchOptions, max_cost: int | None) -> Batch:
    """Compare the output with the input. Raise `Misuse` if they do not belong together."""
    from understudy.cli.batch.resume import compare
    from understudy.cli.batch.run import BatchProgress
    from understudy.policy.spending import SpendingLimit

    found = compare(source, journal.entries())
    if journal.repaired:
        say("removed an incomplete last line from the output; its request is sent again", label="note")
    if found.changed and not options.retry_changed:
        raise Misuse(found.complaint(journal.path))
    again = {*(found.failed if options.retry_errors else ()), *found.changed}
    if again:
        journal.drop(lambda entry: entry.custom_id in again)
    if found.strangers:
        say(f"lines of {journal.path} that match no line of {source.name}: {found.strangers}", label="note")
    for custom_id in again:
        found.finished[source.positions[custom_id]] = 0
    progress = BatchProgress(total=len(source), before=sum(found.finished), failed_before=len(found.failed - again))
    return Batch(source, journal, progress, SpendingLimit(max_cost, found.spent), found.finished)


def _run(batch: Batch, options: BatchOptions, limits: RunLimits, config: Config) -> None:
    """Run what is left; Ctrl-C stops it cleanly."""
    from understudy.cli.batch.run import Stop
    from understudy.client.manager import from_loaded

    if not batch.progress.remaining:
        batch.progress.stop = Stop.FINISHED
        return
    prepare_library()
    provider = from_loaded(config, sink=ledger_if_possible(config))
    if options.model is not None:
        provider.explain("?", model=options.model)  # an unknown name is an error before anything is sent
    try:
        run_async(_ask_lines(batch, options, limits, provider))
    except KeyboardInterrupt:
        batch.progress.stop = Stop.INTERRUPTED


async def _ask_lines(
    batch: Batch, options: BatchOptions, limits: RunLimits, provider: Provider | ProviderManager
) -> None:
    from understudy.cli.batch.asking import Asker
    from understudy.cli.batch.progress import View
    from understudy.cli.batch.run import BatchRun

    async with provider:
        asker = Asker(provider, options.model, options.timeout)
        run = BatchRun(batch.source, batch.journal, asker, limits, spending=batch.spending, progress=batch.progress)
        todo = (position for position, finished in enumerate(batch.finished) if not finished)
        with View(batch.progress, batch.spending, verbose=options.verbose) as view:
            await run.run(todo, view)
