"""Reads one table: known keys, right types, references replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.config.lines import KeyPath
from understudy.config.references import BadReference, Expanded, expand
from understudy.config.report import Report
from understudy.config.rules import Rule
from understudy.providers.base import ProviderRow

API_KEY = "api_key"
TOKEN = "token"  # noqa: S105 - the name of a key in the file


class Context(msgspec.Struct, frozen=True):
    """What every step of reading needs."""

    environ: Mapping[str, str]
    report: Report
    rows: Mapping[str, ProviderRow | None] = {}
    """The provider types that the text defines; `None` for one that is wrong."""


def read_table(context: Context, table: Mapping[str, Any], path: KeyPath, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Return the good values of the keys in `rules`, references replaced; what is wrong goes to the report.

    Other keys are left to the caller, and so are `api_key` and `token`, in which a missing variable is no error.
    """
    values: dict[str, Any] = {}
    for key, written in table.items():
        if key not in rules or key in (API_KEY, TOKEN):
            continue
        here = (*path, key)
        if complaint := rules[key].complaint(written):
            context.report.error(here, f"{key} {complaint}", f"such as {key} = {rules[key].example}")
            continue
        value = _expanded(context, written, here)
        if isinstance(value, str) and not value.strip() and not rules[key].may_be_empty:
            context.report.error(here, f"{key} must not be empty", "leave the key away, or give it a value")
        elif value is not None:
            values[key] = value
    return values


def expand_text(context: Context, text: str, path: KeyPath) -> Expanded | None:
    """Replace the references in a text; a malformed one is an error, and then `None` is returned."""
    try:
        return expand(text, context.environ)
    except BadReference as error:
        context.report.error(path, str(error), "write $${ where a plain ${ is meant")
        return None


def _expanded(context: Context, value: Any, path: KeyPath) -> Any:
    """Replace the references in all texts of a value; those that cannot be replaced become `None`, and errors."""
    match value:
        case str():
            result = expand_text(context, value, path)
            if result is None:
                return None
            for name in result.missing:
                what = f"the environment variable {name} is not set"
                context.report.error(path, what, f'set it, or write a default: "${{{name}:-default}}"')
            return None if result.missing else result.text
        case dict():
            return {key: _expanded(context, item, (*path, key)) for key, item in value.items()}
        case list():
            return [_expanded(context, item, (*path, index)) for index, item in enumerate(value)]
        case _:
            return value
