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
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.messages import price, show_attempts, tokens
from understudy.cli.options import (
    ConfigOption,
    NoColorOption,
    NoFallbackOption,
    Settings,
    VerboseOption,
    check_timeout,
)
from understudy.cli.sanitize import Shown, clean_line
from understudy.cli.terminal import console, is_terminal, prepare_library, say
from understudy.cli.vectors import Facts, Format, Writer, writer_of
from understudy.domain.errors import DeadlineExceeded, EmbeddingFailed, Misuse
from understudy.domain.requests import InputType
from understudy.domain.responses import EmbeddingResponse, joined

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.client.provider import Provider
    from understudy.protocol import EmbedOptions

CHUNK = 1024
"""Texts of one call: so many vectors are held as numbers of Python's, 32 bytes each."""
AHEAD = 2
"""Calls under way at once; each may send several requests itself."""

MANUAL = Manual(
    text="""\
Each argument is a text, and so is each line of a file or of standard input; --whole takes a file as one text, --field
takes texts out of JSON lines. Vectors come in the order of the texts.

One JSON object is printed, with the vectors as its last key. --output writes to a file instead, whole or not at all, in
the form that its ending says: .json, .jsonl for a line a text, .npy for numpy.load().

Vectors of different models cannot be compared, so another entry stands in only where its vectors are of the same
space.""",
    examples=(
        Example("One text", 'understudy embed "a text" | jq .embeddings[0]'),
        Example("A text a line, for NumPy", "understudy embed -f titles.txt -o titles.npy"),
        Example("A field of JSON lines", "understudy embed -f articles.jsonl --field body -o articles.npy"),
        Example("For a question, where the model makes a difference", 'understudy embed --input-type query "who?"'),
        Example("Shorter vectors of a certain model", "understudy embed -m openai/text-embedding-3-large -d 256 a b"),
    ),
    exits={
        ExitCode.OK: "every text has its vector",
        ExitCode.UNAVAILABLE: "",
        ExitCode.MISUSE: "",
        ExitCode.REFUSED: "",
        ExitCode.OUTPUT_FAILED: "",
        ExitCode.INTERRUPTED: "",
    },
    variables={**CONFIGURATION, **LOOKS},
)

Texts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TEXT...",
        show_default=False,
        help="A text each; quote sentences. `-`, or nothing at all, takes a text a line from standard input.",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="ENTRY[/MODEL]",
        autocompletion=completion.embedding_targets,
        help="Ask this; without it, the first entry that has an embedding model.",
    ),
]
FileOption = Annotated[
    list[Path] | None,
    typer.Option("--file", "-f", metavar="PATH", help="Take a text a line from a file. May be repeated."),
]
WholeOption = Annotated[bool, typer.Option("--whole", help="Take each file, and standard input, as one text.")]
FieldOption = Annotated[
    str | None,
    typer.Option("--field", metavar="NAME", help="Take lines as JSON objects, and the text from this field."),
]
DimensionsOption = Annotated[
    int | None,
    typer.Option("--dimensions", "-d", metavar="N", min=1, help="Numbers of a vector, where the model can be told."),
]
InputTypeOption = Annotated[
    InputType | None,
    typer.Option(
        "--input-type",
        metavar="TYPE",
        help="What the vectors are for: document, query, classification or clustering, where the model knows that.",
    ),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="PATH", help="Write to a file, once everything is there.")
]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", metavar="json|jsonl|npy", help="The form of the output, where its ending does not say."),
]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="For all texts, attempts and waits together.")
]


class Errand(NamedTuple):
    """Whom to ask for the vectors of which texts."""

    provider: Provider | ProviderManager
    texts: list[str]
    options: EmbedOptions
    timeout: float | None
    verbose: bool


