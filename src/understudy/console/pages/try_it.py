"""The page that tries a prompt at a route or a target, or at two of them side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.console.http import ConsoleError, Reply, Request, Streamed, json_of
from understudy.console.pages.frame import page
from understudy.console.pages.rendering import render
from understudy.console.routes import ConsoleRoute
from understudy.domain.attempts import AttemptRecord, total_cost
from understudy.domain.errors import LLMError
from understudy.domain.events import Restarted, TextDelta
from understudy.domain.money import dollars

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.config import Config
    from understudy.console.context import ConsoleContext
    from understudy.protocol import RequestOptions

PATH = "/console/try"
MOST_TOKENS = 512
"""Tokens of an answer, unless the form says otherwise."""
CHOICES = 100
"""Routes and entries that a form offers one by one; of more, the name is written."""
_LONGEST = 20_000
_LABEL = "console"
"""The label of such requests: its value is the operator's name."""
_LINES = "application/x-ndjson"
Show = Callable[[dict[str, object]], None]
"""Takes what changed in a pane: text that was added, or all of it anew."""


class TryForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the page sends."""

    prompt: str = ""
    target: str = ""
    """A route, an entry or `entry/model`; empty for the usual choice."""
    other: str = ""
    """Another one, to be asked at the same time; empty for none."""
    max_tokens: int = MOST_TOKENS


class TriedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of an answer."""

    number: int
    provider: str
    model: str | None
    outcome: str
    failure: str | None
    duration: float


class Tried(msgspec.Struct, kw_only=True):
    """The answer of one target, as far as it has arrived."""

    name: str
    outcome: str = "started"
    text: str = ""
    problem: str | None = None
    attempts: tuple[TriedAttempt, ...] = ()
    cost_usd: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float | None = None
    first_seconds: float | None = None
    warnings: tuple[str, ...] = ()
    request_id: str | None = None


async def show(request: Request, context: ConsoleContext) -> Reply:
    """Return the empty form."""
    return _page(request, context, request.query_as(TryForm), ())


async def send(request: Request, context: ConsoleContext) -> Reply | Streamed:
    """Send a prompt. The answer is a page, or for the script lines of JSON while the answers arrive."""
    form = await request.form_as(TryForm)
    if not form.prompt.strip() or len(form.prompt) > _LONGEST:
        raise ConsoleError(400, "invalid_value", f"the prompt must have 1 to {_LONGEST:,} characters", where="prompt")
    if not 1 <= form.max_tokens <= 100_000:
        raise ConsoleError(400, "invalid_value", "max_tokens must be from 1 to 100,000", where="max_tokens")
    names = [form.target, form.other] if form.other else [form.target]
    panes = [Tried(name=name or "the usual choice") for name in names]
    if _LINES in request.headers.get("accept", ""):
        return Streamed(pieces=_streamed(request, context, form, panes), headers=(("content-type", _LINES),))
    await _ask_all(request, context, form, panes, lambda _: None)
    return _page(request, context, form, panes)


async def _streamed(
    request: Request, context: ConsoleContext, form: TryForm, panes: Sequence[Tried]
) -> AsyncGenerator[bytes, None]:
    """Yield lines: first empty panes, then what is added to each, and each as a whole at its end."""
    lines: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()
    frames = "".join(f'<section class="card" id="pane-{at}">{_pane(each)}</section>' for at, each in enumerate(panes))
    lines.put_nowait({"html": frames})
    asking = asyncio.ensure_future(_ask_all(request, context, form, panes, lines.put_nowait))
    asking.add_done_callback(lambda _: lines.put_nowait(None))
    try:
        while (line := await lines.get()) is not None:
            yield json_of(_encodable(line)) + b"\n"
        await asking
    finally:
        asking.cancel()


async def _ask_all(
    request: Request, context: ConsoleContext, form: TryForm, panes: Sequence[Tried], changed: Show
) -> None:
    names = (form.target, form.other)
    with context.served.held() as manager:
        await asyncio.gather(
            *(
                _ask(manager, form, names[at] or None, request.operator.name, pane, _numbered(at, changed))
                for at, pane in enumerate(panes)
            )
        )


def _numbered(number: int, changed: Show) -> Show:
    return lambda change: changed({"pane": number, **change})


async def _ask(
    manager: ProviderManager, form: TryForm, name: str | None, operator: str, pane: Tried, changed: Show
) -> None:
    """Ask one target, and keep in its pane what came."""
    begun = time.monotonic()
    records: tuple[AttemptRecord, ...] = ()
    options: RequestOptions = {"max_tokens": form.max_tokens, "labels": {_LABEL: operator}}
    if name is not None:
        options["model"] = name
    try:
        async with manager.stream(form.prompt, **options) as stream:
            try:
                async for event in stream:
                    match event:
                        case TextDelta(text=text) if text:
                            if pane.first_seconds is None:
                                pane.first_seconds = time.monotonic() - begun
                            pane.text += text
                            changed({"text": text})
                        case Restarted():
                            pane.text = ""
                            changed({"html": _pane(pane)})
                response = stream.response
                pane.text = response.text or response.refusal or ""
                pane.warnings = tuple(map(str, response.warnings))
                pane.input_tokens, pane.output_tokens = response.usage.input_total, response.usage.output_total
                pane.outcome = "answered"
            finally:
                records = stream.attempts
    except LLMError as error:
        pane.outcome, pane.problem = "failed", error.message
        records = error.attempts or records
    pane.seconds = time.monotonic() - begun
    _note(pane, records)
    changed({"html": _pane(pane)})


def _note(pane: Tried, records: Sequence[AttemptRecord]) -> None:
    """Keep what the attempts came to."""
    cost = total_cost(records)
    pane.cost_usd = None if cost is None else dollars(cost.amount.nano_usd)
    pane.request_id = records[0].request_id if records else None
    pane.attempts = tuple(
        TriedAttempt(
            number=each.number,
            provider=each.provider,
            model=each.model,
            outcome=each.outcome.value,
            failure=each.failure.kind.value if each.failure else None,
            duration=each.duration,
        )
        for each in records
    )


def _pane(pane: Tried) -> str:
    return render("answer.html", answer=pane)


def _encodable(line: dict[str, object]) -> dict[str, object]:
    """Return a line without lone surrogates, which JSON in UTF-8 cannot hold."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in line.items()
    }


def _page(request: Request, context: ConsoleContext, form: TryForm, answers: Sequence[Tried]) -> Reply:
    choices = _choices(context.config)
    values: dict[str, Any] = {"given": form, "choices": choices, "is_long": len(choices) > CHOICES, "answers": answers}
    return page(request, "try.html", title="Try it", **values)


def _choices(config: Config) -> list[tuple[str, str]]:
    """Return what may be asked: routes, and entries with their models."""
    routes = [(each.name, f"route {each.name}") for each in config.routes]
    entries = [
        (each.name, f"{each.name}: {each.text_model}" if each.text_model else each.name) for each in config.providers
    ]
    return [("", "the usual choice"), *routes, *entries]


ROUTES = (
    ConsoleRoute(method="GET", path=PATH, handler=show),
    ConsoleRoute(method="POST", path=PATH, handler=send, scope="operate"),
)
