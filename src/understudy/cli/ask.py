"""`understudy ask`: one question, one answer."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast

import typer

from understudy.cli import material
from understudy.cli.choice import choose
from understudy.cli.exits import ExitCode, exit_code_of
from understudy.cli.messages import show_attempts, show_error, show_warnings
from understudy.cli.options import ConfigOption, JsonOption, NoColorOption, Settings, VerboseOption
from understudy.cli.results import AnswerResult, ErrorResult, print_json
from understudy.cli.terminal import Voice, is_terminal, prepare_library, say
from understudy.config import NoticeKind, load
from understudy.domain.content import AnyPart
from understudy.domain.errors import LLMError, Misuse
from understudy.domain.events import RefusalDelta, TextDelta, ThinkingDelta
from understudy.domain.messages import Message
from understudy.domain.responses import FinishReason, GenerationResponse
from understudy.provider import LLMProvider, RequestOptions

EPILOG = (
    "On a terminal the answer is shown as it arrives. Elsewhere it is printed once it is whole, so that another "
    "provider can still take over in the middle and a script never sees half an answer; --stream changes that. "
    "Exit codes: 0 answered, 1 nothing could answer, 2 wrong usage, 3 refused."
)


class Manner(NamedTuple):
    """How the answer is wanted."""

    streamed: bool
    json: bool
    structured: bool
    verbose: bool


class Errand(NamedTuple):
    """Whom to ask what."""

    provider: LLMProvider
    prompt: str | list[Message]
    options: RequestOptions


Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PROMPT",
        show_default=False,
        help="The question; quotes are not needed. `-`, or nothing at all, takes it from standard input. Beside a "
        "prompt, standard input is attached to it.",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="ENTRY[/MODEL]", help="Try this first; the other entries stay behind it."),
]
FallbackOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fallback",
        metavar="ENTRY[/MODEL],...",
        help="Have exactly these behind the first, in this order. May be repeated.",
    ),
]
NoFallbackOption = Annotated[bool, typer.Option("--no-fallback", help="Ask only the first, with its own retries.")]
SystemOption = Annotated[
    str | None, typer.Option("--system", "-s", metavar="TEXT|@FILE", help="The system prompt, or the file it is in.")
]
ImageOption = Annotated[
    list[str] | None, typer.Option("--image", "-i", metavar="PATH|URL", help="Attach an image. May be repeated.")
]
FileOption = Annotated[
    list[Path] | None,
    typer.Option("--file", "-f", metavar="PATH", help="Attach a text, PDF or image file. May be repeated."),
]
SchemaOption = Annotated[
    str | None,
    typer.Option(
        "--schema", metavar="JSON|PATH", help="A JSON Schema; the answer is JSON that fits it, and nothing else."
    ),
]
MaxTokensOption = Annotated[
    int | None, typer.Option("--max-tokens", metavar="N", help="How many tokens the answer may have.")
]
TemperatureOption = Annotated[
    float | None, typer.Option("--temperature", "-t", metavar="T", help="How freely the model chooses its words.")
]
ReasoningOption = Annotated[
    str | None,
    typer.Option(
        "--reasoning",
        metavar="EFFORT",
        help="How much to think first: none, minimal, low, medium, high, xhigh or max, as far as the model has it.",
    ),
]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="For all attempts and waits together.")
]
StreamOption = Annotated[
    bool | None,
    typer.Option(
        "--stream/--no-stream", show_default=False, help="Show the answer as it arrives, or once it is whole."
    ),
]
IgnoreStdinOption = Annotated[
    bool, typer.Option("--ignore-stdin", "-I", help="Do not read standard input, for loops and jobs.")
]


def ask(
    context: typer.Context,
    *,
    words: Words = None,
    model: ModelOption = None,
    fallback: FallbackOption = None,
    no_fallback: NoFallbackOption = False,
    system: SystemOption = None,
    image: ImageOption = None,
    file: FileOption = None,
    schema: SchemaOption = None,
    max_tokens: MaxTokensOption = None,
    temperature: TemperatureOption = None,
    reasoning: ReasoningOption = None,
    timeout: TimeoutOption = None,
    stream: StreamOption = None,
    ignore_stdin: IgnoreStdinOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Ask a question and print the answer."""
    settings = Settings.of(context, config, verbose=verbose)
    try:
        if timeout is not None and not timeout > 0:
            raise Misuse(f"--timeout {timeout:g}: it must be above 0 seconds")
        manner = _manner(stream, as_json, schema is not None, settings)
        prompt, attached = _material(context, words or [], ignore_stdin, file or [], image or [])
        choice = choose(load(settings.config), model, fallback, alone=no_fallback)
        options = {
            "model": choice.model,
            "system": None if system is None else material.system_text(system),
            "schema": None if schema is None else material.schema_of(schema),
            "max_tokens": max_tokens,
            "temperature": temperature,
            "reasoning": reasoning,
            "deadline": timeout,
        }
        _show_notices(choice.config.notices)
        errand = Errand(_provider(choice.config), material.question(prompt, attached), _given(options))
        prepare_library()
        response = asyncio.run(_fetch(errand, manner))
    except LLMError as error:
        if as_json:
            print_json(ErrorResult.of(error))
        show_error(error, verbose=settings.verbose)
        raise typer.Exit(exit_code_of(error)) from error
    raise typer.Exit(_conclude(response, manner))


