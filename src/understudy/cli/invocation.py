"""From the options of a question to a provider, a prompt and request options: the same for every command that asks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, cast

import typer

from understudy.cli import material
from understudy.cli.choice import Choice, choose
from understudy.cli.keeping import ledger_if_possible
from understudy.cli.options import ModelOptions, PromptOptions, check_options
from understudy.cli.terminal import is_terminal, say
from understudy.config import Config, Notice, NoticeKind, load
from understudy.domain.content import AnyPart
from understudy.domain.messages import Message
from understudy.protocol import RequestOptions
from understudy.settings import FallbackStrategy

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.client.provider import Provider


class Invocation(NamedTuple):
    """Which provider is asked what."""

    provider: Provider | ProviderManager
    prompt: str | list[Message]
    options: RequestOptions
    config: Config
    """The configuration as the command line changed it."""


def prepare(
    options: PromptOptions,
    timeout: float | None = None,
    on_midstream_error: str | None = None,
    max_cost: str | None = None,
) -> Invocation:
    """Read the material and the configuration; nothing is sent. Raise `Misuse` if either is wrong."""
    from understudy.client.manager import from_loaded

    asked = request_options(
        options, None, timeout, schema=options.schema, on_midstream_error=on_midstream_error, max_cost=max_cost
    )
    prompt, attached = _material(options)
    choice = choose(load(options.config), options.model, options.fallback, alone=options.no_fallback)
    if choice.model is not None:
        asked["model"] = choice.model
    show_notices(choice.config.notices)
    show_idle_task(options, choice)
    return Invocation(
        from_loaded(choice.config, sink=ledger_if_possible(choice.config)),
        material.question(prompt, attached),
        asked,
        choice.config,
    )


def request_options(
    options: ModelOptions,
    model: str | None,
    timeout: float | None,
    *,
    schema: str | None = None,
    on_midstream_error: str | None = None,
    max_cost: str | None = None,
) -> RequestOptions:
    """Return the options of the request; `model` is what `choose` made of `options.model`. Raise `Misuse`."""
    given = {
        "model": model,
        "task": options.task,
        "system": None if options.system is None else material.system_text(options.system),
        "schema": None if schema is None else material.schema_of(schema),
        "max_tokens": options.max_tokens,
        "temperature": options.temperature,
        "reasoning": options.reasoning,
        "deadline": timeout,
        "max_cost": None if max_cost is None else max_cost.strip().removeprefix("$"),
        "on_midstream_error": on_midstream_error,
    }
    check_options({**given, "model": options.model})
    return cast("RequestOptions", {name: value for name, value in given.items() if value is not None})


def show_notices(notices: tuple[Notice, ...]) -> None:
    """Report what has no effect, and a file without any entry; `check` reports the rest."""
    for notice in notices:
        if notice.kind in (NoticeKind.UNKNOWN_KEY, NoticeKind.IGNORED, NoticeKind.MISSING):
            say(str(notice), label="warning", style="warning")


def show_idle_task(options: ModelOptions, choice: Choice) -> None:
    """Report a `--task` that has no effect."""
    own = (route.fallback for route in choice.config.routes if route.name == choice.model)
    strategy = next(own, choice.config.fallback).strategy
    if options.task is None or strategy is FallbackStrategy.TASK_BASED:
        return
    if options.fallback is not None or (options.model is not None and options.no_fallback):
        why = "the command line already names the targets"
    else:
        name = f'"{strategy.value}"' if isinstance(strategy, FallbackStrategy) else "a custom strategy"
        why = f'only strategy = "task_based" uses tasks; this configuration has {name}'
    say(f"--task {options.task} has no effect: {why}", label="warning", style="warning")


def _material(options: PromptOptions) -> tuple[str, list[AnyPart]]:
    """Return the prompt and what is attached to it."""
    words = options.words if options.words and "".join(options.words).strip() else []
    attached = [
        *map(material.file_attachment, options.file or ()),
        *map(material.image_attachment, options.image or ()),
    ]
    if words == ["-"] and is_terminal(sys.stdin):
        data: bytes | None = sys.stdin.read().encode()  # what is typed until Ctrl-D
    else:
        data = None if options.ignore_stdin else material.piped()
    if words and words != ["-"]:
        return material.words_of(words), [material.attachment(data, "stdin"), *attached] if data else attached
    prompt = material.text_of(data, "standard input").rstrip() if data else ""
    if not prompt.strip():
        raise typer.BadParameter("give a question, or pipe one in.", param_hint="PROMPT")
    return prompt, attached
