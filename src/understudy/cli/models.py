"""`understudy models`: the models of the configured providers: windows, prices, capabilities."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterable
from fnmatch import translate
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from understudy.cli import completion
from understudy.cli.choice import split_names
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.interrupts import run_async
from understudy.cli.invocation import show_notices
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.messages import exact_usd
from understudy.cli.options import CommonOptions, JsonOption
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import plain_table, prepare_library, print_json, say, show
from understudy.client.provider import Provider
from understudy.config import Config, load
from understudy.domain.errors import LLMError, Misuse, Unavailable, Unsupported
from understudy.domain.money import Money
from understudy.domain.responses import ModelInfo
from understudy.reports.survey import open_providers
from understudy.settings import FallbackConfig

if TYPE_CHECKING:
    from rich.table import Table

    from understudy.domain.prices import Price

MANUAL = Manual(
    text="""\
Requests the models of every provider in the configuration, all at once and at no cost. Windows and limits are tokens,
prices US dollars per million tokens. What a provider's list lacks is filled in from the prices of the configuration
and from genai-prices; an unknown value is `?`, and null with --json.

Models named in the configuration are marked `text` or `embedding`, and are included even where their provider does not
list them. A provider that does not answer is reported on stderr.""",
    examples=(
        Example("List the models of one provider", "understudy models --provider openai"),
        Example(
            "Find a model by a part of its name, or a pattern", "understudy models haiku\nunderstudy models 'groq/*20b'"
        ),
        Example(
            "List the five cheapest that support tools, in a script",
            "understudy models --capability tools --json | jq -r '\n"
            "  [.models[] | select(.input_price)] | sort_by(.input_price | tonumber)\n"
            "  | .[:5][].id'",
        ),
    ),
    exits={
        ExitCode.OK: "at least one provider listed its models",
        ExitCode.UNAVAILABLE: "no provider answered",
        ExitCode.MISUSE: "",
        ExitCode.REFUSED: "no provider answered, and the first one refused the key",
    },
    variables={**CONFIGURATION, **LOOKS},
)

CAPABILITIES = {
    "chat": "chat",
    "embed": "embed",
    "tools": "tools",
    "vision": "vision",
    "audio": "audio_input",
    "pdf": "pdf_input",
    "thinking": "thinking",
    "schema": "structured_output",
}
"""The table's name of a capability: the name in `ModelInfo.capabilities`. Both are accepted."""
_SHORT = {word: short for short, word in CAPABILITIES.items()}
_ONCE_MORE = FallbackConfig(max_retries=2, retry_delay_ms=200)
"""A model list is not worth long retries."""


class ModelResult(msgspec.Struct, frozen=True, kw_only=True):
    """A model at a provider; an unknown value is `None`."""

    id: str
    """`entry/model`, as `--model` accepts it."""
    provider: str
    model: str
    context_window: int | None
    """Tokens."""
    max_output_tokens: int | None
    input_price: str | None
    """US dollars per million tokens, as a decimal string."""
    output_price: str | None
    price_source: str | None
    price_as_of: str | None
    capabilities: tuple[str, ...] | None
    configured: tuple[str, ...]
    """What the configuration uses it for: `text`, `embedding`."""
    listed: bool | None
    """Whether the provider lists it; `None` when its list was not read to the end."""


class Unanswered(msgspec.Struct, frozen=True):
    """A provider that did not list its models."""

    provider: str
    why: str


class ModelsResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    models: tuple[ModelResult, ...]
    unanswered: tuple[Unanswered, ...]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which models to list."""

    pattern: str | None
    capabilities: frozenset[str]
    limit: int | None


class ModelsOptions(CommonOptions, frozen=True, kw_only=True):
    """The options of `models`."""

    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="PATTERN",
            show_default=False,
            help="Only models whose ENTRY/MODEL contains this, or matches it if it has `*` or `?`; case is ignored.",
        ),
    ] = None
    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider",
            "-p",
            metavar="ENTRY,...",
            autocompletion=completion.entries,
            help="Only these entries. May be repeated.",
        ),
    ] = None
    capability: Annotated[
        list[str] | None,
        typer.Option(
            "--capability",
            "-c",
            metavar="NAME,...",
            autocompletion=lambda incomplete: [each for each in CAPABILITIES if each.startswith(incomplete)],
            help=f"Only models known to support all of these: {', '.join(CAPABILITIES)}. May be repeated.",
        ),
    ] = None
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="At most N models of each entry.")
    ] = None
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Seconds that each provider may take.")
    ] = 20.0
    as_json: JsonOption = False


def models(options: ModelsOptions) -> None:
    """List the models of all entries: window, price, capabilities."""
    with report_errors(as_json=options.as_json, verbose=options.verbose):
        capabilities = _capabilities(options.capability)
        criteria = Filter(pattern=options.pattern, capabilities=capabilities, limit=options.limit)
        loaded = _only(load(options.config), options.provider)
        show_notices(loaded.notices)
        prepare_library()
        found = run_async(_ask_all(loaded, criteria, options.timeout))
        errors = {name: answer for name, answer in found.items() if isinstance(answer, LLMError)}
        if len(errors) == len(found):
            raise next(iter(errors.values()))
    result = ModelsResult(
        models=tuple(model for answer in found.values() if not isinstance(answer, LLMError) for model in answer),
        unanswered=tuple(
            Unanswered(name, clean_line(error.message.partition("\n")[0])) for name, error in errors.items()
        ),
    )
    print_json(result) if options.as_json else _print(result)
    for each in result.unanswered:
        say(f"{each.provider}: {each.why}", label="warning", style="warning")


def _capabilities(written: list[str] | None) -> frozenset[str]:
    words = [CAPABILITIES.get(name, name) for name in split_names(written)]
    if unknown := next((word for word in words if word not in _SHORT), None):
        raise Misuse(f"--capability {unknown} is unknown; the capabilities are {', '.join(CAPABILITIES)}")
    return frozenset(words)


def _only(config: Config, written: list[str] | None) -> Config:
    """Return the configuration with only the named entries, in the order in which they are tried."""
    names = split_names(written)
    entries = {entry.entry: entry for entry in sorted(config.providers, key=lambda entry: entry.priority)}
    for name in names:
        if disabled := next((each for each in config.disabled if each.name == name), None):
            raise Misuse(f"--provider {name}: the entry is disabled: {disabled.why}")
        if name not in entries:
            raise Misuse(f"--provider {name}: unknown entry; the entries are {', '.join(entries)}")
    chosen = tuple(entry for name, entry in entries.items() if not names or name in names)
    return msgspec.structs.replace(config, providers=chosen)


# ---- asking ----


async def _ask_all(config: Config, criteria: Filter, patience: float) -> dict[str, list[ModelResult] | LLMError]:
    """List the models of all entries at once; the value of an entry that fails is its error."""
    async with open_providers(config, _ONCE_MORE) as providers:
        answers = await asyncio.gather(*(_ask(each, criteria, patience) for each in providers))
        return dict(zip((each.name for each in providers), answers, strict=True))


async def _ask(provider: Provider, criteria: Filter, patience: float) -> list[ModelResult] | LLMError:
    listed: list[ModelInfo] = []
    # If every model matches, no more of them are needed than are shown.
    most = criteria.limit if criteria.pattern is None and not criteria.capabilities else None
    try:
        async with asyncio.timeout(patience):
            await provider.prices_ready()
            listed = await provider.list_models(limit=most)
    except TimeoutError:
        return Unavailable(f"no list of models within {patience:g} s (--timeout)")
    except Unsupported as error:
        say(f"{provider.name}: {error.message}", label="note")
    except LLMError as error:
        return error
    results = _results(provider, listed, complete=most is None or len(listed) < most)
    if criteria.capabilities and (unknown := sum(model.capabilities is None for model in results)):
        count = f"{unknown} model{'' if unknown == 1 else 's'}"
        say(f"{provider.name}: {count} with unknown capabilities left out", label="note")
    matches = matcher_of(criteria.pattern)
    found = [model for model in results if matches(model.id) and criteria.capabilities <= set(model.capabilities or ())]
    return found[: criteria.limit]


def _results(provider: Provider, listed: list[ModelInfo], *, complete: bool) -> list[ModelResult]:
    """Return the provider's models by name, including those of the configuration."""
    named = {"text": provider.text_model, "embedding": provider.config.embedding_model}
    infos = {_plain(info.id): info for info in listed}
    missing = {model for model in named.values() if model and _plain(model) not in infos}
    results = [_result(provider, info, named, listed=True) for info in listed]
    results += [_result(provider, ModelInfo(id=model), named, listed=False if complete else None) for model in missing]
    return sorted(results, key=lambda model: model.model.lower())


