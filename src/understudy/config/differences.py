"""What a changed configuration changes, in words: names of entries, routes, keys and aliases, never values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from understudy.config.model import Config


def differences(old: Config, new: Config) -> list[str]:
    """Return what changed, one sentence for each thing: `entry "openai" changed: api_key, timeout`."""
    parts: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
        ("entry", {each.entry: each for each in old.providers}, {each.entry: each for each in new.providers}),
        ("route", {each.name: each for each in old.routes}, {each.name: each for each in new.routes}),
        ("key", {each.name: each for each in old.gateway.keys}, {each.name: each for each in new.gateway.keys}),
        (
            "console key",
            {each.name: each for each in old.console.keys},
            {each.name: each for each in new.console.keys},
        ),
        (
            "budget",
            {each.name: each for each in old.allowance.budgets},
            {each.name: each for each in new.allowance.budgets},
        ),
        ("alias", dict(old.gateway.aliases), dict(new.gateway.aliases)),
        (
            "provider type",
            {each.type: each for each in old.provider_types},
            {each.type: each for each in new.provider_types},
        ),
    ]
    found = [line for kind, before, after in parts for line in _compare(kind, before, after)]
    for table, before, after in (
        ("llm.fallback", old.fallback, new.fallback),
        ("llm.gateway", old.gateway, new.gateway),
        ("llm.console", old.console, new.console),
        ("llm.telemetry", old.telemetry, new.telemetry),
        ("llm.ledger", old.ledger, new.ledger),
    ):
        if fields := [name for name in _changed(before, after) if name not in ("keys", "aliases")]:
            found.append(f"[{table}] changed: {', '.join(fields)}")
    if old.allowance.limits != new.allowance.limits:
        found.append("[[llm.limits]] changed")
    return found


def _compare(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in new:
        if name not in old:
            yield f'{kind} "{name}" added'
        elif fields := _changed(old[name], new[name]):
            yield f'{kind} "{name}" changed' + (f": {', '.join(fields)}" if fields != [""] else "")
    yield from (f'{kind} "{name}" removed' for name in old if name not in new)


def _changed(old: Any, new: Any) -> list[str]:
    """Return the names of the fields in which two structs differ; an empty name for values of other types."""
    if isinstance(old, msgspec.Struct) and type(old) is type(new):
        return [name for name in old.__struct_fields__ if getattr(old, name) != getattr(new, name)]
    return [""] if old != new else []
