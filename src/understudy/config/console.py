"""Reads `[llm.console]`: whether the console is served, and whose keys open it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from understudy.config.gateway import read_secret
from understudy.config.lines import KeyPath
from understudy.config.tables import Context, read_table
from understudy.settings.console import CONSOLE, CONSOLE_KEY, HASH, ConsoleConfig, ConsoleKey, digest_of
from understudy.settings.gateway import GatewayKey

_CONSOLE: KeyPath = ("llm", "console")
_HOW_TO_HASH = 'make it with: printf %s "$KEY" | sha256sum'


def read_console(context: Context, table: Any, callers: Collection[GatewayKey] = ()) -> ConsoleConfig:
    """Read the table. `callers`: the keys of the gateway, none of which may open the console."""
    report = context.report
    if not isinstance(table, dict):
        report.error(_CONSOLE, "llm.console must be a table", "write it as [llm.console]")
        return ConsoleConfig()
    report.unknown_keys(table, _CONSOLE, "[llm.console]", CONSOLE)
    values = read_table(context, {name: value for name, value in table.items() if name != "keys"}, _CONSOLE, CONSOLE)
    return ConsoleConfig(**values, keys=_read_keys(context, table.get("keys", []), callers))


def _read_keys(context: Context, tables: Any, callers: Collection[GatewayKey]) -> tuple[ConsoleKey, ...]:
    path = (*_CONSOLE, "keys")
    if not isinstance(tables, list):
        context.report.error(path, "llm.console.keys must be a list of tables", "write each as [[llm.console.keys]]")
        return ()
    taken = {digest_of(each.key, each.hash): f'the gateway key "{each.name}"' for each in callers}
    found: list[ConsoleKey] = []
    for index, table in enumerate(tables):
        key = _read_key(context, table, (*path, index))
        if key is None:
            continue
        if any(other.name == key.name for other in found):
            context.report.error((*path, index, "name"), "another key has this name", "choose another name")
        value = digest_of(key.key, key.hash)
        if value in taken:
            what = f"the value is that of {taken[value]} too"
            context.report.error((*path, index), what, "an admin key opens the console alone: make one of its own")
        taken[value] = f'the key "{key.name}"'
        found.append(key)
    return tuple(found)


def _read_key(context: Context, table: Any, path: KeyPath) -> ConsoleKey | None:
    report = context.report
    if not isinstance(table, dict):
        report.error(path, "a key must be a table", "write [[llm.console.keys]] above it")
        return None
    report.unknown_keys(table, path, "[[llm.console.keys]]", CONSOLE_KEY)
    values = read_table(context, {name: value for name, value in table.items() if name != "key"}, path, CONSOLE_KEY)
    if "name" not in table:
        report.error(path, 'the key has no "name"', f"for example: name = {CONSOLE_KEY['name'].example}")
    if ("key" in table) == ("hash" in table):
        report.error(path, 'write either "key" or "hash"', f"for example: key = {CONSOLE_KEY['key'].example}")
        return None
    key = read_secret(context, table["key"], (*path, "key")) if "key" in table else None
    hashed = values.get("hash")
    if hashed is not None and not HASH.fullmatch(hashed):
        report.error((*path, "hash"), "hash must be sha256: and 64 hexadecimal digits", _HOW_TO_HASH)
        return None
    if "name" not in values or (key is None and hashed is None):
        return None
    return ConsoleKey(**values, key=key)
