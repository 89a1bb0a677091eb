"""Checks of settings that are written in Python: by the rules of the configuration file, and in its words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.domain.misuse import ConfigError
from understudy.domain.regexes import regex
from understudy.domain.rules import Rule, in_python
from understudy.domain.suggestions import kind_of, shown, suggestion

HEADER_NAME = regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
CREDENTIAL = regex(r"authorization|api-?key|token|secret|password|cookie", re.IGNORECASE)

FOREIGN_NAMES = {
    "api_base": "base_url",
    "api_url": "base_url",
    "endpoint": "base_url",
    "host": "base_url",
    "ollama_url": "base_url",
    "url": "base_url",
    "apikey": "api_key",
    "key": "api_key",
    "token": "api_key",
    "chat_model": "text_model",
    "model": "text_model",
    "model_name": "text_model",
    "type": "provider",
    "max_output_tokens": "max_tokens",
    "num_retries": "max_retries",
    "retries": "max_retries",
    "retry_delay": "retry_delay_ms",
}
"""Other tools' names for the fields and keys."""


class Settings(msgspec.StructMeta):
    """The type of settings: an unknown field is `ConfigError` with the nearest name, not `TypeError`."""

    if not TYPE_CHECKING:  # type checkers read the fields

        def __call__(cls, *args: Any, **fields: Any) -> Any:  # noqa: N805 - a metaclass
            """Make the settings. Raise `ConfigError` for an unknown or missing field."""
            unknown = next((name for name in fields if name not in cls.__struct_fields__), None)
            if unknown is not None:
                hint = suggestion(unknown, cls.__struct_fields__, FOREIGN_NAMES)
                raise ConfigError(f"{cls.__name__}: unknown field {shown(unknown)}; {hint}")
            if args:
                raise ConfigError(f"{cls.__name__}: pass each field by its name, such as {cls.__struct_fields__[0]}=…")
            required = (name for name, default in defaults_of(cls).items() if default is msgspec.NODEFAULT)
            if missing := next((name for name in required if name not in fields), None):
                raise ConfigError(f"{cls.__name__}: {missing} is missing")
            return super().__call__(**fields)


def complaints(
    settings: msgspec.Struct, rules: Mapping[str, Rule], special: Mapping[str, Callable[[Any], str | None]]
) -> list[str]:
    """Return what is wrong with the fields of settings, each beginning with the field's name.

    `special` finds what is wrong with fields that take more in Python than their rule states.
    """
    found: list[str] = []
    for name, default in defaults_of(type(settings)).items():
        value = getattr(settings, name)
        if value is default:
            continue
        judge = special.get(name)
        complaint = judge(value) if judge is not None else _complaint(rules[name], value)
        if complaint:
            found.append(f"{name} {in_python(complaint)}")
    return found


def defaults_of(cls: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the fields of settings with their defaults. Their types, which may be strategies, are not loaded."""
    fields, defaults = cls.__struct_fields__, cls.__struct_defaults__
    required = len(fields) - len(defaults)
    return dict(zip(fields, (*(msgspec.NODEFAULT for _ in range(required)), *defaults), strict=True))


def _complaint(rule: Rule, value: Any) -> str | None:
    if complaint := rule.complaint(value):
        return complaint if ", not " in complaint else f"{complaint}, got {shown(value)}"
    if isinstance(value, str) and not value.strip() and not rule.may_be_empty:
        return "must not be empty"
    if rule.choices and value not in rule.choices:
        return f"is unknown: {shown(value)}; {suggestion(value, rule.choices)}"
    return None


def raise_complaints(title: str, found: list[str]) -> None:
    """Raise `ConfigError` with everything that is wrong, if anything is."""
    if found:
        raise ConfigError("\n".join(f"{title}: {each}" for each in found))


def name_complaint(name: Any) -> str | None:
    """Return what is wrong with the name of an entry or a route; `None` if it is valid."""
    if not isinstance(name, str):
        return f"must be a string, not {kind_of(name)}"
    if "/" in name or not name.isprintable() or name != name.strip():
        return "must not contain a slash or control characters, or begin or end with a space"
    return None


def header_complaint(headers: Any) -> str | None:
    """Return what is wrong with additional headers; `None` if they are valid. Never shows a value."""
    if complaint := Rule("strings").complaint(headers):
        return complaint
    for name, value in headers.items():
        if CREDENTIAL.search(name):
            return f"contains {shown(name)}, which looks like a key; keys are not allowed in headers: use api_key"
        if not is_header(name, value):
            return "must have names and values of printable ASCII"
    return None


def is_header(name: str, value: str) -> bool:
    """Check whether a header can be sent."""
    return bool(HEADER_NAME.fullmatch(name)) and value.isascii() and value.isprintable()


def fields_of(title: str, values: Mapping[Any, Any]) -> Mapping[str, Any]:
    """Return the fields of settings that are given as a dict. Raise `ConfigError` if a name is not a string."""
    if wrong := next((key for key in values if not isinstance(key, str)), None):
        raise ConfigError(f"{title}: a field's name must be a string, not {kind_of(wrong)}")
    return values
