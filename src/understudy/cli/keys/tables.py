"""Virtual keys as tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import plain_table, say, show

if TYPE_CHECKING:
    from rich.table import Table

    from understudy.reports.keys import KeyResult


def list_table(results: Sequence[KeyResult]) -> Table:
    """Return the table of all keys."""
    table = plain_table("name", "state", "key", "may use", "labels", "expires")
    for each in results:
        expires = "" if each.expires is None else _moment(each.expires)
        table.add_row(clean_line(each.name), _state(each), _shown(each.ending), _allowed(each), _labels(each), expires)
    return table


def show_key(result: KeyResult) -> None:
    """Print one key, with all its values."""
    table = plain_table("", "")
    table.show_header = False
    for title, value in (
        ("name", clean_line(result.name)),
        ("state", _state(result)),
        ("may use", _allowed(result)),
        ("labels", _labels(result)),
        ("budgets", ", ".join(map(_budget, result.budgets))),
        ("limits", ", ".join(f"{name} {number}" for each in result.limits for name, number in each.items())),
        ("created", _moment(result.created)),
        ("expires", "never" if result.expires is None else _moment(result.expires)),
        ("revoked", "" if result.revoked is None else _moment(result.revoked)),
    ):
        if value:
            table.add_row(title, value)
    for each in result.tokens:
        until = "" if each.until is None else f", valid until {_moment(each.until)}"
        table.add_row("key", f"{_shown(each.ending)} of {_moment(each.created)}{until}")
    show(table, sys.stdout)
    if result.other_pepper:
        say("its value was made under another pepper and is not accepted: rotate the key", label="warning")


def _state(result: KeyResult) -> str:
    return f"{result.state}, other pepper" if result.other_pepper else result.state


def _shown(ending: str | None) -> str:
    return "" if ending is None else f"…{ending}"


def _allowed(result: KeyResult) -> str:
    return clean_line(", ".join((*result.routes, *result.models))) or "everything"


def _labels(result: KeyResult) -> str:
    return clean_line(", ".join(f"{name}={value}" for name, value in result.labels.items()))


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _budget(fields: Mapping[str, Any]) -> str:
    """Return a budget: how much, for which period, and what is unusual about it."""
    found = [
        *(["soft"] if fields.get("hard") is False else ()),
        *(["then a cheaper target"] if fields.get("on_exceeded") == "cheaper" else ()),
        *(["lowers max_tokens"] if fields.get("fit_max_tokens") else ()),
        *(["allows unknown prices"] if fields.get("unpriced") == "allow" else ()),
    ]
    return f"${fields['max']}/{fields['name']}" + (f" ({', '.join(found)})" if found else "")
