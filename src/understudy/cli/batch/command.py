"""`understudy batch`: the requests of a file, answered into another."""

from __future__ import annotations

import asyncio
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from understudy.cli import completion
from understudy.cli.exits import ExitCode
from understudy.cli.failing import told
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import (
    ConfigOption,
    JsonOption,
    NoColorOption,
    NoFallbackOption,
    Settings,
    VerboseOption,
    check_timeout,
)
from understudy.cli.terminal import prepare_library, say
from understudy.domain.errors import Misuse

if TYPE_CHECKING:
    from understudy.cli.batch.ceiling import Ceiling
    from understudy.cli.batch.journal import Journal
    from understudy.cli.batch.run import Account, Orders
    from understudy.cli.batch.source import Source
    from understudy.client.manager import ProviderManager
    from understudy.client.provider import Provider
    from understudy.config import Config

MANUAL = Manual(
    text="""\
Each line of the input asks one thing: a chat completion, a response or embeddings. Each line of the output answers one,
in the order in which answers arrive; `custom_id` says which. Any provider answers, in OpenAI's form: a line's
`body.model` is an entry, `entry/model` or the model of an entry, and when that fails the next entry goes on.

The whole input is checked before anything is sent. Answers are written as they arrive, so the same command goes on
where it was stopped, however that happened, kill -9 included: what is finished is not asked again. One process at a
time writes to an output.""",
    examples=(
        Example("Answer a file", "understudy batch requests.jsonl -o answers.jsonl"),
        Example(
            "Keep below a rate and a sum",
            "understudy batch requests.jsonl -o answers.jsonl \\\n  --rate 500/min --max-cost 20",
        ),
        Example(
            "Try ten lines with another model first",
            "understudy batch requests.jsonl -o trial.jsonl --limit 10 -m ollama",
        ),
        Example(
            "Ask what failed once more",
            "understudy batch requests.jsonl -o answers.jsonl --retry-errors",
        ),
        Example(
            "Take the texts out",
            "jq -r '[.custom_id, .response.body.choices[0].message.content] | @tsv' \\\n  answers.jsonl",
        ),
    ),
    exits={
        ExitCode.OK: "every line is answered, or as many as --limit allows",
        ExitCode.UNAVAILABLE: "lines ended in an error, or are left; stderr says how many and why",
        ExitCode.MISUSE: "wrong usage, configuration or input; nothing was sent",
        ExitCode.OUTPUT_FAILED: "the output cannot be written; what stands in it is whole",
        ExitCode.INTERRUPTED: "Ctrl-C; the same command goes on",
    },
    variables={**CONFIGURATION, **LOOKS},
    see="docs/batch.md",
)

