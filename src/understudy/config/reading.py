"""Reads a configuration: from a file, from a string, or from what the environment offers."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from understudy.config.budgets import read_allowance
from understudy.config.console import read_console
from understudy.config.discovery import answers, discover, home_folder, local_address, locate
from understudy.config.entries import PROVIDERS, Entries, read_entries, read_legacy, report_overridden
from understudy.config.gateway import names_of, read_gateway
from understudy.config.ledger import read_ledger
from understudy.config.model import Config, NoticeKind
from understudy.config.provider_types import read_types
from understudy.config.report import Report, Source, did_you_mean, nearest
from understudy.config.routes import check_flags, check_tasks, read_fallback, read_routes, read_tasks
from understudy.config.schema import KNOWN, LLM
from understudy.config.tables import Context
from understudy.config.telemetry import read_telemetry
from understudy.domain.errors import ConfigError
from understudy.domain.regexes import regex

_POSITION = regex(r"\s*\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")

_SYNTAX_HINTS = {
    "Invalid value": 'put strings in quotes: key = "text"',
    "after a key": "write key = value",
    "Invalid statement": "write key = value, [table] or [[list of tables]]",
    "end of a table declaration": "write [table]",
    "end of an array declaration": "write [[list of tables]]",
    "Illegal character": "close the quotes on the same line",
    "Unterminated": "close the quotes",
    "Unclosed": "close the bracket",
    "Cannot": "each key and each [table] may be written once; a list of tables is written [[table]]",
    "after a statement": "write one key = value per line",
    "Unescaped": "write a backslash as \\\\, or put the string in single quotes",
}
"""What helps, by a part of the parser's message."""


def load(
    path: str | Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    probe: Callable[[str], bool] | None = None,
    may_be_empty: bool = False,
) -> Config:
    """Read the configuration file that `locate` finds, or make a configuration of what the environment offers.

    `environ` defaults to the environment of the process. `probe` checks whether an Ollama answers at an address, only
    if no file is found; by default it tries to connect for 0.3 seconds. No other I/O is done than reading the file.
    Raise `ConfigError` if anything is invalid, or no provider is usable, unless it `may_be_empty`.
    """
    environ = os.environ if environ is None else environ
    found = locate(path, environ, Path(), home_folder())
    if found is None:
        return discover(environ, (probe or answers)(local_address(environ)), may_be_empty=may_be_empty)
    return parse(_read(found), source=str(found), environ=environ, may_be_empty=may_be_empty)


def parse(text: str, *, source: str | None = None, environ: Mapping[str, str], may_be_empty: bool = False) -> Config:
    """Read a configuration from a string. `source` is the file's name for errors and notices.

    Raise `ConfigError` with everything that is wrong, each with file, line, the offending text and a suggestion. It is
    also an error if every entry is disabled, unless it `may_be_empty`.
    """
    lines = Source(source, text, KNOWN)
    return read(read_toml(text, lines), lines, environ=environ, may_be_empty=may_be_empty)


def read(
    document: Mapping[str, Any], lines: Source, *, environ: Mapping[str, str], may_be_empty: bool = False
) -> Config:
    """Read a configuration from its decoded tables. `lines` says where each key is written. Raise `ConfigError`."""
    report = Report(lines)
    llm = _llm(document, report)
    context = Context(environ, report)
    own_types = read_types(context, llm.get("provider_types", {}))
    fallback = read_fallback(context, llm.get("fallback", {}))
    tables = _tables(llm, report)
    entries = read_legacy(context, llm, own_types) if tables is None else read_entries(context, tables, own_types)
    if tables:
        report_overridden(context, llm)
    if "tasks" in llm:
        fallback = msgspec.structs.replace(fallback, tasks=read_tasks(context, llm["tasks"], entries))
    routes = read_routes(context, llm.get("routes", []), entries, fallback)
    names = names_of(routes, entries.providers, entries.disabled)
    omitted = _names_of_routes(llm) - names.keys()
    gateway = read_gateway(context, llm.get("gateway", {}), names, omitted)
    console = read_console(context, llm.get("console", {}), gateway.keys)
    ledger = read_ledger(context, llm.get("ledger", {}))
    telemetry = read_telemetry(context, llm.get("telemetry", {}), _names_of_entries(entries))
    allowance = read_allowance(context, llm)
    check_tasks(context, [fallback, *(route.fallback for route in routes)], written=bool(llm.get("tasks")))
    report.check()
    check_flags(context, llm, fallback, routes)
    if not entries.providers and not may_be_empty:
        raise ConfigError(_all_disabled(entries, lines))
    return Config(
        providers=entries.providers,
        fallback=fallback,
        routes=routes,
        gateway=gateway,
        console=console,
        allowance=allowance,
        ledger=ledger,
        telemetry=telemetry,
        source=lines.name,
        notices=report.notices,
        disabled=entries.disabled,
        legacy=tables is None,
        provider_types=tuple(row for row in own_types.values() if row is not None),
    )


