"""Reads `[[llm.providers]]`: each entry becomes a `ProviderConfig`, is disabled for want of a key, or is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.config.credentials import Credential, read_credential
from understudy.config.fallback import WHOLE
from understudy.config.lines import KeyPath
from understudy.config.model import Disabled, NoticeKind
from understudy.config.networking import settle_network
from understudy.config.prices import read_price, read_prices
from understudy.config.report import meant
from understudy.config.rules import unsendable
from understudy.config.schema import CAPABILITIES, PROVIDER
from understudy.config.tables import Context, read_table
from understudy.providers import row as row_of
from understudy.providers import types
from understudy.providers.addresses import address_complaint, address_from_environment
from understudy.providers.base import ProviderRow
from understudy.settings import ProviderConfig, ProviderType

PROVIDERS: KeyPath = ("llm", "providers")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CREDENTIAL = re.compile(r"authorization|api-?key|token|secret|password|cookie", re.IGNORECASE)


class Entries(msgspec.Struct, frozen=True):
    """What the entries came to. `paths` says where each disabled one stands."""

    providers: tuple[ProviderConfig, ...]
    disabled: tuple[Disabled, ...] = ()
    paths: tuple[KeyPath, ...] = ()


def read_entries(context: Context, tables: list[Any]) -> Entries:
    """Read all entries. Names must be unique, those of disabled entries included."""
    providers: list[ProviderConfig] = []
    disabled: list[Disabled] = []
    paths: list[KeyPath] = []
    names: dict[str, KeyPath] = {}
    for index, table in enumerate(tables):
        path = (*PROVIDERS, index)
        if not isinstance(table, dict):
            context.report.error(
                path, "an entry of [[llm.providers]] must be a table", "write [[llm.providers]] above it"
            )
            continue
        context.report.unknown_keys(table, path, _title(table, index), PROVIDER)
        values = read_table(context, table, path, PROVIDER)
        entry = make_entry(context, values, table, path)
        if entry is None:
            continue
        _claim_name(context, entry.name, path, names, written="name" in table)
        if isinstance(entry, Disabled):
            disabled.append(entry)
            paths.append(path)
        else:
            providers.append(entry)
    return Entries(tuple(providers), tuple(disabled), tuple(paths))


def make_entry(
    context: Context, values: dict[str, Any], table: Mapping[str, Any], path: KeyPath, *, address: str = "base_url"
) -> ProviderConfig | Disabled | None:
    """Make an entry of the good values of a table; `None` when the provider is unknown, which is in the report.

    `address` is the key under which the base URL was written.
    """
    _check_texts(context, values, path)
    row = _row(context, table, values.get("provider"), path)
    if row is None:
        return None
    _settle_prices(context, values, path)
    values = {**values, "provider": row.type, "name": values.get("name", row.type)}
    _settle_address(context, values, (*path, address), row)
    settle_network(context, values, path)
    credential = read_credential(context, table, path, row)
    if credential.why:
        return _disable(context, values["name"], row, credential, path)
    if row.type in context.rows:
        values = {**_models_of(row), **values}
    _settle_model(context, values, path, row)
    return ProviderConfig(**values, api_key=credential.key, token=credential.token)


def _title(table: Mapping[str, Any], index: int) -> str:
    name = table.get("name")
    return f'[[llm.providers]] "{name}"' if isinstance(name, str) and name else f"[[llm.providers]] number {index + 1}"


def _row(context: Context, table: Mapping[str, Any], provider: str | None, path: KeyPath) -> ProviderRow | None:
    known_types = (*types(), *context.rows)
    if provider is None:
        if "provider" not in table:
            context.report.error(path, 'the entry has no "provider"', f"it is one of {', '.join(known_types)}")
        return None
    if provider in context.rows:
        return context.rows[provider]
    try:
        known = ProviderType(provider)
    except ValueError:
        context.report.error((*path, "provider"), "unknown provider", meant(provider, known_types))
        return None
    if known.value not in types():
        what = f"the provider {known.value} is not available in this version"
        context.report.error((*path, "provider"), what, f"available: {', '.join(types())}")
        return None
    return row_of(known.value)


def _models_of(row: ProviderRow) -> dict[str, str]:
    """Return the models that a type of the user's own names: they are as good as written in the entry."""
    models = {"text_model": row.text_model, "embedding_model": row.embedding_model}
    return {key: model for key, model in models.items() if model}