Input = Annotated[
    str, typer.Argument(metavar="INPUT", help="The file of requests, a JSON object a line; `-` is stdin.")
]
OutputOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="PATH", help="Where answers go, and where a stopped batch goes on.")
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="ENTRY[/MODEL]",
        autocompletion=completion.targets,
        help="Ask this instead of each line's own `body.model`.",
    ),
]
ConcurrencyOption = Annotated[
    int, typer.Option("--concurrency", "-c", metavar="N", min=1, max=1000, help="Lines that are asked at once.")
]
RateOption = Annotated[
    str | None,
    typer.Option("--rate", metavar="N[/s|/min|/h]", help="Lines that are begun, a minute if no unit is given; evenly."),
]
TokensOption = Annotated[
    str | None,
    typer.Option("--tokens-per-minute", metavar="N", help="Tokens of prompts and answers; estimated, then corrected."),
]
MaxCostOption = Annotated[
    str | None,
    typer.Option(
        "--max-cost",
        metavar="USD",
        help="Begin no line when the output, with what is on its way, would have cost more than this.",
    ),
]
LimitOption = Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Lines of this run, then stop.")]
RetryErrorsOption = Annotated[
    bool, typer.Option("--retry-errors", help="Ask lines again that ended in an error; their old lines go.")
]
RetryChangedOption = Annotated[
    bool, typer.Option("--retry-changed", help="Ask lines again that were answered before the input was changed.")
]
GiveUpOption = Annotated[
    int,
    typer.Option(
        "--give-up-after",
        metavar="N",
        min=0,
        help="Stop when so many lines in a row failed through no fault of their own; 0 never does.",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", help="For each line, all its attempts and waits together."),
]


class Retries(NamedTuple):
    """Which finished lines are asked again."""

    errors: bool
    changed: bool


class Prepared(NamedTuple):
    """What has to be done, and what has been."""

    account: Account
    ceiling: Ceiling
    finished: bytearray
    """One byte for each line of the input; 1 when it is finished."""


def batch(
    context: typer.Context,
    *,
    source: Input,
    output: OutputOption,
    model: ModelOption = None,
    no_fallback: NoFallbackOption = False,
    concurrency: ConcurrencyOption = 8,
    rate: RateOption = None,
    tokens_per_minute: TokensOption = None,
    max_cost: MaxCostOption = None,
    limit: LimitOption = None,
    timeout: TimeoutOption = None,
    retry_errors: RetryErrorsOption = False,
    retry_changed: RetryChangedOption = False,
    give_up_after: GiveUpOption = 25,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Answer a file of requests, as OpenAI's Batch API does."""
    from understudy.cli.batch.closing import conclude
    from understudy.cli.batch.run import Orders

    settings = Settings.of(context, config, verbose=verbose)
    with told(as_json=as_json, verbose=settings.verbose):
        orders = Orders(
            concurrency=concurrency,
            requests=_rate("--rate", rate),
            tokens=_rate("--tokens-per-minute", tokens_per_minute),
            limit=limit,
            give_up_after=give_up_after,
        )
        check_timeout(timeout)
        wishes = _Wishes(source, output, orders, model, timeout, _money(max_cost), Retries(retry_errors, retry_changed))
        prepared = _answer(wishes, settings, no_fallback=no_fallback)
    raise typer.Exit(conclude(prepared.account, prepared.ceiling, as_json=as_json))


class _Wishes(NamedTuple):
    source: str
    output: Path
    orders: Orders
    model: str | None
    timeout: float | None
    most: int | None
    """Nano-USD."""
    retries: Retries


def _answer(wishes: _Wishes, settings: Settings, *, no_fallback: bool) -> Prepared:
    """Answer what is left of the input, and return how far it came. Raises `Misuse` before anything is sent."""
    from understudy.cli.batch.journal import Journal
    from understudy.cli.batch.source import open_source
    from understudy.cli.choice import alone_first
    from understudy.cli.inquiry import show_notices
    from understudy.config import load

    config = load(settings.config)
    config = alone_first(config) if no_fallback else config
    _check_paths(wishes.source, wishes.output)
    show_notices(config.notices)
    lines = open_source(wishes.source)
    journal = Journal(wishes.output.expanduser())
    try:
        prepared = _prepare(lines, journal, wishes.most, wishes.retries)
        errand = _Errand(lines, journal, wishes.orders, wishes.model, wishes.timeout, settings.verbose)
        _perform(errand, config, prepared)
    finally:
        journal.close()
        lines.close()
    return prepared


class _Errand(NamedTuple):
    lines: Source
    journal: Journal
    orders: Orders
    model: str | None
    timeout: float | None
    verbose: bool


def _rate(option: str, text: str | None) -> float | None:
    from understudy.cli.batch.pace import read_rate

    if text is None:
        return None
    try:
        return read_rate(text)
    except ValueError as error:
        raise Misuse(f"{option} {error}") from error


def _money(text: str | None) -> int | None:
    """Return nano-USD."""
    if text is None:
        return None
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount <= 0:
        raise Misuse(f"--max-cost {text}: write US dollars, such as 2.50")
    return int(amount.scaleb(9))


def _check_paths(source: str, output: Path) -> None:
    if str(output) == "-":
        raise Misuse("--output -: it must be a file, for a batch that was stopped goes on from it")
    try:
        same = source != "-" and Path(source).expanduser().samefile(output.expanduser())
    except OSError:
        same = False
    if same:
        raise Misuse(f"--output {output} is the input itself")


def _prepare(lines: Source, journal: Journal, most: int | None, retries: Retries) -> Prepared:
    """Compare the output with the input. Raises `Misuse` when they do not belong together."""
    from understudy.cli.batch.ceiling import Ceiling
    from understudy.cli.batch.resume import compare
    from understudy.cli.batch.run import Account

    found = compare(lines, journal.entries())
    if journal.repaired:
        say("a line that was cut in the middle was taken away; it is asked again", label="note")
    if found.changed and not retries.changed:
        raise Misuse(found.complaint(journal.path))
    unwanted = {*(found.failed if retries.errors else ()), *found.changed}
    if unwanted:
        journal.drop(lambda entry: entry.custom_id in unwanted)
    if found.strangers:
        say(f"{found.strangers} lines of {journal.path} answer no line of {lines.name}", label="note")
    finished, failed = found.finished, len(found.failed - unwanted)
    for custom_id in unwanted:
        finished[lines.positions[custom_id]] = 0
    account = Account(total=len(lines), before=sum(finished), failed_before=failed)
    return Prepared(account, Ceiling(most, found.spent), finished)


def _perform(errand: _Errand, config: Config, prepared: Prepared) -> None:
    """Run what is left; Ctrl-C ends it in good order."""
    from understudy.cli.batch.run import Stop
    from understudy.client.manager import from_loaded

    if not prepared.account.remaining:
        prepared.account.stop = Stop.FINISHED
        return
    prepare_library()
    provider = from_loaded(config)
    if errand.model is not None:
        provider.explain("?", model=errand.model)  # a name that is nobody's is told before anything is sent
    try:
        asyncio.run(_drive(errand, provider, prepared))
    except KeyboardInterrupt:
        prepared.account.stop = Stop.INTERRUPTED


async def _drive(errand: _Errand, provider: Provider | ProviderManager, prepared: Prepared) -> None:
    from understudy.cli.batch.asking import Asker
    from understudy.cli.batch.progress import View
    from understudy.cli.batch.run import Run

    account, ceiling = prepared.account, prepared.ceiling
    async with provider:
        asker = Asker(provider, errand.model, errand.timeout)
        run = Run(errand.lines, errand.journal, asker, errand.orders, ceiling=ceiling, account=account)
        todo = (position for position, finished in enumerate(prepared.finished) if not finished)
        with View(account, ceiling, verbose=errand.verbose) as view:
            await run.go(todo, view)
