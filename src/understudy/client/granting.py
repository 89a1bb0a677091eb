"""What a virtual key may do, as an operator writes it, and the steps of making one: for the command line, the admin API
and the pages of the console alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from understudy.client.keys import pepper_to_use
from understudy.domain.errors import ConfigError, Misuse
from understudy.domain.patterns import matches
from understudy.ledger.entries import AGENT, KEY
from understudy.ledger.keys import VirtualKey, make_key, token_of
from understudy.ledger.selection import parse_span, parse_time
from understudy.settings.budgets import Budget, OnExceeded, Unpriced

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.domain.secret import Secret
    from understudy.ledger.keys import KeyRegistry

OVERLAP = "24h"
"""How long the former value of a key stays valid once it has another one."""
PERIODS: Mapping[str, Mapping[str, str]] = {
    "day": {"period": "day"},
    "month": {"period": "month"},
    "total": {"period": "total"},
    "session": {"period": "total", "per": "session"},
}
"""The fields of a key's budget, by its name."""
LIMITS = ("requests_per_minute", "tokens_per_minute", "concurrent")
_LONGEST = 200


class GrantError(Misuse):
    """Something of a grant is invalid. `field` is that of `KeyGrants`, and `what` is wrong with it."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"{field} {what}")
        self.field = field
        self.what = what


class BudgetGrant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key may spend in a period."""

    max_usd: str
    """US dollars, exact to a billionth."""
    period: Literal["day", "month", "total", "session"] = "month"
    """`session`: each session has a balance of its own, for all time."""
    hard: bool = True
    """Whether the most that an attempt can cost is reserved before it is sent."""
    on_exceeded: OnExceeded = "refuse"
    unpriced: Unpriced = "refuse"
    fit_max_tokens: bool = False


class KeyGrants(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key may do. Without models and routes it may name everything."""

    models: tuple[str, ...] = ()
    """Patterns of routes, aliases, entries and `entry/model`, with `*` for any characters."""
    routes: tuple[str, ...] = ()
    """Patterns of routes that it may name besides."""
    labels: dict[str, str] = {}
    """Written into the records of its requests."""
    agent: str | None = None
    """The client of requests whose client is not recognised."""
    budgets: tuple[BudgetGrant, ...] = ()
    """One for each period."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None
    expires: str | None = None
    """`12h`, `90d` or `2w` from now, or a date such as `2027-01-31`; never if it is not set."""


def check_name(name: str) -> str:
    """Return the name of a key. Raise `GrantError` if it is invalid."""
    if not name.strip() or len(name) > _LONGEST or not name.isprintable():
        raise GrantError("name", f"must be printable, and of 1 to {_LONGEST} characters")
    return name


def granted(name: str, grants: KeyGrants, config: Config, now: float) -> VirtualKey:
    """Return the key of a name with these grants. `now`: Unix seconds. Raise `GrantError` if one of them is invalid."""
    if any(each.name == name for each in config.gateway.keys):
        raise GrantError("name", f"is that of a key in the configuration, {name!r}: choose another one")
    labels = dict(grants.labels)
    if KEY in labels:
        raise GrantError("labels", f"{KEY}= is the name of the key, which is NAME")
    if grants.agent is not None:
        labels[AGENT] = grants.agent
    limits = {each: number for each in LIMITS if (number := getattr(grants, each)) is not None}
    for each, number in limits.items():
        if number < 1:
            raise GrantError(each, f"must be 1 or more, got {number}")
    return VirtualKey(
        name=check_name(name),
        created=now,
        models=tuple(map(_pattern, grants.models)),
        routes=tuple(_route(each, config) for each in grants.routes),
        labels=labels,
        budgets=_budgets(grants.budgets),
        limits=(limits,) if limits else (),
        expires=None if grants.expires is None else _expiry(grants.expires, now),
    )


def create_key(store: KeyRegistry, config: Config, key: VirtualKey) -> Secret:
    """Keep a new key, and return its value, which is not kept. Block. Raise `Misuse` if its name is in use."""
    made = make_key()
    store.add(key, token_of(made, pepper_to_use(config), key.created))
    return made


def rotate_key(store: KeyRegistry, config: Config, name: str, overlap: str, now: float) -> Secret:
    """Give a key another value, and return it; the former one stays valid for a time such as `24h`. Block. Raise
    `Misuse` if there is no such key, if it was revoked, or if the time is invalid."""
    span = parse_span(overlap)
    if span is None:
        raise GrantError("overlap", f"is a time such as {OVERLAP}, 7d or 0m, got {overlap!r}")
    made = make_key()
    store.rotate(name, token_of(made, pepper_to_use(config), now), now + span.total_seconds())
    return made


def _budgets(grants: Sequence[BudgetGrant]) -> tuple[dict[str, Any], ...]:
    if len({each.period for each in grants}) < len(grants):
        raise GrantError("budgets", "has two for the same period: give one for each period")
    return tuple(map(_budget, grants))


def _budget(grant: BudgetGrant) -> dict[str, Any]:
    """Return the fields of a budget that are set; a key keeps no defaults, which may change."""
    usual = {each.name: each.default for each in msgspec.structs.fields(BudgetGrant)}
    kind = {name: getattr(grant, name) for name in ("hard", "on_exceeded", "unpriced", "fit_max_tokens")}
    fields = {
        "name": grant.period,
        "max": grant.max_usd.strip(),
        **PERIODS[grant.period],
        **{name: value for name, value in kind.items() if value != usual[name]},
    }
    try:
        Budget(**fields)
    except ConfigError as error:
        raise GrantError("budgets", f"{grant.max_usd}/{grant.period}: {error.message.partition(': ')[2]}") from None
    return fields


def _pattern(text: str) -> str:
    if not text.strip():
        raise GrantError("models", "is empty")
    return text


def _route(pattern: str, config: Config) -> str:
    known = [each.name for each in config.routes]
    if not any(matches(pattern, each) for each in known):
        listed = f"the routes are {', '.join(known)}" if known else "no routes are configured: name models instead"
        raise GrantError("routes", f"{pattern!r} fits no route: {listed}")
    return pattern


def _expiry(text: str, now: float) -> float:
    span = parse_span(text)
    try:
        found = now + span.total_seconds() if span is not None else parse_time(text, datetime.fromtimestamp(now, UTC))
    except ValueError:
        what = f"is a time from now such as 12h, 90d or 2w, or a date, got {text!r}"
        raise GrantError("expires", what) from None
    if found <= now:
        raise GrantError("expires", f"{text} is not in the future")
    return found
