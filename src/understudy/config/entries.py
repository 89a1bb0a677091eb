"""Reads `[[llm.providers]]`, or the single provider that `[llm]` describes.

Each becomes a `ProviderConfig`, is disabled because its key is missing, or is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.config.access import read_key, resolve_address, resolve_network
from understudy.config.lines import KeyPath
from understudy.config.model import Disabled, NoticeKind
from understudy.config.prices import read_price, read_prices
from understudy.config.report import did_you_mean
from understudy.config.schema import CAPABILITIES, LEGACY, PROVIDER
from understudy.config.tables import Context, read_table
from understudy.domain.misuse import ConfigError
from understudy.domain.rules import not_json
from understudy.domain.suggestions import kind_of, shown
from understudy.providers import ProviderType, types
from understudy.providers import row as row_of
from understudy.providers.base import ProviderRow
from understudy.providers.environment import EnvironmentKey
from understudy.settings import ProviderConfig
from understudy.settings.checking import CREDENTIAL, is_header, name_complaint

PROVIDERS: KeyPath = ("llm", "providers")
_LLM: KeyPath = ("llm",)

Types = Mapping[str, ProviderRow | None]
"""The provider types that the file defines; `None` for an invalid one."""


class Entries(msgspec.Struct, frozen=True):
    """The entries of a file. `paths` holds where each disabled one is written."""

    providers: tuple[ProviderConfig, ...]
    disabled: tuple[Disabled, ...] = ()
    paths: tuple[KeyPath, ...] = ()


def read_entries(context: Context, tables: list[Any], own_types: Types) -> Entries:
    """Read all entries. Names must be unique, those of disabled entries included."""
    providers: list[ProviderConfig] = []
    disabled: list[Disabled] = []
    paths: list[KeyPath] = []
    names: dict[str, KeyPath] = {}
    for index, table in enumerate(tables):
        path = (*PROVIDERS, index)
        if not isinstance(table, dict):
            what = "an entry of [[llm.providers]] must be a table"
            context.report.error(path, what, "write [[llm.providers]] above it")
            continue
        context.report.unknown_keys(table, path, _title(table, index), PROVIDER)
        values = read_table(context, table, path, PROVIDER)
        entry = _make_entry(context, values, table, (*path, "base_url"), own_types)
        if entry is None:
            continue
        _claim_name(context, entry.name, path, names, written="name" in table)
        if isinstance(entry, Disabled):
            disabled.append(entry)
            paths.append(path)
        else:
            providers.append(entry)
    return Entries(tuple(providers), tuple(disabled), tuple(paths))


def read_legacy(context: Context, llm: Mapping[str, Any], own_types: Types) -> Entries:
    """Read the single provider that `[llm]` describes: Ollama, unless `provider` names another."""
    values = read_table(context, llm, _LLM, LEGACY)
    if "provider" not in llm:
        values["provider"] = ProviderType.OLLAMA.value
    address = "base_url"
    if ollama_url := values.pop("ollama_url", None):
        if "base_url" in values or not _is_ollama(values.get("provider")):
            reason = "base_url is set" if "base_url" in values else "the provider is not Ollama"
            what = f"ollama_url is ignored: {reason}"
            context.report.notice(NoticeKind.IGNORED, (*_LLM, "ollama_url"), what, "remove it")
        else:
            values["base_url"], address = ollama_url, "ollama_url"
    match _make_entry(context, values, llm, (*_LLM, address), own_types):
        case ProviderConfig() as entry:
            return Entries((entry,))
        case Disabled() as entry:
            return Entries((), (entry,), (_LLM,))
        case None:
            return Entries(())


def report_overridden(context: Context, llm: Mapping[str, Any]) -> None:
    """Report each key of the single-provider form as overridden by the list of providers."""
    for key in LEGACY:
        if key in llm:
            what = f"{key} in [llm] is ignored: [[llm.providers]] overrides it"
            context.report.notice(NoticeKind.IGNORED, (*_LLM, key), what, f"move {key} into an entry, or remove it")


def check_headers(context: Context, headers: Mapping[str, Any], path: KeyPath) -> None:
    """Report headers that cannot be sent, and those that look like a key."""
    for header, value in headers.items():
        here = (*path, header)
        if CREDENTIAL.search(header):
            what = f'the header "{header}" looks like a key; keys are not allowed in headers'
            context.report.error(here, what, "use api_key")
        elif not is_header(header, value or ""):
            what = "a header's name and value must be printable ASCII"
            context.report.error(here, what, "write it in ASCII, or omit it")


def _make_entry(
    context: Context, values: dict[str, Any], table: Mapping[str, Any], address: KeyPath, own_types: Types
) -> ProviderConfig | Disabled | None:
    """Make an entry of the valid values of a table; `None` if the provider is unknown, which is reported.

    `address` is the key under which the base URL was written.
    """
    path = address[:-1]
    _check_values(context, values, path)
    row = _row(context, table, values.get("provider"), path, own_types)
    if row is None:
        return None
    if "price" in values:
        values["price"] = read_price(context, values["price"], (*path, "price"))
    if "prices" in values:
        values["prices"] = read_prices(context, values["prices"], (*path, "prices"))
    values = {**values, "provider": row.type, "name": values.get("name", row.type)}
    resolve_address(context, values, address, row)
    resolve_network(context, values, path)
    found = read_key(context, table, path, row)
    if found.why:
        return _disable(context, values["name"], row, found, path)
    if row.type in own_types:  # the models that such a type names are as good as written in the entry
        models = {"text_model": row.text_model, "embedding_model": row.embedding_model}
        values = {**{key: model for key, model in models.items() if model}, **values}
    _default_model(context, values, path, row)
    try:
        return ProviderConfig(**values, api_key=found.pool or found.key, token=found.token)
    except ConfigError:
        if context.report.has_errors:  # those that were reported, with their lines
            return None
        raise


def _title(table: Mapping[str, Any], index: int) -> str:
    name = table.get("name")
    return (
        f'[[llm.providers]] "{name}"'
        if isinstance(name, str) and shown(name) != kind_of(name)
        else f"[[llm.providers]] number {index + 1}"
    )


def _row(
    context: Context, table: Mapping[str, Any], provider: str | None, path: KeyPath, own_types: Types
) -> ProviderRow | None:
    available = (*types(), *own_types)
    if provider is None:
        if "provider" not in table:
            context.report.error(path, 'the entry has no "provider"', f"expected one of {', '.join(available)}")
        return None
    if provider in own_types:
        return own_types[provider]
    try:
        known = ProviderType(provider)
    except ValueError:
        context.report.error((*path, "provider"), "unknown provider", did_you_mean(provider, available))
        return None
    if known.value not in types():
        what = f"the provider {known.value} is not available in this version"
        context.report.error((*path, "provider"), what, f"available: {', '.join(types())}")
        return None
    return row_of(known.value)


def _check_values(context: Context, values: dict[str, Any], path: KeyPath) -> None:
    name = values.get("name", "")
    if complaint := name_complaint(name):
        what = f"a name {complaint}"
        context.report.error((*path, "name"), what, 'a model is addressed as "name/model"')
    for word in values.get("capabilities", {}):
        if word not in CAPABILITIES:
            here = (*path, "capabilities", word)
            context.report.error(here, f'unknown capability "{word}"', did_you_mean(word, CAPABILITIES))
    check_headers(context, values.get("headers", {}), (*path, "headers"))
    if found := not_json(values.get("extra", {})):
        what = f"extra contains {found}, which JSON cannot express"
        context.report.error((*path, "extra"), what, "write it as a string or a number")


def _default_model(context: Context, values: dict[str, Any], path: KeyPath, row: ProviderRow) -> None:
    if "text_model" in values:
        return
    name = values["name"]
    if "embedding_model" in values:
        what = f'"{name}" has an embedding_model but no text_model: it is checked as an entry for embeddings'
    elif row.text_model is None:
        what = f'"{name}" has no text_model, so each call must name its model'
    else:
        values["text_model"] = row.text_model
        what = f'"{name}" has no text_model: {row.text_model} is used, the default as of {row.as_of}'
    context.report.notice(NoticeKind.DEFAULTED, path, what, f'write text_model = "{row.text_model or "…"}"')


def _disable(context: Context, name: str, row: ProviderRow, found: EnvironmentKey, path: KeyPath) -> Disabled:
    why = found.why or ""
    suggestion = f"set {' or '.join(found.variables)}" if found.variables else None
    what = f'the entry "{name}" ({row.type}) is disabled: {why}'
    context.report.notice(NoticeKind.DISABLED, (*path, "api_key"), what, suggestion)
    return Disabled(name=name, provider=row.type, why=why, variables=found.variables)


def _claim_name(context: Context, name: str, path: KeyPath, names: dict[str, KeyPath], *, written: bool) -> None:
    first = names.setdefault(name, path)
    if first is path:
        return
    if written:
        line = context.report.source.number((*first, "name"))
        what = f'the name "{name}" is already taken' + (f" on line {line}" if line else "")
        context.report.error((*path, "name"), what, "names must be unique")
    else:
        what = f'an entry without a name is named after its provider, and "{name}" is already taken'
        context.report.error(path, what, f'add name = "{name}-2"')


def _is_ollama(provider: str | None) -> bool:
    try:
        return provider is not None and ProviderType(provider) is ProviderType.OLLAMA
    except ValueError:
        return False
