"""`understudy providers`: all providers, configured or not: key, address, models, health, and how to enable one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from understudy import providers as built_in
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.interrupts import run_async
from understudy.cli.invocation import show_notices
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import CommonOptions, JsonOption
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import plain_table, prepare_library, print_json, say, show
from understudy.config import Config, load
from understudy.config.discovery import answers
from understudy.providers import ProviderType
from understudy.providers.base import ProviderRow
from understudy.providers.environment import address_from_environment, key_variable
from understudy.reports.survey import IN_FILE, EntryResult, health_word, milliseconds, survey, target_name

if TYPE_CHECKING:
    from rich.table import Table

MANUAL = Manual(
    text="""\
Lists the entries of the configuration, the disabled ones, and every provider type without an entry: where its key
comes from (never the key), its address, its models, its health, and how to enable it. Only free requests are made, and
only to configured entries; --no-check makes none.

`understudy check` checks the same entries and reports the result by its exit code.""",
    examples=(
        Example("List what is configured and what could be", "understudy providers"),
        Example("The same without the network", "understudy providers --no-check"),
        Example(
            "List the variables that would enable a provider, in a script",
            "understudy providers --no-check --json |\n"
            "  jq -r '.providers[] | select(.state != \"configured\") | .variables[]'",
        ),
    ),
    exits={ExitCode.OK: "listed, whatever their health", ExitCode.MISUSE: "the configuration cannot be read"},
    variables={**CONFIGURATION, **LOOKS},
    see="docs/providers.md, on what each provider supports and requires",
)


class ProviderResult(msgspec.Struct, frozen=True, kw_only=True):
    """An entry, or a provider type without one."""

    provider: str
    """Its type."""
    title: str
    state: Literal["configured", "disabled", "absent"]
    name: str
    """The entry's name; the type without an entry."""
    base_url: str | None
    """`None` where it is required and missing."""
    key: str | None
    """Where the key comes from; never the key."""
    key_required: bool
    text_model: str | None
    embedding_model: str | None
    health: EntryResult | None = None
    """The result of `check`; `None` without an entry."""
    running: bool | None = None
    """For a local server without an entry: whether something answers at its address."""
    enable: str | None = None
    """How to enable it; `None` where it is configured."""
    variables: tuple[str, ...] = ()
    """Environment variables to set."""


class ProvidersResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    source: str | None
    """The configuration file; `None` without one."""
    checked: bool
    providers: tuple[ProviderResult, ...]


def providers(
    common: CommonOptions,
    *,
    no_check: Annotated[bool, typer.Option("--no-check", help="Skip health checks.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List all providers: key, health, and what the others need."""
    if not no_check:
        prepare_library()
    with report_errors(as_json=as_json):
        loaded = load(common.config, probe=(lambda _: True) if no_check else None, may_be_empty=True)
        show_notices(loaded.notices)
        entries = run_async(survey(loaded, offline=no_check))
    listed = [*_configured(loaded, entries), *_disabled(loaded), *_absent(loaded, asks=not no_check)]
    result = ProvidersResult(source=loaded.source, checked=not no_check, providers=tuple(listed))
    print_json(result) if as_json else _print(result)


def _configured(config: Config, entries: Iterable[EntryResult]) -> Iterator[ProviderResult]:
    for entry, seen in sorted(zip(config.providers, entries, strict=True), key=lambda pair: pair[0].priority):
        row = _row(config, entry.provider)
        yield ProviderResult(
            provider=row.type,
            title=row.title,
            state="configured",
            name=seen.name,
            base_url=seen.base_url,
            key=seen.key,
            key_required=row.key_required,
            text_model=seen.model,
            embedding_model=seen.embedding_model,
            health=seen,
        )


def _disabled(config: Config) -> Iterator[ProviderResult]:
    for entry in config.disabled:
        row = _row(config, entry.provider)
        yield msgspec.structs.replace(
            _of_row(row), state="disabled", name=entry.name, enable=entry.why, variables=entry.variables
        )


def _absent(config: Config, *, asks: bool) -> Iterator[ProviderResult]:
    """Return the types without an entry; with `asks`, check whether a local one is running."""
    used = {entry.provider for entry in config.providers} | {entry.provider for entry in config.disabled}
    rows = [*map(built_in.row, built_in.types()), *config.provider_types]
    for row in rows:
        if row.type in used:
            continue
        result = _of_row(row)
        running = answers(result.base_url) if row.local and asks and result.base_url else None
        yield msgspec.structs.replace(
            result, running=running, enable=_how_to_enable(row, result, config, running=running is True)
        )


def _row(config: Config, provider: str) -> ProviderRow:
    own = next((row for row in config.provider_types if row.type == provider), None)
    return own or built_in.row(ProviderType(provider).value)


def _of_row(row: ProviderRow) -> ProviderResult:
    """Return a provider type with the values that the environment holds for it."""
    held = address_from_environment(row, os.environ)
    address = row.normalize_base_url(held[1]) if held else None if row.base_url_required else row.base_url
    key = key_variable(row, os.environ)
    missing = [row.key_variables[:1]] if key is None and row.key_required else []
    missing += [row.base_url_variables[:1]] if address is None else []
    return ProviderResult(
        provider=row.type,
        title=row.title,
        state="absent",
        name=row.type,
        base_url=address,
        key=f"${key}" if key else None,
        key_required=row.key_required,
        text_model=row.text_model,
        embedding_model=row.embedding_model,
        variables=tuple(name for names in missing for name in names),
    )


def _how_to_enable(row: ProviderRow, result: ProviderResult, config: Config, *, running: bool) -> str:
    """Return how to enable a type without an entry."""
    steps = [f"set {' and '.join(result.variables)}"] if result.variables else []
    if row.local and not running:
        steps.append(f"start {row.title}")
    if config.source:
        model = "" if row.text_model else " and text_model"
        steps.append(f'add [[llm.providers]] with provider = "{row.type}"{model}')
    return ", ".join(steps)


# ---- the output ----


def _print(result: ProvidersResult) -> None:
    print(f"configuration: {result.source or 'no file; found in the environment'}\n")
    used = [each for each in result.providers if each.state == "configured"]
    if used:
        show(_table(used), sys.stdout)
        print()
    for each in used:
        if each.health and each.health.detail:
            print(clean_line(f"{each.name}: {each.health.detail}"))
    rest = [each for each in result.providers if each.state != "configured"]
    if rest:
        if any(each.health and each.health.detail for each in used):
            print()
        show(_others(rest), sys.stdout)
    if not result.source:
        say("`understudy init` writes a configuration file", label="note")


def _table(results: Iterable[ProviderResult]) -> Table:
    table = plain_table("in use", "key from", "health", "latency", "models", "address")
    for each in results:
        health = each.health
        table.add_row(
            target_name(each.name, each.provider, None),
            _key(each),
            health_word(health) if health else "?",
            milliseconds(health.latency) if health else "",
            "\n".join(model for model in (each.text_model, each.embedding_model) if model),
            (each.base_url or "").removeprefix("https://"),
        )
    return table


def _others(results: Iterable[ProviderResult]) -> Table:
    table = plain_table("not in use", "key from", "to enable it")
    for each in results:
        name = target_name(each.name, each.provider, None)
        table.add_row(f"{name}, disabled" if each.state == "disabled" else name, _key(each), each.enable)
    return table


def _key(result: ProviderResult) -> str:
    if result.key == IN_FILE:
        return "file"
    return result.key or ("missing" if result.key_required else "not required")
