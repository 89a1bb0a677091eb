"""Reads one table: known keys, valid values, and `${NAME}` or `${NAME:-default}` replaced by what a variable holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.config.lines import KeyPath
from understudy.config.report import Report, did_you_mean
from understudy.domain.regexes import regex
from understudy.domain.rules import Rule

API_KEY = "api_key"
TOKEN = "token"  # noqa: S105 - the name of a key in the file
_REFERENCE = regex(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{")
_FOREIGN = regex(r"(?:\$|os\.environ/|env:|env\.)(?P<name>[A-Za-z_][A-Za-z0-9_]*)|%(?P<windows>[A-Za-z_]\w*)%")


class Context(msgspec.Struct, frozen=True):
    """What every step of reading needs."""

    environ: Mapping[str, str]
    report: Report


class BadReference(ValueError):
    """A `${` that does not begin a valid reference. The message states why and never repeats the value."""


class Expanded(msgspec.Struct, frozen=True):
    """A string with its references replaced; a missing variable without a default becomes an empty string."""

    text: str
    missing: tuple[str, ...] = ()

    @property
    def usable(self) -> str:
        """The string; empty if a variable is missing."""
        return "" if self.missing else self.text


def read_table(context: Context, table: Mapping[str, Any], path: KeyPath, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Return the valid values of the keys in `rules`, references replaced; report the invalid ones.

    Other keys are left to the caller, and so are `api_key` and `token`, in which a missing variable is not an error.
    """
    values: dict[str, Any] = {}
    for key, written in table.items():
        if key not in rules or key in (API_KEY, TOKEN):
            continue
        rule, here = rules[key], (*path, key)
        if complaint := rule.complaint(written):
            context.report.error(here, f"{key} {complaint}", f"for example: {key} = {rule.example}")
            continue
        value = _expanded(context, written, here)
        if isinstance(value, str) and not value.strip() and not rule.may_be_empty:
            context.report.error(here, f"{key} must not be empty", "omit the key, or give it a value")
        elif isinstance(value, str) and rule.choices:
            word = value.strip().lower().replace("-", "_")
            if word in rule.choices:
                values[key] = word
            else:
                context.report.error(here, f"unknown value for {key}", did_you_mean(word, rule.choices))
        elif value is not None:
            values[key] = value
    return values


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """Replace the references in `text`; `$${` stands for a literal `${`, any other `$` for itself.

    As with `:-` in a shell, an empty variable counts as missing, so the default applies to it, too. Defaults are taken
    literally, and what a variable holds is not expanded again. Raise `BadReference` for any other `${`.
    """
    if "${" not in text:
        return Expanded(text)
    missing: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name, default = match["name"], match["default"]
        if name is None:
            raise BadReference("a ${ must continue as ${NAME} or ${NAME:-default}")
        if default is not None and "${" in default:
            raise BadReference(f"the default of ${{{name}}} must not contain another reference")
        if value := environ.get(name) or default:
            return value
        if default is None:
            missing.append(name)
        return ""

    return Expanded(_REFERENCE.sub(replace, text), tuple(dict.fromkeys(missing)))


def foreign_reference(text: str) -> str | None:
    """Return the variable that `text` names in the syntax of a shell or another tool, such as `$NAME`; else `None`."""
    match = _FOREIGN.fullmatch(text.strip())
    return (match["name"] or match["windows"]) if match else None


def expand_text(context: Context, text: str, path: KeyPath) -> Expanded | None:
    """Replace the references in a string; report a malformed one and return `None`."""
    try:
        return expand(text, context.environ)
    except BadReference as error:
        context.report.error(path, str(error), "write $${ for a literal ${")
        return None


def _expanded(context: Context, value: Any, path: KeyPath) -> Any:
    """Replace the references in all strings of a value; report those that cannot be replaced, which become `None`."""
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
