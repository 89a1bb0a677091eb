"""`understudy ask`: one question, one answer."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.invocation import Invocation, prepare
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.messages import show_attempts, show_warnings
from understudy.cli.options import JsonOption, PromptOptions, TimeoutOption
from understudy.cli.terminal import AnswerWriter, is_terminal, prepare_library, print_json, say
from understudy.domain.errors import Misuse
from understudy.domain.finish import FinishReason
from understudy.domain.responses import GenerationResponse
from understudy.reports.results import report_answer

MANUAL = Manual(
    text="""\
The question is read from the command line, or else from standard input; if both are given, standard input is attached
to the question. It goes to the first target of the configuration, and to the next if that one fails.

On a terminal the answer is shown as it arrives. Otherwise it is printed once it is complete, so that another provider
can still take over midway and a script never sees half an answer; --stream and --no-stream override this. Errors,
warnings and notes go to stderr.""",
    examples=(
        Example("Ask", "understudy ask why is the sky blue"),
        Example("Ask about piped input", 'git diff | understudy ask "Write a commit message for this"'),
        Example(
            "Choose the target and its fallbacks, and attach a file",
            "understudy ask -m anthropic/claude-sonnet-5-5 --fallback openai,ollama \\\n"
            '  -f report.pdf "Summarise this"',
        ),
        Example(
            "Get a JSON value for a script",
            'understudy ask --schema city.schema.json "Where is the Louvre?" | jq .city',
        ),
        Example(
            "Ask in a loop that has its own standard input",
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


class AskOptions(PromptOptions, frozen=True, kw_only=True):
    """The options of `ask`."""

    timeout: TimeoutOption = None
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream", show_default=False, help="Show the answer as it arrives, or once it is complete."
        ),
    ] = None
    as_json: JsonOption = False


def ask(options: AskOptions) -> None:
    """Ask a question and print the answer."""
    with report_errors(as_json=options.as_json, verbose=options.verbose):
        streamed = _is_streamed(options)
        invocation = prepare(options, options.timeout)
        prepare_library()
        response = asyncio.run(_fetch(invocation, streamed=streamed, verbose=options.verbose))
    raise typer.Exit(_conclude(response, options, streamed=streamed))


def _is_streamed(options: AskOptions) -> bool:
    whole = options.as_json or options.schema is not None
    if options.stream and whole:
        raise Misuse("--stream shows an answer before it is complete and cannot be combined with --json or --schema")
    return not whole and (is_terminal(sys.stdout) if options.stream is None else options.stream)


async def _fetch(invocation: Invocation, *, streamed: bool, verbose: bool) -> GenerationResponse:
    """Return the response; if `streamed`, show it as it arrives. What was shown stays if it is interrupted."""
    async with invocation.provider as provider:
        if not streamed:
            return await provider.generate(invocation.prompt, **invocation.options)
        writer = AnswerWriter(shows_thinking=verbose)
        stream = provider.stream(invocation.prompt, **invocation.options)
        try:
            async with stream:
                async for event in stream:
                    writer.write_event(event)
        finally:
            writer.end()
        return stream.response


def _conclude(response: GenerationResponse, options: AskOptions, *, streamed: bool) -> ExitCode:
    """Print what has not been printed yet, and report warnings and attempts."""
    refused = response.finish_reason is FinishReason.CONTENT_FILTER or response.refusal is not None
    if options.as_json:
        print_json(report_answer(response))
    elif options.schema is not None and not refused:
        print_json(response.parsed)
    elif not streamed:
        _print_whole(response, options)
    show_warnings(response, verbose=options.verbose)
    if options.verbose:
        show_attempts(response.attempts)
    return ExitCode.REFUSED if refused else ExitCode.OK


def _print_whole(response: GenerationResponse, options: AskOptions) -> None:
    writer = AnswerWriter(shows_thinking=options.verbose)
    writer.write_thinking(response.thinking)
    if options.schema is not None:
        say(response.refusal or response.text, label="refused", style="error")
    else:
        writer.write(response.text or response.refusal or "")
    writer.end()