def _check_texts(context: Context, values: dict[str, Any], path: KeyPath) -> None:
    name = values.get("name", "")
    if "/" in name or not name.isprintable() or name != name.strip():
        what = "a name must not hold a slash or control characters, nor begin or end with a blank"
        context.report.error((*path, "name"), what, 'a model is addressed as "name/model"')
    if "whole" in values:
        written = values.pop("whole").strip().lower()
        if written in WHOLE:
            values["whole"] = written
        else:
            context.report.error((*path, "whole"), "unknown way to fetch whole answers", meant(written, WHOLE))
    for word in values.get("capabilities", {}):
        if word not in CAPABILITIES:
            here = (*path, "capabilities", word)
            context.report.error(here, f'unknown capability "{word}"', meant(word, CAPABILITIES))
    check_headers(context, values.get("headers", {}), (*path, "headers"))
    if found := unsendable(values.get("extra", {})):
        context.report.error(
            (*path, "extra"), f"extra holds {found}, which JSON does not have", "write it as a text or a number"
        )


def check_headers(context: Context, headers: Mapping[str, Any], path: KeyPath) -> None:
    """Report headers that cannot be sent, and those that look like a key."""
    for header, value in headers.items():
        here = (*path, header)
        if _CREDENTIAL.search(header):
            context.report.error(
                here, f'the header "{header}" looks like a key, which headers must not hold', "use api_key"
            )
        elif not HEADER_NAME.fullmatch(header) or (value is not None and not (value.isascii() and value.isprintable())):
            context.report.error(
                here, "a header's name and value must be printable ASCII", "spell it in ASCII, or leave it away"
            )


def _settle_prices(context: Context, values: dict[str, Any], path: KeyPath) -> None:
    if "price" in values:
        values["price"] = read_price(context, values["price"], (*path, "price"))
    if "prices" in values:
        values["prices"] = read_prices(context, values["prices"], (*path, "prices"))


def _settle_address(context: Context, values: dict[str, Any], path: KeyPath, row: ProviderRow) -> None:
    if "base_url" in values:
        if complaint := address_complaint(values["base_url"], row):
            del values["base_url"]
            context.report.error(path, f"{path[-1]} {complaint}", f'such as "{row.base_url}"')
    elif found := address_from_environment(row, context.environ):
        name, url = found
        if complaint := address_complaint(url, row):
            context.report.error(path[:-1], f"the environment variable {name} {complaint}", f'such as "{row.base_url}"')
        else:
            values["base_url"] = url
    elif row.base_url_required:
        variables = f" or set {row.base_url_variables[0]}" if row.base_url_variables else ""
        what = f"{row.title} has no address that serves all"
        context.report.error(path[:-1], what, f'write base_url = "{row.base_url}"{variables}')


def _settle_model(context: Context, values: dict[str, Any], path: KeyPath, row: ProviderRow) -> None:
    if "text_model" in values:
        return
    name = values["name"]
    if "embedding_model" in values:
        what = f'"{name}" has an embedding_model and no text_model: it is checked as an entry for embeddings'
    elif row.text_model is None:
        what = f'"{name}" has no text_model, so each call must name its model'
    else:
        values["text_model"] = row.text_model
        what = f'"{name}" has no text_model: {row.text_model} is used, the default as of {row.as_of}'
    context.report.notice(NoticeKind.DEFAULTED, path, what, f'write text_model = "{row.text_model or "…"}"')


def _disable(context: Context, name: str, row: ProviderRow, credential: Credential, path: KeyPath) -> Disabled:
    why = credential.why or ""
    suggestion = f"set {' or '.join(credential.variables)}" if credential.variables else None
    context.report.notice(
        NoticeKind.DISABLED, (*path, "api_key"), f'the entry "{name}" ({row.type}) is disabled: {why}', suggestion
    )
    return Disabled(name=name, provider=row.type, why=why, variables=credential.variables)


def _claim_name(context: Context, name: str, path: KeyPath, names: dict[str, KeyPath], *, written: bool) -> None:
    first = names.setdefault(name, path)
    if first is path:
        return
    line = context.report.source.number((*first, "name"))
    if written:
        what = f'the name "{name}" is already taken' + (f" on line {line}" if line else "")
        context.report.error((*path, "name"), what, "names must be unique")
    else:
        what = f'an entry without a name is called after its provider, and "{name}" is already taken'
        context.report.error(path, what, f'add name = "{name}-2"')
