"""Which requests a report is about, from the words of a query or of a form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from understudy.domain.errors import Misuse
from understudy.domain.failures import FailureKind
from understudy.domain.suggestions import shown
from understudy.ledger.entries import EntryState
from understudy.ledger.selection import OUTCOMES, LedgerSelection, parse_time

_TEXTS = ("provider", "model", "key", "agent", "session", "route", "task", "tag")
FILTERS = ("since", "until", *_TEXTS, "class", "target", "state", "outcome", "failure")
"""What requests are selected by. `target` is `entry/model` or an entry alone."""
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "state": tuple(each.value for each in EntryState),
    "outcome": OUTCOMES,
    "failure": tuple(each.value for each in FailureKind),
}


def select(given: Mapping[str, str], now: datetime) -> LedgerSelection:
    """Return what is selected. Names that are not in `FILTERS`, and empty values, select nothing.

    Raise `Misuse` for an invalid time, tag, state, outcome, kind of failure or text.
    """
    words = {name: check_text(name, given[name]) for name in FILTERS if given.get(name)}
    found: dict[str, str | float] = {name: words[name] for name in _TEXTS if name in words}
    for name in ("since", "until"):
        if name in words:
            try:
                found[name] = parse_time(words[name], now)
            except ValueError as error:
                raise Misuse(f"{name}: {error}") from None
    for name, known in _CHOICES.items():
        if name in words:
            found[name] = check_choice(name, words[name], known)
    if "class" in words:
        found["request_class"] = words["class"]
    if "target" in words:
        entry, _, model = words["target"].partition("/")
        found |= {"provider": entry, "model": model} if model else {"provider": entry}
    if "tag" in words and "=" not in words["tag"]:
        raise Misuse(f"tag is NAME=VALUE, got {shown(words['tag'])}")
    return LedgerSelection(**found)  # type: ignore[arg-type]


def check_choice(name: str, value: str, known: tuple[str, ...]) -> str:
    """Return a value that is known. Raise `Misuse` for any other."""
    if value not in known:
        raise Misuse(f"{name} is one of {', '.join(known)}, got {shown(value)}")
    return value


def check_text(name: str, value: str) -> str:
    """Return a text that a ledger may hold. Raise `Misuse` if it is not valid Unicode, as from a wrong terminal."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Misuse(f"{name} contains a lone surrogate and cannot be encoded as UTF-8") from None
    return value