def _plain(model: str) -> str:
    """Return a name without the default tag."""
    return model.removesuffix(":latest")


def _result(provider: Provider, info: ModelInfo, named: dict[str, str | None], *, listed: bool | None) -> ModelResult:
    known = provider.known(info.id) or ModelInfo(id=info.id)
    price = provider.price_of(info.id)
    capabilities = info.capabilities if info.capabilities is not None else known.capabilities
    return ModelResult(
        id=f"{provider.name}/{info.id}",
        provider=provider.name,
        model=info.id,
        context_window=info.context_window or known.context_window,
        max_output_tokens=info.max_output_tokens or known.max_output_tokens,
        input_price=_rate(price, "input") or info.input_price,
        output_price=_rate(price, "output") or info.output_price,
        price_source=price.source if price else "the provider's list" if info.input_price else None,
        price_as_of=price.as_of if price else None,
        capabilities=None if capabilities is None else tuple(sorted(capabilities, key=_place)),
        configured=tuple(use for use, model in named.items() if model and _plain(model) == _plain(info.id)),
        listed=listed,
    )


def _place(capability: str) -> tuple[int, str]:
    return list(_SHORT).index(capability) if capability in _SHORT else len(_SHORT), capability


def _rate(price: Price | None, kind: str) -> str | None:
    """Return a rate in US dollars per million tokens, without trailing zeros."""
    rate = getattr(price.rates, kind) if price else None
    return None if rate is None else exact_usd(Money(rate))


def matcher_of(pattern: str | None) -> Callable[[str], bool]:
    """Return a predicate that matches an `entry/model` against a pattern."""
    if pattern is None:
        return lambda _: True
    if "*" in pattern or "?" in pattern:
        matcher = re.compile(translate(pattern), re.IGNORECASE)
        # A pattern without an entry matches the model's name alone.
        return lambda name: bool(matcher.match(name) or matcher.match(name.partition("/")[2]))
    return lambda name: pattern.lower() in name.lower()


# ---- the output ----


def _print(result: ModelsResult) -> None:
    if not result.models:
        say("no model matches", label="note")
        return
    show(_table(result.models), sys.stdout)


def _table(models: Iterable[ModelResult]) -> Table:
    table = plain_table()
    table.add_column("model", overflow="fold", min_width=24)
    table.add_column("for", no_wrap=True)
    for title in ("window", "output", "$ in", "$ out"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("supports", min_width=8)
    for model in models:
        table.add_row(
            clean_line(model.id),
            ", ".join((*model.configured, *(("not listed",) if model.listed is False else ()))),
            short_count(model.context_window),
            short_count(model.max_output_tokens),
            model.input_price or "?",
            model.output_price or "?",
            "?" if model.capabilities is None else " ".join(_SHORT.get(word, word) for word in model.capabilities),
        )
    return table


def short_count(tokens: int | None) -> str:
    """Return a number of tokens in about three digits: `512`, `131k`, `1.05M`."""
    match tokens:
        case None:
            return "?"
        case _ if tokens < 1000:
            return str(tokens)
        case _ if tokens < 1_000_000:
            return f"{tokens / 1000:.0f}k"
        case _:
            return f"{tokens / 1_000_000:.3g}M"
