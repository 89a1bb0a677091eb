"""`understudy ask`: one question, one answer."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import msgspec
import typer

from understudy.cli.ask_session import AskSession
from understudy.cli.exits import ExitCode
from understudy.cli.explanations import interruptible, of_steps, saving
from understudy.cli.failing import report_errors
from understudy.cli.interrupts import run_async
from understudy.cli.invocation import Invocation, prepare
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.messages import show_attempts, show_warnings
from understudy.cli.options import JsonOption, MidstreamOption, PromptOptions, TimeoutOption
from understudy.cli.terminal import AnswerWriter, is_terminal, prepare_library, print_json, require_output, say
from understudy.cli.tool_calls import approval, show_call, show_outcome
from understudy.cli.tool_files import load_tools
from understudy.domain.errors import Misuse
from understudy.domain.finish import FinishReason
from understudy.domain.responses import GenerationResponse
from understudy.domain.runs import RunResult, StepEnded, StepStarted, ToolEnded, ToolStarted
from understudy.protocol import RunOptions
from understudy.reports.results import report_answer

if TYPE_CHECKING:
    from understudy.client.stream import Reading
    from understudy.client.tools.stream import RunStream

MANUAL = Manual(
    text="""\
The question is read from the command line, or else from standard input; if both are given, standard input is attached
to the question. It goes to the first target of the configuration, and to the next if that one fails.

On a terminal the answer is shown as it arrives. Otherwise it is printed once it is complete, so that another provider
can still take over midway and a script never sees half an answer; --stream and --no-stream override this. Errors,
warnings and notes go to stderr.

On a terminal, question and answer are saved as a conversation, as `chat` does it; --continue asks on, there or in a
script. --tool offers functions of a Python file to the model; calls and results are shown on stderr.""",
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
            "Let it call your functions, and ask on about the answer",
            "understudy ask --tool weather.py 'Do I need an umbrella in Porto?'\n"
            "understudy ask -c 'And tomorrow?' --tool weather.py",
        ),
        Example(
            "Save what happened to the request, for `explain --from why.json`",
            "understudy ask --explain why.json why is the sky blue",
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
    max_cost: Annotated[
        str | None,
        typer.Option(
            "--max-cost",
            metavar="USD",
            help="What the answer may cost at most, all attempts together; nothing is sent that may cost more.",
        ),
    ] = None
    on_midstream_error: MidstreamOption = None
    stream: Annotated[
        bool | None,
        typer.Option(
            "--stream/--no-stream", show_default=False, help="Show the answer as it arrives, or once it is complete."
        ),
    ] = None
    tool: Annotated[
        list[str] | None,
        typer.Option(
            "--tool",
            metavar="PATH[:FUNCTION]",
            help="Offer a function of a Python file to the model, or all of them: those marked with @tool, or else "
            "every public one. Asks before each call. May be repeated.",
        ),
    ] = None
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Execute tool calls without asking.")] = False
    resume_last: Annotated[
        bool, typer.Option("--continue", "-c", help="Continue the last conversation, of `ask` or of `chat`.")
    ] = False
    explain: Annotated[
        Path | None,
        typer.Option(
            "--explain",
            metavar="PATH",
            help="Save why each target was asked or not, and what happened when, as JSON, also if the request fails or "
            "is interrupted; `understudy explain --from PATH` prints it.",
        ),
    ] = None
    no_save: Annotated[bool, typer.Option("--no-save", help="Do not save this question and its answer.")] = False
    as_json: JsonOption = False


def ask(options: AskOptions) -> None:
    """Ask a question and print the answer."""
    with report_errors(as_json=options.as_json, verbose=options.verbose):
        require_output()
        streamed = _is_streamed(options)
        tools = load_tools(options.tool or ())
        approve = approval(tools, agreed=options.yes) if tools else None
        with closing(AskSession(continues=options.resume_last, saves=not options.no_save)) as session:
            prepared = prepare(session.adjusted(options), options.timeout, options.on_midstream_error, options.max_cost)
            invocation = session.continued(prepared)
            prepare_library()
            with saving(options.explain) as explanations:
                if tools:
                    run = cast("RunOptions", {**invocation.options, "tools": tools, "approve": approve})
                    running = _run(invocation, run, streamed=streamed, verbose=options.verbose)
                    result = run_async(interruptible(running, invocation.provider, explanations))
                    explanations.extend(of_steps(result.steps))
                    response = _summed(result)
                else:
                    fetching = _fetch(invocation, streamed=streamed, verbose=options.verbose)
                    response = run_async(interruptible(fetching, invocation.provider, explanations))
                    explanations.extend(filter(None, [response.explanation]))
            session.keep(invocation, response)
    raise typer.Exit(_conclude(response, options, streamed=streamed))


def _is_streamed(options: AskOptions) -> bool:
    whole = options.as_json or options.schema is not None
    if options.stream and whole:
        raise Misuse("--stream shows an answer before it is complete and cannot be combined with --json or --schema")
    return not whole and (is_terminal(sys.stdout) if options.stream is None else options.stream)


def _reading() -> Reading:
    """Return how an answer is shown: a reader of a pipe cannot take pieces back, so nothing begins anew there."""
    return "events" if is_terminal(sys.stdout) else "text"


async def _fetch(invocation: Invocation, *, streamed: bool, verbose: bool) -> GenerationResponse:
    """Return the response; if `streamed`, show it as it arrives. What was shown stays if it is interrupted."""
    async with invocation.provider as provider:
        if not streamed:
            return await provider.generate(invocation.prompt, **invocation.options)
        writer = AnswerWriter(shows_thinking=verbose)
        stream = provider.stream(invocation.prompt, **invocation.options)
        stream.reading = _reading()
        try:
            async with stream:
                async for event in stream:
                    writer.write_event(event)
        finally:
            writer.end()
        return stream.response


async def _run(invocation: Invocation, options: RunOptions, *, streamed: bool, verbose: bool) -> RunResult:
    """Run a tool loop and return it; show calls, and if `streamed` texts."""
    async with invocation.provider as provider:
        if streamed:
            return await _shown(provider.stream_tools(invocation.prompt, **options), verbose=verbose)
        result = await provider.run_tools(invocation.prompt, **options)
        for outcome in result.outcomes:
            show_call(outcome.call)
            show_outcome(outcome)
        return result


def _summed(result: RunResult) -> GenerationResponse:
    """Return the last answer of a tool loop, with what all of its steps used."""
    return msgspec.structs.replace(
        result.response, attempts=result.attempts, usage=result.usage, warnings=result.warnings
    )


async def _shown(stream: RunStream, *, verbose: bool) -> RunResult:
    """Show a tool loop as it happens, and return it."""
    writer = AnswerWriter(shows_thinking=verbose)
    stream.reading = _reading()
    try:
        async with stream:
            async for event in stream:
                match event:
                    case ToolStarted(call=call):
                        show_call(call)
                    case ToolEnded(outcome=outcome):
                        show_outcome(outcome)
                    case StepStarted() | StepEnded():
                        writer.end()
                    case _:
                        writer.write_event(event)
    finally:
        writer.end()
    return stream.result


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
