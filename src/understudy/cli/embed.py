"""`understudy embed`: texts to vectors."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, NamedTuple, cast

import msgspec
import typer

from understudy.cli import completion
from understudy.cli.exits import ExitCode
from understudy.cli.failing import usable
from understudy.cli.interrupts import run_async
from understudy.cli.keeping import ledger_if_possible
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.messages import price, show_attempts, tokens
from understudy.cli.options import CommonOptions, NoFallbackOption, check_options
from understudy.cli.sanitize import Shown, clean_line
from understudy.cli.terminal import console, is_terminal, prepare_library, require_output, say
from understudy.cli.vectors import Format, Writer, writer_of
from understudy.domain.errors import DeadlineExceeded, EmbeddingFailed, Misuse, QuotaExhausted
from understudy.domain.money import Money
from understudy.domain.requests import InputType
from understudy.domain.responses import EmbeddingResponse, joined
from understudy.reports.results import report_embeddings

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.client.provider import Provider
    from understudy.protocol import EmbedOptions

CHUNK = 1024
"""Texts per call: that many vectors are held as Python floats, 32 bytes per number."""
AHEAD = 2
"""Calls in flight at once; each may send several requests itself."""

MANUAL = Manual(
    text="""\
Each argument is a text, and so is each line of a file or of standard input; --whole reads a file as one text, --field
reads the texts from JSON lines. Vectors are in the order of the texts.

One JSON object is printed, with the vectors as its last key. --output writes to a file instead, completely or not at
all, in the format of its extension: .json, .jsonl for one line per text, .npy for numpy.load().