def _names_of_entries(entries: Entries) -> tuple[str, ...]:
    return (*(each.entry for each in entries.providers), *(each.name for each in entries.disabled))


def _names_of_routes(llm: Mapping[str, Any]) -> set[str]:
    """Return the names of all routes that are written, usable or not."""
    tables = llm.get("routes", [])
    names = (table.get("name") for table in tables if isinstance(table, dict)) if isinstance(tables, list) else ()
    return {name for name in names if isinstance(name, str)}


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror or error}\n  check the path and its permissions"
        ) from error
    except UnicodeDecodeError as error:
        start = error.start
    # Raised outside the handler: that error carries the file's bytes, keys included.
    raise ConfigError(f"{path}: byte {start} is not valid UTF-8, which TOML requires\n  save the file as UTF-8")


def read_toml(text: str, lines: Source) -> dict[str, Any]:
    """Return the tables of a TOML text. Raise `ConfigError` with the line and a hint if it is not valid."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        message = str(error)
    # Raised outside the handler: newer versions keep the whole text, keys included, on the parser's error.
    raise ConfigError(_syntax_error(message, lines))


def _syntax_error(message: str, lines: Source) -> str:
    position = _POSITION.search(message)
    if position and position["line"]:
        number, column = int(position["line"]), f":{position['column']}"
    else:
        number, column = lines.end(unfinished="Un" in message), ""
    what = _POSITION.sub("", message)
    shown = lines.line(number)
    suggestion = next((hint for part, hint in _SYNTAX_HINTS.items() if part in what), "see https://toml.io")
    return f"{lines.at(number)}{column}: invalid TOML: {what}{f': {shown}' if shown else ''}\n  {suggestion}"


def _llm(document: Mapping[str, Any], report: Report) -> Mapping[str, Any]:
    """Return the `[llm]` table. Other tables belong to other programs; one that looks misspelled is reported."""
    if "llm" not in document:
        near = next((key for key in document if key in LLM or nearest(key, ["llm"])), None)
        suggestion = (
            f"did you mean [llm] or [[llm.providers]] instead of {near}?"
            if near
            else 'write [[llm.providers]] and below it, for example, provider = "openai"; see docs/configuration.md'
        )
        what = "there is no [llm] and no [[llm.providers]], so nothing in this file is used: a local Ollama is asked"
        report.notice(NoticeKind.MISSING, (near,) if near else (), what, suggestion)
        return {}
    llm = document["llm"]
    if isinstance(llm, dict):
        for key in (key for key in llm if key not in LLM):
            report.notice(NoticeKind.UNKNOWN_KEY, ("llm", key), f'unknown key "{key}" in [llm]', did_you_mean(key, LLM))
        return llm
    report.error(("llm",), "llm must be a table", "write [llm], or [[llm.providers]]")
    return {}


def _tables(llm: Mapping[str, Any], report: Report) -> list[Any] | None:
    """Return the list of providers; `None` without one, so that the single-provider form applies."""
    if "providers" not in llm:
        if isinstance(llm.get("provider"), (dict, list)):
            report.error(("llm", "provider"), "llm.provider must be a string", "did you mean [[llm.providers]]?")
            return []
        return None
    tables = llm["providers"]
    if isinstance(tables, list) and tables:
        return tables
    report.error(PROVIDERS, "llm.providers must be a list of tables", "write each entry as [[llm.providers]]")
    return []


def _all_disabled(entries: Entries, lines: Source) -> str:
    """Return the error for a file whose every entry is disabled."""
    why = (
        f"  {lines.where((*path, 'api_key'))}: {entry.name} ({entry.provider}): {entry.why}"
        for entry, path in zip(entries.disabled, entries.paths, strict=True)
    )
    variables = dict.fromkeys(name for entry in entries.disabled for name in entry.variables)
    way_out = f"  set one of {', '.join(variables)}" if variables else "  write an api_key"
    return "\n".join((f"{lines.name or 'the configuration'}: no provider can be used", *why, way_out))