def embed(
    context: typer.Context,
    *,
    texts: Texts = None,
    file: FileOption = None,
    whole: WholeOption = False,
    field: FieldOption = None,
    model: ModelOption = None,
    dimensions: DimensionsOption = None,
    input_type: InputTypeOption = None,
    no_fallback: NoFallbackOption = False,
    output: OutputOption = None,
    form: FormatOption = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Turn texts into vectors."""
    from understudy.cli.choice import alone_first
    from understudy.cli.inquiry import show_notices
    from understudy.cli.texts import gather
    from understudy.client.manager import from_loaded
    from understudy.config import load

    settings = Settings.of(context, config, verbose=verbose)
    check_timeout(timeout)
    written = _form_of(form, output)
    material = gather(texts or (), file or (), whole=whole, field=field)
    loaded = load(settings.config)
    loaded = alone_first(loaded) if no_fallback else loaded
    show_notices(loaded.notices)
    options = {"model": model, "dimensions": dimensions, "input_type": input_type}
    given = cast("EmbedOptions", {name: value for name, value in options.items() if value is not None})
    prepare_library()
    errand = Errand(from_loaded(loaded), material, given, timeout, settings.verbose)
    with _opened(output) as target, closing(writer_of(written, target, material)) as writer:
        asyncio.run(_perform(errand, writer))


def _form_of(form: Format | None, output: Path | None) -> Format:
    """Return the form of the output: what was said, else what the file's ending says."""
    if form is None and output is not None:
        ending = output.suffix.removeprefix(".").lower()
        if ending not in list(Format):
            raise Misuse(f"--output {output}: end it with .json, .jsonl or .npy, or say --format")
        return Format(ending)
    if form is Format.NPY and output is None and is_terminal(sys.stdout):
        raise Misuse("--format npy is not for the eye: write it to a file with --output")
    return form or Format.JSON


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    """Open stdout, or a file that takes its place once everything is written."""
    if output is None:
        yield Shown(sys.stdout.buffer) if is_terminal(sys.stdout) else sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = output.expanduser()
    special = path.exists() and not path.is_file()
    part = path if special else path.with_name(f".{path.name}.{os.getpid()}")
    try:
        file = part.open("wb" if special else "xb")
    except OSError as error:
        raise Misuse(f"--output {output}: {error.strerror or error}") from error
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


async def _perform(errand: Errand, writer: Writer) -> None:
    """Ask for all vectors and write them as they arrive."""
    whole: EmbeddingResponse | None = None
    length = 0
    with _progress(len(errand.texts)) as advance:
        async with errand.provider, aclosing(_answers(errand)) as answers:
            async for answer in answers:
                length = length or len(answer.embedding)
                _check(answer, length)
                writer.add(answer.embeddings)
                advance(len(answer.embeddings))
                rest = _without_vectors(answer)
                whole = rest if whole is None else joined((whole, rest))
    if whole is None:
        raise AssertionError("there is at least one text, and so an answer")
    writer.finish(Facts.of(whole, len(errand.texts), length))
    _tell(whole, len(errand.texts), length, verbose=errand.verbose)


async def _answers(errand: Errand) -> AsyncGenerator[EmbeddingResponse, None]:
    """Return the answers to all texts in their order, a few calls at a time."""
    end = None if errand.timeout is None else time.monotonic() + errand.timeout
    chunks = deque(errand.texts[start : start + CHUNK] for start in range(0, len(errand.texts), CHUNK))
    under_way: deque[asyncio.Task[EmbeddingResponse]] = deque()
    try:
        while chunks or under_way:
            while chunks and len(under_way) < AHEAD:
                under_way.append(asyncio.create_task(_answer(errand, chunks.popleft(), end)))
            yield await under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _answer(errand: Errand, texts: Sequence[str], end: float | None) -> EmbeddingResponse:
    if end is None:
        return await errand.provider.embed(texts, **errand.options)
    left = end - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded(f"--timeout {errand.timeout:g}: there was no time for all {len(errand.texts)} texts")
    options: EmbedOptions = {**errand.options, "deadline": left}
    return await errand.provider.embed(texts, **options)


def _check(answer: EmbeddingResponse, length: int) -> None:
    """Make sure that all vectors have the same length: others stood in for a model of another space."""
    for vector in answer.embeddings:
        if len(vector) != length:
            raise EmbeddingFailed(
                f"{answer.provider} gives vectors of {len(vector)} numbers after others of {length}: they cannot be "
                "compared; give entries of different models different values of embedding_space",
                attempts=answer.attempts,
            )


def _without_vectors(answer: EmbeddingResponse) -> EmbeddingResponse:
    """Keep the account of an answer and let go of the rest, which may be large."""
    usage = msgspec.structs.replace(answer.usage, raw=None)
    return msgspec.structs.replace(answer, embeddings=(), raw=None, usage=usage)


@contextlib.contextmanager
def _progress(count: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal where it takes more than one call."""
    if count <= CHUNK or not is_terminal(sys.stderr):
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("texts"), TimeRemainingColumn())
    with Progress(*columns, console=console(sys.stderr), transient=True) as bar:
        task = bar.add_task("texts", total=count)
        yield lambda done: bar.advance(task, done)


def _tell(response: EmbeddingResponse, count: int, length: int, *, verbose: bool) -> None:
    """Say what could not be expressed; with `verbose`, what was made by whom, and at which cost."""
    for warning in response.warnings:
        say(f"{warning.kind} {warning.what} ({clean_line(warning.why)})", label="warning", style="warning")
    if not verbose:
        return
    show_attempts(response.attempts)
    name = clean_line("/".join(filter(None, (response.provider, response.model))))
    used = tokens(response.usage).partition(" ")[0]
    words = [f"{count} vector{'s' if count > 1 else ''} of {length} numbers by {name}"]
    words += [f"{used} tokens"] if used else []
    say(" · ".join([*words, f"cost {price(response.cost)}"]), label="note")