Vectors of different models cannot be compared, so the command falls back only to entries of the same embedding
space.""",
    examples=(
        Example("One text", 'understudy embed "a text" | jq .embeddings[0]'),
        Example("One text per line, for NumPy", "understudy embed -f titles.txt -o titles.npy"),
        Example("A field of JSON lines", "understudy embed -f articles.jsonl --field body -o articles.npy"),
        Example(
            "A question, for models that distinguish queries from documents",
            'understudy embed --input-type query "who?"',
        ),
        Example(
            "Shorter vectors from a specific model", "understudy embed -m openai/text-embedding-3-large -d 256 a b"
        ),
    ),
    exits={
        ExitCode.OK: "every text has a vector",
        ExitCode.UNAVAILABLE: "",
        ExitCode.MISUSE: "",
        ExitCode.REFUSED: "",
        ExitCode.OUTPUT_FAILED: "",
        ExitCode.INTERRUPTED: "",
    },
    variables={**CONFIGURATION, **LOOKS},
)


class EmbeddingOptions(CommonOptions, frozen=True, kw_only=True):
    """The options of `embed`."""

    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT...",
            show_default=False,
            help="One text per argument; quote sentences. If it is `-` or missing: one per line of standard input.",
        ),
    ] = None
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", metavar="PATH", help="Read one text per line from a file. May be repeated."),
    ] = None
    whole: Annotated[
        bool, typer.Option("--whole", help="Read each file, and standard input, as one text instead of lines.")
    ] = False
    field: Annotated[
        str | None,
        typer.Option("--field", metavar="NAME", help="Read lines as JSON objects and take the text from this field."),
    ] = None
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="ENTRY[/MODEL]",
            autocompletion=completion.embedding_targets,
            help="Target to ask; the default is the first entry that has an embedding model.",
        ),
    ] = None
    dimensions: Annotated[
        int | None,
        typer.Option("--dimensions", "-d", metavar="N", min=1, help="Length of the vectors, if the model supports it."),
    ] = None
    input_type: Annotated[
        InputType | None,
        typer.Option(
            "--input-type",
            metavar="TYPE",
            help="What the vectors are for: document, query, classification or clustering, if the model supports it.",
        ),
    ] = None
    no_fallback: NoFallbackOption = False
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PATH", help="Write to a file once everything is complete.")
    ] = None
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", metavar="json|jsonl|npy", help="Output format, if the file name does not determine it."
        ),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", help="Time limit for all texts, attempts and waits together."),
    ] = None
    max_cost: Annotated[
        str | None,
        typer.Option(
            "--max-cost",
            metavar="USD",
            help="What all texts may cost at most, all attempts together; nothing is sent that may cost more.",
        ),
    ] = None


class EmbedCall(NamedTuple):
    """Which provider embeds which texts."""

    provider: Provider | ProviderManager
    texts: list[str]
    options: EmbedOptions
    timeout: float | None
    max_cost: int | None
    """In nano-USD, for all texts."""


def embed(options: EmbeddingOptions) -> None:
    """Turn texts into embedding vectors."""
    from understudy.cli.choice import alone_first
    from understudy.cli.invocation import show_notices
    from understudy.cli.texts import gather
    from understudy.client.door.options import read_max_cost
    from understudy.client.manager import from_loaded
    from understudy.config import load

    max_cost = None if options.max_cost is None else options.max_cost.strip().removeprefix("$")
    check_options({"model": options.model, "deadline": options.timeout, "max_cost": max_cost})
    if options.output is None:
        require_output()
    form = _format_of(options.form, options.output)
    texts = gather(options.texts or (), options.file or (), whole=options.whole, field=options.field)
    config = load(options.config)
    config = alone_first(config) if options.no_fallback else config
    show_notices(config.notices)
    given = {"model": options.model, "dimensions": options.dimensions, "input_type": options.input_type}
    asked = cast("EmbedOptions", {name: value for name, value in given.items() if value is not None})
    prepare_library()
    llm = from_loaded(config, sink=ledger_if_possible(config))
    call = EmbedCall(llm, texts, asked, options.timeout, read_max_cost(max_cost))
    with _open_output(options.output) as target, closing(writer_of(form, target, texts)) as writer:
        run_async(_perform(call, writer, verbose=options.verbose))


def _format_of(form: Format | None, output: Path | None) -> Format:
    """Return the output format: the one given, or else the one that the file name ends in."""
    if form is None and output is not None:
        ending = output.suffix.removeprefix(".").lower()
        if ending not in list(Format):
            raise Misuse(f"--output {output}: the name must end in .json, .jsonl or .npy, or give --format")
        return Format(ending)
    if form is Format.NPY and output is None and is_terminal(sys.stdout):
        raise Misuse("--format npy is binary and cannot be shown on a terminal: write it to a file with --output")
    return form or Format.JSON


@contextlib.contextmanager
def _open_output(output: Path | None) -> Iterator[IO[bytes]]:
    """Open stdout, or a temporary file that becomes the output once everything is written."""
    if output is None:
        yield Shown(sys.stdout.buffer) if is_terminal(sys.stdout) else sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = output.expanduser()
    special = path.exists() and not path.is_file()
    part = path if special else path.with_name(f".{path.name}.{os.getpid()}")
    with usable(f"--output {output}"):
        file = part.open("wb" if special else "xb")
    try:
        with file:
            yield file
        if not special:
            part.replace(path)
    except BaseException as error:
        if not special:
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(output)) from error
        raise


async def _perform(call: EmbedCall, writer: Writer, *, verbose: bool) -> None:
    """Request all vectors and write them as they arrive."""
    whole: EmbeddingResponse | None = None
    length = 0
    with _progress(len(call.texts)) as advance:
        async with call.provider, aclosing(_answers(call)) as answers:
            async for answer in answers:
                length = length or len(answer.embedding)
                _check(answer, length)
                writer.add(answer.embeddings)
                advance(len(answer.embeddings))
                # Vectors and raw bodies may be large.
                usage = msgspec.structs.replace(answer.usage, raw=None)
                rest = msgspec.structs.replace(answer, embeddings=(), raw=None, usage=usage)
                whole = rest if whole is None else joined((whole, rest))
    if whole is None:
        raise AssertionError("there is at least one text, and therefore an answer")
    writer.finish(report_embeddings(whole, len(call.texts), length))
    _report(whole, len(call.texts), length, verbose=verbose)


async def _answers(call: EmbedCall) -> AsyncGenerator[EmbeddingResponse, None]:
    """Yield the answers to all texts in their order, a few calls at a time; with a limit of what they may cost one
    after the other, each with what those before have left of it."""
    end = None if call.timeout is None else time.monotonic() + call.timeout
    left, ahead = call.max_cost, AHEAD if call.max_cost is None else 1
    chunks = deque(call.texts[start : start + CHUNK] for start in range(0, len(call.texts), CHUNK))
    under_way: deque[asyncio.Task[EmbeddingResponse]] = deque()
    try:
        while chunks or under_way:
            while chunks and len(under_way) < ahead:
                under_way.append(asyncio.create_task(_answer(call, chunks.popleft(), end, left)))
            answer = await under_way.popleft()
            if left is not None and chunks:
                left = _left(left, answer)
            yield answer
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _answer(call: EmbedCall, texts: Sequence[str], end: float | None, left: int | None) -> EmbeddingResponse:
    options: EmbedOptions = {**call.options}
    if left is not None:
        options["max_cost"] = Money(left).usd
    if end is not None:
        options["deadline"] = seconds = end - time.monotonic()
        if seconds <= 0:
            raise DeadlineExceeded(f"--timeout {call.timeout:g}: not enough time for all {len(call.texts)} texts")
    return await call.provider.embed(texts, **options)


def _left(left: int, answer: EmbeddingResponse) -> int:
    """Return what an answer has left for the next. Raise `QuotaExhausted` if that is nothing, or unknown."""
    spent = answer.total_cost
    if spent is None:
        raise QuotaExhausted(
            "--max-cost: what was spent is not known, so the rest is not sent", attempts=answer.attempts
        )
    if spent.amount.nano_usd >= left:
        raise QuotaExhausted("--max-cost is spent before all texts have vectors", attempts=answer.attempts)
    return left - spent.amount.nano_usd


def _check(answer: EmbeddingResponse, length: int) -> None:
    """Check that all vectors have the same length; others come from a fallback to another embedding space."""
    for vector in answer.embeddings:
        if len(vector) != length:
            raise EmbeddingFailed(
                f"{answer.provider} returned vectors of length {len(vector)} after others of length {length}: they "
                "cannot be compared; set a different embedding_space for entries with different models",
                attempts=answer.attempts,
            )


@contextlib.contextmanager
def _progress(count: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal if it takes more than one call."""
    if count <= CHUNK or not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("texts"), TimeRemainingColumn())
    with Progress(*columns, console=console(sys.stderr), transient=True) as bar:
        task = bar.add_task("texts", total=count)
        yield lambda done: bar.advance(task, done)


def _report(response: EmbeddingResponse, count: int, length: int, *, verbose: bool) -> None:
    """Report warnings; if `verbose`, also the attempts, the vectors and their cost."""
    for warning in response.warnings:
        say(f"{warning.kind} {warning.what} ({clean_line(warning.why)})", label="warning", style="warning")
    if not verbose:
        return
    show_attempts(response.attempts)
    name = clean_line("/".join(filter(None, (response.provider, response.model))))
    used = tokens(response.usage).partition(" ")[0]
    words = [f"{count} vector{'s' if count > 1 else ''} of {length} numbers from {name}"]
    words += [f"{used} tokens"] if used else []
    say(" · ".join([*words, f"cost {price(response.cost)}"]), label="note")
