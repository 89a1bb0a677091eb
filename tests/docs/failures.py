"""Draws the tables of docs/failures.md: what each provider or server writes, and which kind of failure it means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import groupby
from typing import Any

from understudy import providers
from understudy.dialects.classification import VERSION
from understudy.dialects.classification.codes import CODES, TYPES
from understudy.dialects.classification.rows import Row
from understudy.dialects.classification.sources import Source
from understudy.dialects.classification.statuses import STATUSES
from understudy.dialects.classification.words import WORDS

_DIALECTS = ("openai", "responses", "anthropic", "gemini", "cohere", "ollama", "replicate")
_HEAD = ("| an error with | at status | means |", "| --- | --- | --- |")


def version() -> str:
    """Return the version as a sentence."""
    return f"This is the classification of **{VERSION}**; `understudy --version` prints which one is installed."


def tables() -> dict[str, tuple[Row, ...]]:
    """Return every table by the words that say to whom it applies."""
    found: dict[str, Any] = {}
    for name in _DIALECTS:
        module = import_module(f"understudy.dialects.{name}.errors")
        found[f"in the wire format `{name}`"] = getattr(module, "PREDICTIONS", module.RULES)
    for name in providers.types():
        found["here"] = (*found.get("here", ()), *providers.row(name).error_rules)
    return {"everywhere": (*CODES, *WORDS, *TYPES), **found}


def providers_errors() -> str:
    """Return a section for each of the ten providers."""
    rows = [providers.row(name) for name in providers.types()]
    parts = [f"### {row.title}\n\n{_section(row.type)}" for row in rows]
    return "\n\n".join(parts)


def servers_errors() -> str:
    """Return a section for each server and gateway beside them."""
    known = set(providers.types())
    vendors = {row.source.vendor for table in tables().values() for row in table} - known
    return "\n\n".join(f"### {vendor}\n\n{_section(vendor)}" for vendor in sorted(vendors, key=str.lower))


def statuses() -> str:
    """Return the table of statuses."""
    lines = ["| status | means | source |", "| --- | --- | --- |"]
    for (kind, source), group in groupby(STATUSES, key=lambda row: (row.kind, row.source)):
        lines.append(f"| {', '.join(str(row.status) for row in group)} | `{kind}` | {_link(source)} |")
    return "\n".join(
        [
            *lines,
            "| 200, with an error; any other 5xx | `server_error` | |",
            "| any other 4xx | `unknown_status` | |",
            "| anything else | `protocol` | |",
        ]
    )


def _section(vendor: str) -> str:
    lines: list[str] = []
    sources: dict[Source, None] = {}
    for where, table in tables().items():
        own = [row for row in table if row.source.vendor == vendor and row not in STATUSES]
        for key, group in groupby(own, key=lambda row: (row.kind, _statuses(row), row.is_last)):
            kind, status, last = key
            rows = list(group)
            sources |= dict.fromkeys(row.source for row in rows)
            place = "" if where in ("everywhere", "here") else f" {where}"
            rest = " (if nothing else is recognised)" if last else ""
            lines.append(f"| {', '.join(_shown(rows))}{place}{rest} | {status} | `{kind}` |")
    read = "; ".join(f"{_link(source)} ({source.as_of})" for source in sources)
    return "\n".join([*_HEAD, *lines, "", f"Sources: {read}."])


def _shown(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        marks = []
        if row.code is not None:
            marks.append(f"`{row.code}`")
        if row.text is not None:
            marks.append(f'"{row.text}"')
        if row.pattern is not None:
            marks.append(f"`{row.pattern.pattern}`".replace("|", "\\|").replace("``", "`` ` ``"))
        if row.header is not None:
            marks.append(f"the header `{row.header[0]}: {row.header[1]}`")
        yield " and ".join(marks) or "any body"


def _statuses(row: Row) -> str:
    numbers = sorted(row.statuses) if row.statuses else [row.status] if row.status is not None else []
    return ", ".join("a stream's" if number == 200 else str(number) for number in numbers) or "any"


def _link(source: Source) -> str:
    return f"<{source.page}>"


PARTS = {"version": version, "providers": providers_errors, "servers": servers_errors, "statuses": statuses}
"""The generated parts of the page."""
