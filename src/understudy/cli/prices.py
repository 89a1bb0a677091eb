"""`understudy prices`: what models cost, and the sources of the prices."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from understudy.cli import completion
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.interrupts import run_async
from understudy.cli.invocation import show_notices
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import CommonOptions, JsonOption
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import plain_table, prepare_library, print_json, say, show
from understudy.client.factory import create_provider
from understudy.client.provider import Provider
from understudy.config import Config, load
from understudy.domain.errors import ConfigError, LLMError, Misuse
from understudy.policy.selection import split_name
from understudy.providers import ProviderType
from understudy.providers import row as row_of
from understudy.reports.prices import PriceResult, report_price
from understudy.reports.survey import open_providers
from understudy.settings import ProviderConfig

if TYPE_CHECKING:
    from rich.table import Table

MANUAL = Manual(
    text="""\
Prices are US dollars per million tokens, by class of token. The first known price counts: the entry's `price` in the
configuration, the provider's list of models (with --fetch), or genai-prices, in the version that is installed. No
requests are made without --fetch.

Without MODEL the prices of all configured targets are shown. MODEL may be an entry, ENTRY/MODEL, PROVIDER/MODEL for a
provider that is not configured, or the name of a model, which is then looked up at every provider.""",
    examples=(
        Example("Show the prices of the configured models", "understudy prices"),
        Example("Look up a model at every provider", "understudy prices gpt-4o-mini"),
        Example("Look up a model of a provider without an entry", "understudy prices anthropic/claude-haiku-4-5"),
        Example("Show the price of one partner of a router", "understudy prices hf/openai/gpt-oss-120b:groq --fetch"),
    ),
    exits={
        ExitCode.OK: "at least one price is known",
        ExitCode.UNAVAILABLE: "no price is known",
        ExitCode.MISUSE: "invalid usage or configuration",
    },
    variables={**CONFIGURATION, **LOOKS},
    see="docs/costs.md",
)

TITLES = {
    "input": "in",
    "cache_read": "cached",
    "cache_read_audio": "cached audio",
    "cache_write": "write",
    "cache_write_1h": "write 1h",
    "output": "out",
    "reasoning": "thinking",
    "audio_input": "audio in",
    "audio_output": "audio out",
}
"""The titles of the columns, by class of tokens."""
_ALWAYS = ("input", "output")


class PricesResult(msgspec.Struct, frozen=True):
    """What `--json` prints."""

    prices: tuple[PriceResult, ...]


class PricesOptions(CommonOptions, frozen=True, kw_only=True):
    """The options of `prices`."""

    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            show_default=False,
            autocompletion=completion.targets,
            help="An entry, a route, ENTRY/MODEL, PROVIDER/MODEL, or the name of a model.",
        ),
    ] = None
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Request the providers' model lists first, at no cost: some include prices.")
    ] = False
    as_json: JsonOption = False


def prices(options: PricesOptions) -> None:
    """Show what models cost, and the source of each price."""
    prepare_library()
    with report_errors(as_json=options.as_json, verbose=options.verbose):
        config = load(options.config, probe=lambda _: True)
        show_notices(config.notices)
        found = run_async(_look_up(config, options.model, fetch=options.fetch))
    print_json(PricesResult(tuple(found))) if options.as_json else _print(found)
    raise typer.Exit(ExitCode.OK if any(each.source for each in found) else ExitCode.UNAVAILABLE)


# ---- looking up ----


async def _look_up(config: Config, requested: str | None, *, fetch: bool) -> list[PriceResult]:
    async with open_providers(config) as entries:
        route = next((route for route in config.routes if route.name == requested), None)
        names = route.targets if route else (requested,)
        targets = [target for name in names for target in _targets(entries, name)]
        if not targets:
            raise Misuse("no entry has a configured model: write ENTRY/MODEL")
        if fetch:
            await asyncio.gather(*(_fetch(provider) for provider in dict(targets)))
        for provider, model in targets:
            await provider.prices_ready(model)
        results = [report_price(provider, model) for provider, model in targets]
    return results if requested is None or route else _select(results, requested)


def _select(results: list[PriceResult], requested: str) -> list[PriceResult]:
    """Return the results for a name: the known prices among those of many providers."""
    known = [each for each in results if each.source]
    if known and requested not in (known[0].provider, known[0].model):
        return known[:1]  # PROVIDER/MODEL: another provider may know a model by the whole name, but is not meant
    return results if requested == results[0].provider else known or results


async def _fetch(provider: Provider) -> None:
    try:
        await provider.list_models()
    except LLMError as error:
        say(f"{provider.name}: {clean_line(error.message.partition(chr(10))[0])}", label="warning", style="warning")


def _targets(entries: list[Provider], requested: str | None) -> Iterator[tuple[Provider, str]]:
    """Yield the targets of a name: all configured models, those of an entry, one of them, or one at every provider."""
    if requested is None:
        for entry in entries:
            yield from _models_of(entry)
        return
    name, model = split_name(requested)
    for entry in entries:
        if entry.name == name:
            models = [(entry, model)] if model else _models_of(entry)
            if not models:
                raise Misuse(f"{entry.name} has no configured model: write {entry.name}/MODEL")
            yield from models
            return
    if model and (unconfigured := _unconfigured(name)):
        yield unconfigured, model
    known = {entry.provider_type for entry in entries}
    # Every model is free on the user's own machine, or has the one price of its entry: no price of a model.
    yield from (
        (entry, requested)
        for entry in entries
        if requested == entry.text_model or not (entry.row.local or entry.config.price)
    )
    yield from ((other, requested) for each in ProviderType if each not in known and (other := _unconfigured(each)))


def _models_of(entry: Provider) -> list[tuple[Provider, str]]:
    """Return the models of an entry; none where each call names its own."""
    text_model = None if entry.config.embeds_alone else entry.text_model
    return [(entry, model) for model in dict.fromkeys((text_model, entry.config.embedding_model)) if model]


def _unconfigured(name: str) -> Provider | None:
    """Return a provider of a built-in type, to look up prices; `None` for an unknown type, and for a local one, where
    every model is free."""
    try:
        row = row_of(ProviderType(name).value)
        config = ProviderConfig(provider=row.type, base_url=row.base_url)
        return None if row.local else create_provider(config)
    except (ValueError, ConfigError):
        return None


# ---- the output ----


def _print(found: list[PriceResult]) -> None:
    if any(each.source for each in found):
        show(_table(found), sys.stdout)
    for each in found:
        if each.call:
            print(clean_line(f"{each.target}: plus ${each.call} per call"))
    if any(each.fees for each in found):
        print(_fees(found))
    if unknown := list(dict.fromkeys(each.target for each in found if each.source is None)):
        how = "write price = { input = …, output = … } in the entry, or prices.MODEL for one model; see docs/costs.md"
        names = ", ".join(unknown[:3]) + (", …" if unknown[3:] else "")
        say(clean_line(f"the price of {names} is unknown: {how}"), label="note")


def _fees(found: list[PriceResult]) -> str:
    """Return a line on the fees of hosted tools: of those targets that have any, once for all that have the same."""
    by_fees: dict[str, list[str]] = {}
    for each in found:
        if each.fees:
            fees = ", ".join(f"{tool.replace('_', ' ')} ${fee}" for tool, fee in each.fees.items())
            by_fees.setdefault(fees, []).append(each.target)
    return "\n".join(
        clean_line(f"per call of a hosted tool, at {', '.join(of)}: {fees}") for fees, of in by_fees.items()
    )


def _table(found: list[PriceResult]) -> Table:
    """Return the table; a class without any rate has no column."""
    shown = [name for name in TITLES if name in _ALWAYS or any(name in each.rates for each in found)]
    table = plain_table()
    table.add_column("$ per million tokens", overflow="fold", min_width=20)
    for name in shown:
        table.add_column(TITLES[name], justify="right", no_wrap=True)
    table.add_column("source", overflow="fold")
    for each in found:
        dated = f"{each.source} ({each.as_of})" if each.as_of else each.source
        rates = [each.rates.get(name, "" if each.source else "?") for name in shown]
        table.add_row(clean_line(each.target), *rates, clean_line(dated or "unknown"))
        for tier in each.tiers:
            table.add_row(f"  prompts above {tier.above:,}", *(tier.rates.get(name, "") for name in shown), "")
    return table
