"""From what the command line says of a question to whom is asked what: the same for every command that asks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import typer

from understudy.cli import material
from understudy.cli.choice import Choice, choose
from understudy.cli.options import Settings, check_timeout
from understudy.cli.terminal import is_terminal, say
from understudy.config import Notice, NoticeKind, load
from understudy.domain.content import AnyPart
from understudy.domain.messages import Message
from understudy.protocol import RequestOptions
from understudy.settings import FallbackStrategy

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.client.provider import Provider


class Asked(NamedTuple):
    """The options of a question as they stand on the command line; see `options`."""

    words: list[str] | None = None
    model: str | None = None
    fallback: list[str] | None = None
    no_fallback: bool = False
    task: str | None = None
    system: str | None = None
    image: list[str] | None = None
    file: list[Path] | None = None
    schema: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    reasoning: str | None = None
    timeout: float | None = None
    ignore_stdin: bool = False


class Errand(NamedTuple):
    """Whom to ask what."""

    provider: Provider | ProviderManager
    prompt: str | list[Message]
    options: RequestOptions


def read(context: typer.Context, asked: Asked, settings: Settings) -> Errand:
    """Read the material and the configuration. Raises `Misuse`; nobody is asked anything."""
    from understudy.client.manager import from_loaded

    check_timeout(asked.timeout)
    prompt, attached = _material(context, asked)
    choice = choose(load(settings.config), asked.model, asked.fallback, alone=asked.no_fallback)
    options = options_of(asked, choice.model)
    show_notices(choice.config.notices)
    show_idle_task(asked, choice)
    return Errand(from_loaded(choice.config), material.question(prompt, attached), options)


def options_of(asked: Asked, model: str | None) -> RequestOptions:
    """Return the options of the request; `model` is what `choose` made of `asked.model`. Raises `Misuse`."""
    check_timeout(asked.timeout)
    options = {
        "model": model,
        "task": asked.task,
        "system": None if asked.system is None else material.system_text(asked.system),
        "schema": None if asked.schema is None else material.schema_of(asked.schema),
        "max_tokens": asked.max_tokens,
        "temperature": asked.temperature,
        "reasoning": asked.reasoning,
        "deadline": asked.timeout,
    }
    return cast("RequestOptions", {name: value for name, value in options.items() if value is not None})


def show_notices(notices: tuple[Notice, ...]) -> None:
    """Say what of the configuration has no effect; the rest is told by `check`."""
    for notice in notices:
        if notice.kind in (NoticeKind.UNKNOWN_KEY, NoticeKind.IGNORED):
            say(str(notice), label="warning", style="warning")


def show_idle_task(asked: Asked, choice: Choice) -> None:
    """Say when nobody looks at the task that was named."""
    own = (route.fallback for route in choice.config.routes if route.name == choice.model)
    strategy = next(own, choice.config.fallback).strategy
    if asked.task is None or strategy is FallbackStrategy.TASK_BASED:
        return
    if asked.fallback is not None or (asked.model is not None and asked.no_fallback):
        why = "the call says itself who is asked"
    else:
        name = f' "{strategy.value}"' if isinstance(strategy, FallbackStrategy) else " another"
        why = f'strategy = "task_based" looks at tasks, this configuration has{name}'
    say(f"--task {asked.task} has no effect: {why}", label="warning", style="warning")


def _material(context: typer.Context, asked: Asked) -> tuple[str, list[AnyPart]]:
    """Return the prompt and what is attached to it."""
    words = asked.words or []
    attached = [
        *map(material.file_attachment, asked.file or ()),
        *map(material.image_attachment, asked.image or ()),
    ]
    from_stdin = not words or words == ["-"]
    data = _typed() if words == ["-"] and is_terminal(sys.stdin) else None if asked.ignore_stdin else material.piped()
    if not from_stdin:
        return material.words_of(words), [material.attachment(data, "stdin"), *attached] if data else attached
    prompt = material.text_of(data, "standard input").rstrip() if data else ""
    if not prompt.strip():
        raise typer.BadParameter("give a question, or pipe one in.", ctx=context, param_hint="PROMPT")
    return prompt, attached


def _typed() -> bytes:
    """Read what is typed until Ctrl-D."""
    return sys.stdin.read().encode()
