"""How much may be spent, and how often requests may come: budgets and limits, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from understudy.domain.misuse import ConfigError
from understudy.domain.prices import rate_of
from understudy.domain.rules import Rule
from understudy.domain.suggestions import kind_of, shown
from understudy.settings.checking import Settings, complaints, raise_complaints

if TYPE_CHECKING:
    from decimal import Decimal

Period = Literal["day", "month", "total"]
"""What a budget is for: a day or a month of UTC, or all time."""
OnExceeded = Literal["refuse", "cheaper"]
Unpriced = Literal["refuse", "allow"]

SCOPES = ("all", "key", "class", "session", "route", "provider")
"""What a budget or a limit may be kept for, besides `tag:NAME`: one balance of all requests, or one of each key,
request class, session, route or provider."""
_TAG = "tag:"
_PERIODS = ("day", "month", "total")

_PER = Rule(
    "string",
    '"key"',
    "what has a balance of its own: `all` requests together, or each `key`, `class`, `session`, `route`, `provider` or "
    "value of a tag (`tag:NAME`); requests without one are not concerned",
    "`all`",
)
_ONLY = Rule(
    "names", '["alice", "bob"]', "the keys, classes, sessions, routes, providers or values that it is for", "all"
)

BUDGET: Mapping[str, Rule] = {
    "name": Rule("string", '"team"', "its name in errors, headers and reports; unique"),
    "max": Rule(
        "number", "25.50", "what may be spent in a period; exact to a billionth", positive=True, unit="US dollars"
    ),
    "per": _PER,
    "only": _ONLY,
    "period": Rule("string", '"day"', "`day` or `month`, both of UTC, or `total`", "`month`", choices=_PERIODS),
    "hard": Rule(
        "flag",
        "false",
        "`true`: the most that a request can cost is reserved before it is sent, so that the budget is not exceeded; "
        "`false`: requests are refused once it is spent, and those under way may exceed it",
        "`true`",
    ),
    "on_exceeded": Rule(
        "string",
        '"cheaper"',
        "`refuse` the request, or ask a `cheaper` target of its plan",
        "`refuse`",
        choices=("refuse", "cheaper"),
    ),
    "unpriced": Rule(
        "string",
        '"allow"',
        "whether targets whose price is unknown may be asked: their cost is not counted",
        "`refuse`",
        choices=("refuse", "allow"),
    ),
    "fit_max_tokens": Rule(
        "flag", "true", "whether `max_tokens` is lowered to what is left, instead of refusing the request", "`false`"
    ),
}
"""The keys of `[[llm.budgets]]`: the fields of `Budget`."""

LIMIT: Mapping[str, Rule] = {
    "per": _PER,
    "only": _ONLY,
    "requests_per_minute": Rule("integer", "60", "attempts that may begin in a minute", "no limit", least=1),
    "tokens_per_minute": Rule("integer", "100000", "tokens of prompts and answers in a minute", "no limit", least=1),
    "concurrent": Rule("integer", "8", "attempts that may be under way at once", "no limit", least=1),
}
"""The keys of `[[llm.limits]]`: the fields of `Limit`."""


def _per(value: object) -> str | None:
    """Return what is wrong with `per`; `None` if it is valid."""
    if not isinstance(value, str):
        return f"must be a string, not {kind_of(value)}"
    if value in SCOPES or (value.startswith(_TAG) and len(value) > len(_TAG)):
        return None
    return f"is unknown: {shown(value)}; one of {', '.join(SCOPES)}, tag:NAME"


def amount_complaint(value: object) -> str | None:
    """Return what is wrong with an amount of dollars; `None` if it is valid."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        from decimal import Decimal

        if isinstance(value, bool) or not isinstance(value, Decimal):
            return f"must be a number, not {kind_of(value)}"
    try:
        return None if rate_of(value) > 0 else "must be greater than 0"
    except ValueError:
        return f"must be an amount above 0 with nine decimals at most, got {shown(value)}"


class Budget(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """How much may be spent in a period, by all requests or by each key, request class, session, route, provider or
    tag."""

    name: str
    max: float | str | Decimal
    """US dollars. Strings and decimals are exact; floats are read to 15 digits."""
    per: str = "all"
    """What has a balance of its own: `all`, `key`, `class`, `session`, `route`, `provider` or `tag:NAME`."""
    only: tuple[str, ...] = ()
    """The keys, classes, sessions, routes, providers or values of the tag that it is for; all if empty."""
    period: Period = "month"
    """Days and months are those of UTC."""
    hard: bool = True
    """Whether the most that an attempt can cost is reserved before it is sent. Otherwise it is refused once the budget
    is spent, and what is under way then may exceed it."""
    on_exceeded: OnExceeded = "refuse"
    """Refuse the request, or go on to a cheaper target of its plan."""
    unpriced: Unpriced = "refuse"
    """Whether targets with an unknown price may be asked. Their cost is not counted."""
    fit_max_tokens: bool = False
    """Whether `max_tokens` is lowered to what is left."""

    def __post_init__(self) -> None:
        """Raise `ConfigError` with everything that is wrong."""
        _as_tuple(self)
        raise_complaints("Budget", complaints(self, BUDGET, {"per": _per, "max": amount_complaint}))
        if self.only and self.per == "all":
            raise ConfigError("Budget: only needs per: the kind of what it names, such as per = key")

    @property
    def ceiling(self) -> int:
        """What may be spent, in nano-USD."""
        return rate_of(self.max)


class Limit(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """How many requests and tokens there may be in a minute, and how many attempts at once."""

    per: str = "all"
    """What is counted by itself: `all`, `key`, `class`, `session`, `route`, `provider` or `tag:NAME`."""
    only: tuple[str, ...] = ()
    """The keys, classes, sessions, routes, providers or values of the tag that it is for; all if empty."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    """Of prompts and answers."""
    concurrent: int | None = None

    def __post_init__(self) -> None:
        """Raise `ConfigError` with everything that is wrong."""
        _as_tuple(self)
        raise_complaints("Limit", complaints(self, LIMIT, {"per": _per}))
        if self.only and self.per == "all":
            raise ConfigError("Limit: only needs per: the kind of what it names, such as per = key")
        if self.requests_per_minute is None and self.tokens_per_minute is None and self.concurrent is None:
            raise ConfigError("Limit: set requests_per_minute, tokens_per_minute or concurrent")

    @property
    def name(self) -> str:
        """Its name in errors and in the ledger: whose it is."""
        return f"{self.per} {','.join(self.only)}" if self.only else self.per


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """The budgets and limits of a configuration, or of one virtual key."""

    budgets: tuple[Budget, ...] = ()
    limits: tuple[Limit, ...] = ()
    owner: str = ""
    """Whose they are, if they are a key's own: its id, which is part of the names of their balances."""

    def __bool__(self) -> bool:
        return bool(self.budgets or self.limits)


def _as_tuple(settings: Budget | Limit) -> None:
    """Make a list of values a tuple."""
    only: Any = settings.only
    if isinstance(only, Sequence) and not isinstance(only, (str, tuple)):
        msgspec.structs.force_setattr(settings, "only", tuple(only))