def _manner(stream: bool | None, as_json: bool, structured: bool, settings: Settings) -> Manner:
    whole = as_json or structured
    if stream and whole:
        raise Misuse("--stream shows an answer before it is whole, so it excludes --json and --schema")
    streamed = not whole and (is_terminal(sys.stdout) if stream is None else stream)
    return Manner(streamed=streamed, json=as_json, structured=structured, verbose=settings.verbose)


def _material(
    context: typer.Context, words: list[str], ignore_stdin: bool, files: list[Path], images: list[str]
) -> tuple[str, list[AnyPart]]:
    """Return the prompt and what is attached to it."""
    attached: list[AnyPart] = [*map(material.file_attachment, files), *map(material.image_attachment, images)]
    from_stdin = not words or words == ["-"]
    data = _typed() if words == ["-"] and is_terminal(sys.stdin) else None if ignore_stdin else material.piped()
    if not from_stdin:
        return material.words_of(words), [material.attachment(data, "stdin"), *attached] if data else attached
    prompt = material.text_of(data, "standard input").rstrip() if data else ""
    if not prompt.strip():
        raise typer.BadParameter("give a question, or pipe one in.", ctx=context, param_hint="PROMPT")
    return prompt, attached


def _typed() -> bytes:
    """Read what is typed until Ctrl-D."""
    return sys.stdin.read().encode()


def _provider(config: Any) -> LLMProvider:
    from understudy.manager import from_loaded

    return from_loaded(config)


def _given(options: dict[str, Any]) -> RequestOptions:
    return cast("RequestOptions", {name: value for name, value in options.items() if value is not None})


def _show_notices(notices: tuple[Any, ...]) -> None:
    """Say what of the configuration has no effect; the rest is told by `check`."""
    for notice in notices:
        if notice.kind in (NoticeKind.UNKNOWN_KEY, NoticeKind.IGNORED):
            say(str(notice), label="warning", style="warning")


async def _fetch(errand: Errand, manner: Manner) -> GenerationResponse:
    async with errand.provider as provider:
        if not manner.streamed:
            return await provider.generate(errand.prompt, **errand.options)
        return await _streamed(errand, manner)


async def _streamed(errand: Errand, manner: Manner) -> GenerationResponse:
    """Show an answer as it arrives. What was shown stays when it breaks off."""
    voice = Voice(thinks_aloud=manner.verbose)
    stream = cast("Any", errand.provider).stream(errand.prompt, **errand.options)
    try:
        async with stream:
            async for event in stream:
                match event:
                    case TextDelta(text=text) | RefusalDelta(text=text):
                        voice.speak(text)
                    case ThinkingDelta(text=text):
                        voice.think(text)
                    case _:
                        pass
    finally:
        voice.end()
    response: GenerationResponse = stream.response
    return response


def _conclude(response: GenerationResponse, manner: Manner) -> ExitCode:
    """Print what has not been printed yet, and tell of the attempts."""
    refused = response.finish_reason is FinishReason.CONTENT_FILTER or response.refusal is not None
    if manner.json:
        print_json(AnswerResult.of(response))
    elif manner.structured and not refused:
        print_json(response.parsed)
    elif not manner.streamed:
        _print_whole(response, manner)
    show_warnings(response, verbose=manner.verbose)
    if manner.verbose:
        show_attempts(response.attempts)
    return ExitCode.REFUSED if refused else ExitCode.OK


def _print_whole(response: GenerationResponse, manner: Manner) -> None:
    voice = Voice(thinks_aloud=manner.verbose)
    voice.think(response.thinking)
    if manner.structured:
        say(response.refusal or response.text, label="refused", style="error")
    else:
        voice.speak(response.text or response.refusal or "")
    voice.end()
