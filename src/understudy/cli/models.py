"""`understudy models`: what every target's provider offers: windows, prices, capabilities."""

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
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.messages import dollars
from understudy.cli.options import CommonOptions, JsonOption
from understudy.cli.sanitize import clean_line
from understudy.cli.survey import opened
from understudy.cli.terminal import plain_table, prepare_library, print_json, say, show
from understudy.client.provider import Provider
from understudy.config import Config, load
from understudy.domain.errors import LLMError, Misuse, Unavailable, Unsupported
from understudy.domain.responses import ModelInfo
from understudy.settings import FallbackConfig

if TYPE_CHECKING:
    from rich.table import Table

    from understudy.domain.prices import Price

MANUAL = Manual(
    text="""\
Asks every provider of the configuration for its models, all at once and at no cost. Windows and limits are tokens,
prices US dollars per million tokens. What a provider's list does not tell is filled in from the prices of the
configuration and from genai-prices; what nobody tells is `?`, and null with --json.

Models that the configuration names are marked `text` or `embedding`, and stand here even where their provider does not
list them. A provider that does not answer is told on stderr.""",
    examples=(
        Example("All models of one provider", "understudy models --provider openai"),
        Example(
            "Find a model by a part of its name, or a pattern", "understudy models haiku\nunderstudy models 'groq/*20b'"
        ),
        Example(
            "The five cheapest that can use tools, for a script",
            "understudy models --capability tools --json | jq -r '\n"
            "  [.models[] | select(.input_price)] | sort_by(.input_price | tonumber)\n"
            "  | .[:5][].id'",
        ),
    ),
    exits={
        ExitCode.OK: "at least one provider told its models",
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
"""What the table calls a capability: the word of `ModelInfo.capabilities`. Both may be written."""
_SHORT = {word: short for short, word in CAPABILITIES.items()}
_ONCE_MORE = FallbackConfig(max_retries=2, retry_delay_ms=200)
"""A list that can be asked for again is not worth long waits."""


class ModelResult(msgspec.Struct, frozen=True, kw_only=True):
    """A model at a provider; what nobody tells is `None`."""

    id: str
    """`entry/model`, as `--model` takes it."""
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
    """What the configuration names it for: `text`, `embedding`."""
    listed: bool | None
    """Whether the provider lists it; `None` when its list was not read to the end."""
    """Whether the provider's list has it."""


class Silent(msgspec.Struct, frozen=True):
    """A provider that told nothing."""

    provider: str
    why: str


class ModelsResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    models: tuple[ModelResult, ...]
    unanswered: tuple[Silent, ...]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which models are wanted."""

    pattern: str | None
    capabilities: frozenset[str]
    limit: int | None

    @property
    def takes_all(self) -> bool:
        """Whether every model fits, so that a provider need not list more than `limit`."""
        return self.pattern is None and not self.capabilities


PatternArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="PATTERN",
        show_default=False,
        help="Only models whose ENTRY/MODEL holds this, or fits it where it has `*` or `?`; case does not matter.",
    ),
]
ProviderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--provider",
        "-p",
        metavar="ENTRY,...",
        autocompletion=completion.entries,
        help="Ask only these entries. May be repeated.",
    ),
]
CapabilityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--capability",
        "-c",
        metavar="NAME,...",
        autocompletion=lambda incomplete: [each for each in CAPABILITIES if each.startswith(incomplete)],
        help=f"Only models known to have all of these: {', '.join(CAPABILITIES)}. May be repeated.",
    ),
]
LimitOption = Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many of each entry.")]
PatienceOption = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long each provider may take.")
]


def models(
    common: CommonOptions,
    *,
    pattern: PatternArgument = None,
    provider: ProviderOption = None,
    capability: CapabilityOption = None,
    limit: LimitOption = None,
    timeout: PatienceOption = 20.0,
    as_json: JsonOption = False,
) -> None:
    """List the models of all entries: window, price, capabilities."""
    with report_errors(as_json=as_json, verbose=common.verbose):
        wanted = Filter(pattern=pattern, capabilities=_capabilities(capability), limit=limit)
        loaded = _only(load(common.config), provider)
        prepare_library()
        found = asyncio.run(_ask_all(loaded, wanted, timeout))
        if all(isinstance(answer, LLMError) for answer in found.values()):
            raise next(answer for answer in found.values() if isinstance(answer, LLMError))
    result = ModelsResult(
        models=tuple(model for answer in found.values() if not isinstance(answer, LLMError) for model in answer),
        unanswered=tuple(
            Silent(name, clean_line(answer.message.partition("\n")[0]))
            for name, answer in found.items()
            if isinstance(answer, LLMError)
        ),
    )
    print_json(result) if as_json else _print(result)
    for silent in result.unanswered:
        say(f"{silent.provider}: {silent.why}", label="warning", style="warning")


def _split(written: list[str] | None) -> list[str]:
    return [name for given in written or () for each in given.split(",") if (name := each.strip())]


def _capabilities(written: list[str] | None) -> frozenset[str]:
    words = [CAPABILITIES.get(name, name) for name in _split(written)]
    if unknown := next((word for word in words if word not in _SHORT), None):
        raise Misuse(f"--capability {unknown}: there are {', '.join(CAPABILITIES)}")
    return frozenset(words)


def _only(config: Config, written: list[str] | None) -> Config:
    """Restrict the configuration to the entries asked for, in the order in which they are tried."""
    names = _split(written)
    entries = {entry.entry: entry for entry in sorted(config.providers, key=lambda entry: entry.priority)}
    for name in names:
        if disabled := next((each for each in config.disabled if each.name == name), None):
            raise Misuse(f"--provider {name}: it cannot be used: {disabled.why}")
        if name not in entries:
            raise Misuse(f"--provider {name}: no entry is called so; the entries are {', '.join(entries)}")
    chosen = tuple(entry for name, entry in entries.items() if not names or name in names)
    return msgspec.structs.replace(config, providers=chosen)


# ---- asking ----


async def _ask_all(config: Config, wanted: Filter, patience: float) -> dict[str, list[ModelResult] | LLMError]:
    """Ask all at once; an error is that entry's answer."""
    async with opened(config, _ONCE_MORE) as providers:
        answers = await asyncio.gather(*(_ask(each, wanted, patience) for each in providers))
        return dict(zip((each.name for each in providers), answers, strict=True))


async def _ask(provider: Provider, wanted: Filter, patience: float) -> list[ModelResult] | LLMError:
    listed: list[ModelInfo] = []
    most = wanted.limit if wanted.takes_all else None
    try:
        async with asyncio.timeout(patience):
            await provider.prices_ready()
            listed = await provider.list_models(limit=most)
    except TimeoutError:
        return Unavailable(f"it did not list its models within {patience:g} s (--timeout)")
    except Unsupported as error:
        say(f"{provider.name}: {error.message}", label="note")
    except LLMError as error:
        return error
    results = _results(provider, listed, complete=most is None or len(listed) < most)
    if wanted.capabilities and (unknown := sum(model.capabilities is None for model in results)):
        say(f"{provider.name}: left out: {unknown} of which nobody says what they can", label="note")
    return _fitting(results, wanted)


def _results(provider: Provider, listed: list[ModelInfo], *, complete: bool) -> list[ModelResult]:
    """Return the provider's models by name, those of the configuration among them."""
    named = {"text": provider.text_model, "embedding": provider.config.embedding_model}
    infos = {_plain(info.id): info for info in listed}
    missing = {model for model in named.values() if model and _plain(model) not in infos}
    results = [_result(provider, info, named, listed=True) for info in listed]
    results += [_result(provider, ModelInfo(id=model), named, listed=False if complete else None) for model in missing]
    return sorted(results, key=lambda model: model.model.lower())


def _plain(model: str) -> str:
    """Return a name without the tag that goes without saying."""
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
        input_price=_dollars(price, "input") or info.input_price,
        output_price=_dollars(price, "output") or info.output_price,
        price_source=price.source if price else "the provider's list" if info.input_price else None,
        price_as_of=price.as_of if price else None,
        capabilities=None if capabilities is None else tuple(sorted(capabilities, key=_place)),
        configured=tuple(use for use, model in named.items() if model and _plain(model) == _plain(info.id)),
        listed=listed,
    )


def _place(capability: str) -> tuple[int, str]:
    return list(_SHORT).index(capability) if capability in _SHORT else len(_SHORT), capability


def _dollars(price: Price | None, kind: str) -> str | None:
    """Return a rate in US dollars per million tokens, without zeros at its end."""
    rate = getattr(price.rates, kind) if price else None
    if rate is None:
        return None
    return dollars(rate)


def _fitting(results: list[ModelResult], wanted: Filter) -> list[ModelResult]:
    named = fits(wanted.pattern)
    fitting = [model for model in results if named(model.id) and wanted.capabilities <= set(model.capabilities or ())]
    return fitting[: wanted.limit]


def fits(pattern: str | None) -> Callable[[str], bool]:
    """Return what tells whether an `entry/model` is meant by a pattern."""
    if pattern is None:
        return lambda _: True
    if "*" in pattern or "?" in pattern:
        matcher = re.compile(translate(pattern), re.IGNORECASE)
        # A pattern without an entry is one for the model's name.
        return lambda name: bool(matcher.match(name) or matcher.match(name.partition("/")[2]))
    return lambda name: pattern.lower() in name.lower()


# ---- for the eye ----


def _print(result: ModelsResult) -> None:
    if not result.models:
        say("no model fits", label="note")
        return
    show(_table(result.models), sys.stdout)


def _table(models: Iterable[ModelResult]) -> Table:
    table = plain_table()
    table.add_column("model", overflow="fold", min_width=24)
    table.add_column("for", no_wrap=True)
    for title in ("window", "output", "$ in", "$ out"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("can", min_width=8)
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
    """Return tokens in three digits or so: `512`, `131k`, `1.05M`."""
    match tokens:
        case None:
            return "?"
        case _ if tokens < 1000:
            return str(tokens)
        case _ if tokens < 1_000_000:
            return f"{tokens / 1000:.0f}k"
        case _:
            return f"{tokens / 1_000_000:.3g}M"
