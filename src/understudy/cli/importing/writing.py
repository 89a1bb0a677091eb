"""Renders an imported configuration as TOML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from understudy.cli.importing.assembly import Entry, Imported

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDTH = 90
_FIRST = ("provider", "name", "weight", "api_key", "token", "base_url", "text_model", "embedding_model")


def write(imported: Imported, source: str) -> str:
    """Return the text of the file."""
    blocks = [
        f"# Written by `understudy import litellm` from {source}; the numbers are its lines.\n"
        "# All keys: docs/configuration.md"
    ]
    for name, values in imported.types.items():
        blocks.append(_table(f"[llm.provider_types.{_key(name)}]", values))
    blocks += map(_entry, imported.entries)
    if imported.limits:
        blocks.append(_table("[llm.fallback]", imported.limits))
    if imported.budget:
        blocks.append(_table("[[llm.budgets]]", imported.budget))
    for route in imported.routes:
        values = {"name": route.name, "targets": list(route.targets), **route.values}
        blocks.append(f"# {route.line}\n" + _table("[[llm.routes]]", values))
    if imported.master_key:
        blocks.append(_table("[[llm.gateway.keys]]", {"name": "master", "key": imported.master_key}))
    if imported.aliases:
        blocks.append(_table("[llm.gateway.aliases]", imported.aliases))
    return "\n\n".join(blocks) + "\n"


def _entry(entry: Entry) -> str:
    values = {"name": entry.name, **entry.values}
    optional = {"text_model": entry.text_model, "embedding_model": entry.embedding_model, "weight": entry.weight}
    values |= {key: value for key, value in optional.items() if value is not None}
    ordered = {key: values[key] for key in (*_FIRST, *values) if key in values}
    text = f"# {entry.line}\n" + _table("[[llm.providers]]", ordered)
    if entry.prices:
        text += "\n\n" + _table("[llm.providers.prices]", entry.prices)
    return text


def _table(header: str, values: Mapping[str, Any]) -> str:
    return "\n".join([header, *(f"{_key(key)} = {_value(value)}" for key, value in values.items())])


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Mapping():
            inside = ", ".join(f"{_key(str(key))} = {_value(each)}" for key, each in value.items() if each is not None)
            return f"{{ {inside} }}" if inside else "{}"
        case list() | tuple():
            items = list(_items(value))
            line = f"[{', '.join(items)}]"
            return line if len(line) <= _WIDTH else "[\n" + "".join(f"  {each},\n" for each in items) + "]"
        case int() | float():
            return repr(value)
        case _:
            return msgspec.json.encode(str(value)).decode()


def _items(values: Any) -> Iterator[str]:
    return (_value(each) for each in values if each is not None)
