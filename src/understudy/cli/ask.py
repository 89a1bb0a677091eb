"""`understudy ask`: one question, one answer."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, NamedTuple

import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import told
from understudy.cli.inquiry import Asked, Errand, read
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.messages import show_attempts, show_warnings
from understudy.cli.options import (
    ConfigOption,
    FallbackOption,
    FileOption,
    IgnoreStdinOption,
    ImageOption,
    JsonOption,
    MaxTokensOption,
    ModelOption,
    NoColorOption,
    NoFallbackOption,
    ReasoningOption,
    SchemaOption,
    Settings,
    SystemOption,
    TaskOption,
    TemperatureOption,
    TimeoutOption,
    VerboseOption,
    Words,
)
from understudy.cli.results import AnswerResult, print_json
from understudy.cli.terminal import Voice, is_terminal, prepare_library, say
from understudy.domain.errors import Misuse
from understudy.domain.events import RefusalDelta, TextDelta, ThinkingDelta
from understudy.domain.finish import FinishReason
from understudy.domain.responses import GenerationResponse

MANUAL = Manual(
    text="""\
The question is what stands on the command line, or else what is piped in; with both, what is piped in is attached to
the question. It goes to the first target of the configuration, and to the next when that one fails.

On a terminal the answer is shown as it arrives. Elsewhere it is printed once it is whole, so that another provider can
still take over in the middle and a script never sees half an answer; --stream and --no-stream decide it either way.
Errors, warnings and notes go to stderr.""",
    examples=(
        Example("Ask", "understudy ask why is the sky blue"),
        Example("Ask about what is piped in", 'git diff | understudy ask "Write a commit message for this"'),
        Example(
            "Say who answers and who stands in, and attach a file",
            "understudy ask -m anthropic/claude-sonnet-5-5 --fallback openai,ollama \\\n"
            '  -f report.pdf "Summarise this"',
        ),
        Example(
            "Get a value for a script",
            'understudy ask --schema city.schema.json "Where is the Louvre?" | jq .city',
        ),
        Example(
            "Ask in a loop, which has a standard input of its own",
            'while read -r name; do understudy ask -I "A limerick on $name"; done < names',
        ),
    ),
    exits={
        ExitCode.OK: "answered",
        ExitCode.UNAVAILABLE: "",
        ExitCode.MISUSE: "",
        ExitCode.REFUSED: "",
        ExitCode.INTERRUPTED: "",
    },
    variables={**CONFIGURATION, **LOOKS},
)


class Manner(NamedTuple):
    """How the answer is wanted."""

    streamed: bool
    json: bool
    structured: bool
    verbose: bool


StreamOption = Annotated[
    bool | None,
    typer.Option(
        "--stream/--no-stream", show_default=False, help="Show the answer as it arrives, or once it is whole."
    ),
]


def ask(
    context: typer.Context,
    *,
    words: Words = None,
    model: ModelOption = None,
    fallback: FallbackOption = None,
    no_fallback: NoFallbackOption = False,
    task: TaskOption = None,
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
    with told(as_json=as_json, verbose=settings.verbose):
        manner = _manner(stream, as_json, schema is not None, settings)
        asked = Asked(
            words=words,
            model=model,
            fallback=fallback,
            no_fallback=no_fallback,
            task=task,
            system=system,
            image=image,
            file=file,
            schema=schema,
            max_tokens=max_tokens,
            temperature=temperature,
            reasoning=reasoning,
            timeout=timeout,
            ignore_stdin=ignore_stdin,
        )
        errand = read(context, asked, settings)
        prepare_library()
        response = asyncio.run(_fetch(errand, manner))
    raise typer.Exit(_conclude(response, manner))


def _manner(stream: bool | None, as_json: bool, structured: bool, settings: Settings) -> Manner:
    whole = as_json or structured
    if stream and whole:
        raise Misuse("--stream shows an answer before it is whole, so it excludes --json and --schema")
    streamed = not whole and (is_terminal(sys.stdout) if stream is None else stream)
    return Manner(streamed=streamed, json=as_json, structured=structured, verbose=settings.verbose)


async def _fetch(errand: Errand, manner: Manner) -> GenerationResponse:
    async with errand.provider as provider:
        if not manner.streamed:
            return await provider.generate(errand.prompt, **errand.options)
        return await _streamed(errand, manner)


async def _streamed(errand: Errand, manner: Manner) -> GenerationResponse:
    """Show an answer as it arrives. What was shown stays when it breaks off."""
    voice = Voice(thinks_aloud=manner.verbose)
    stream = errand.provider.stream(errand.prompt, **errand.options)
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
    return stream.response


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
