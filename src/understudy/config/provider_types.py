"""Reads `[llm.provider_types.NAME]`: each becomes a provider's row, equal to a built-in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from understudy import dialects
from understudy.config.entries import check_headers
from understudy.config.lines import KeyPath
from understudy.config.report import did_you_mean
from understudy.config.schema import ERROR_RULE, FAMILY, TYPE
from understudy.config.tables import Context, read_table
from understudy.dialects.quirks import ErrorRule, QuirksPatch
from understudy.domain.failures import FailureKind
from understudy.domain.operation import SPOKEN, Operation
from understudy.domain.regexes import regex
from understudy.providers import ProviderType
from understudy.providers import row as row_of
from understudy.providers.addresses import address_complaint
from understudy.providers.base import Auth, Family, ProviderRow
from understudy.settings.checking import HEADER_NAME
from understudy.wire.quotas import by_pattern

TYPES: KeyPath = ("llm", "provider_types")
_VARIABLE = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_AS_IN_ROWS = ("title", "key_required", "text_model", "embedding_model", "first_event_timeout", "price_id", "local")


def read_types(context: Context, tables: Any) -> dict[str, ProviderRow | None]:
    """Read all types. An invalid one is `None`, so that its entries are not reported as unknown as well."""
    if not isinstance(tables, dict):
        context.report.error(TYPES, "llm.provider_types must be a table", "write [llm.provider_types.NAME]")
        return {}
    return {name: _read_type(context, name, table) for name, table in tables.items()}


def _read_type(context: Context, name: str, table: Any) -> ProviderRow | None:
    path = (*TYPES, name)
    _check_name(context, name, path)
    if not isinstance(table, dict):
        context.report.error(path, "a provider type must be a table", f"write [llm.provider_types.{name}]")
        return None
    context.report.unknown_keys(table, path, f"[llm.provider_types.{name}]", TYPE)
    values = read_table(context, table, path, TYPE)
    for key in ("dialect", "base_url"):
        if key not in table:
            what = f'the provider type "{name}" has no "{key}"'
            context.report.error(path, what, f"for example: {key} = {TYPE[key].example}")
    operations = _read_operations(context, values, path)
    _check_values(context, values, path)
    quirks = read_quirks(context, values.get("quirks", {}), (*path, "quirks"))
    families = _read_families(context, values.get("families", []), (*path, "families"))
    error_rules = _read_error_rules(context, values.get("error_rules", []), (*path, "error_rules"))
    if "base_url" not in values or not operations:
        return None
    header = values.get("header", Auth().header).lower()
    row = ProviderRow(
        **{"title": name, **{key: values[key] for key in _AS_IN_ROWS if key in values}},
        type=name,
        base_url=values["base_url"].strip(),
        normalize_base_url=_normalizer(operations),
        dialects=operations,
        key_variables=(values["key_variable"],) if "key_variable" in values else (),
        # Only `authorization` has a default prefix.
        auth=Auth(header, values.get("prefix", Auth().prefix if header == Auth().header else "")),
        headers=tuple((header.lower(), value) for header, value in values.get("headers", {}).items()),
        quirks=quirks,
        families=families,
        error_rules=error_rules,
        quotas=by_pattern("x-ratelimit-{what}-{unit}", "requests", "tokens"),  # what most servers send
    )
    if complaint := address_complaint(row.base_url, row):
        context.report.error(
            (*path, "base_url"), f"base_url {complaint}", f"for example: base_url = {TYPE['base_url'].example}"
        )
    return row


_FIRST_OF_DIALECT = {
    "openai": "openai",
    "responses": "openai",
    "anthropic": "anthropic",
    "gemini": "google",
    "cohere": "cohere",
    "replicate": "replicate",
    "ollama": "ollama",
}
"""The built-in provider of each wire format, whose base URLs have the form of all others that use it."""


def _normalizer(operations: Mapping[Operation, str]) -> Callable[[str], str]:
    """Return the function that normalizes base URLs, by the wire format of chats, else of any operation."""
    dialect = operations.get(Operation.CHAT) or next(iter(operations.values()))
    first = _FIRST_OF_DIALECT.get(dialect)
    return row_of(first).normalize_base_url if first else str.strip


def _check_name(context: Context, name: str, path: KeyPath) -> None:
    if "/" in name or not name or not name.isprintable() or name != name.strip():
        what = "a name must not be empty, contain a slash or control characters, or begin or end with a space"
        context.report.error(path, what, "write [llm.provider_types.NAME]")
    try:
        known = ProviderType(name)
    except ValueError:
        return
    also = "" if known.value == name else f" (another name of {known.value})"
    what = f'"{name}"{also} is built in and cannot be redefined'
    context.report.error(path, what, f'choose another name, such as "my-{known.value}"')


def _read_operations(context: Context, values: Mapping[str, Any], path: KeyPath) -> dict[Operation, str]:
    """Return the dialect of each operation: those that `dialect` supports, as changed by `operations`."""
    spoken: dict[Operation, str] = {}
    dialect: str = values.get("dialect", "")
    if dialect and _is_dialect(context, dialect, (*path, "dialect")):
        spoken = dict.fromkeys(sorted(dialects.load(dialect).operations), dialect)
    known = {operation.value: operation for operation in SPOKEN}
    for key, value in values.get("operations", {}).items():
        here = (*path, "operations", key)
        operation = known.get(key)
        if operation is None:
            context.report.error(here, f'unknown operation "{key}"', did_you_mean(key, known))
        elif value is False:
            spoken.pop(operation, None)
        elif not isinstance(value, str):
            what = f"{key} must be the name of a dialect, or false if it is not supported"
            context.report.error(here, what, f"expected one of {', '.join(dialects.names())}")
        elif _is_dialect(context, value, here):
            if operation in dialects.load(value).operations:
                spoken[operation] = value
            else:
                able = ", ".join(name for name in dialects.names() if operation in dialects.load(name).operations)
                what = f"the dialect {value} does not support this operation"
                context.report.error(here, what, f"supported by {able}")
    return spoken


def _is_dialect(context: Context, name: str, path: KeyPath) -> bool:
    if name in dialects.names():
        return True
    context.report.error(path, "unknown dialect", did_you_mean(name, dialects.names()))
    return False


def _check_values(context: Context, values: Mapping[str, Any], path: KeyPath) -> None:
    report = context.report
    check_headers(context, values.get("headers", {}), (*path, "headers"))
    if "key_variable" in values and not _VARIABLE.fullmatch(values["key_variable"]):
        example = TYPE["key_variable"].example
        what = "key_variable must be the name of an environment variable"
        report.error((*path, "key_variable"), what, f"for example: key_variable = {example}, without ${{}}")
    if "header" in values and not HEADER_NAME.fullmatch(values["header"]):
        report.error(
            (*path, "header"), "header is not a valid header name", f"for example: header = {TYPE['header'].example}"
        )
    prefix = values.get("prefix", "")
    if not (prefix.isascii() and prefix.isprintable()):
        what = "prefix must be printable ASCII"
        report.error((*path, "prefix"), what, f"for example: prefix = {TYPE['prefix'].example}")


def _read_families(context: Context, tables: list[dict[str, Any]], path: KeyPath) -> tuple[Family, ...]:
    families: list[Family] = []
    for index, table in enumerate(tables):
        here = (*path, index)
        context.report.unknown_keys(table, here, f"[[llm.provider_types.{path[2]}.families]]", FAMILY)
        values = read_table(context, table, here, FAMILY)
        quirks = read_quirks(context, values.get("quirks", {}), (*here, "quirks"))
        for key in FAMILY:
            if key not in table:
                context.report.error(here, f'a family has no "{key}"', f"for example: {key} = {FAMILY[key].example}")
        if "pattern" in values and _is_pattern(context, values["pattern"], (*here, "pattern")):
            families.append(Family(values["pattern"], quirks))
    return tuple(families)


def _is_pattern(context: Context, pattern: str, path: KeyPath) -> bool:
    try:
        re.compile(pattern)
    except re.error as error:
        what = f"pattern is not a valid regular expression: {error.msg}"
        context.report.error(path, what, f"for example: pattern = {FAMILY['pattern'].example}")
        return False
    return True


def _read_error_rules(context: Context, tables: list[dict[str, Any]], path: KeyPath) -> tuple[ErrorRule, ...]:
    rules: list[ErrorRule] = []
    kinds = [kind.value for kind in FailureKind]
    for index, table in enumerate(tables):
        here = (*path, index)
        context.report.unknown_keys(table, here, f"[[llm.provider_types.{path[2]}.error_rules]]", ERROR_RULE)
        values = read_table(context, table, here, ERROR_RULE)
        if "kind" not in table:
            context.report.error(here, 'an error rule has no "kind"', f"expected one of {', '.join(kinds)}")
        elif "kind" in values and values["kind"] not in kinds:
            context.report.error((*here, "kind"), "unknown kind of failure", did_you_mean(values["kind"], kinds))
        elif not table.keys() & {"status", "code", "text"}:
            context.report.error(here, "an error rule without a condition matches nothing", "add status, code or text")
        elif "kind" in values:
            text = values.get("text")
            conditions = {**values, "kind": FailureKind(values["kind"]), "text": text.lower() if text else None}
            rules.append(ErrorRule(**conditions))
    return tuple(rules)


def read_quirks(context: Context, table: Mapping[str, Any], path: KeyPath) -> QuirksPatch:
    """Return the valid quirks and report the others. Keys and values are checked by the types of `QuirksPatch`."""
    types = _types()
    context.report.unknown_keys(table, path, f"the quirks of {path[2]}", types)
    quirks: QuirksPatch = {}
    for key, value in table.items():
        if key not in types:
            continue
        try:
            quirks[key] = msgspec.convert(value, types[key])  # type: ignore[literal-required]  # checked above
        except msgspec.ValidationError:
            context.report.error((*path, key), f"invalid value for {key}", f"it must be {_described(types[key])}")
    return quirks


@cache
def _types() -> Mapping[str, Any]:
    return get_type_hints(QuirksPatch)


def _described(kind: Any) -> str:
    """Return a type in words: "true or false", "a list of strings"."""
    arguments = get_args(kind)
    match get_origin(kind):
        case origin if origin in (Union, UnionType):
            # TOML has no null: a quirk is unset by omitting it.
            return " or ".join(_described(each) for each in arguments if each is not NoneType)
        case origin if origin is Literal:
            return " or ".join(f'"{each}"' for each in arguments)
        case origin if origin is frozenset:
            return "a list of strings"
        case origin if origin is tuple:
            return f"a list such as {_shape(kind)}"
        case _ if issubclass(kind, msgspec.Struct):
            return f"a table with any of the keys {', '.join(kind.__struct_fields__)}"
        case _:
            return {bool: "true or false", int: "a whole number", str: "a string"}[kind]


def _shape(kind: Any) -> str:
    """Return a list's form, such as `[["text", ["text"]]]`."""
    if get_origin(kind) in (tuple, frozenset):
        inner = [_shape(each) for each in get_args(kind) if each is not Ellipsis]
        return f"[{', '.join(inner)}]"
    return '"text"' if kind is str else "1"
