"""What a new virtual key may do, as options of `understudy keys create`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from understudy.cli import completion
from understudy.cli.options import CommonOptions
from understudy.domain.errors import ConfigError, Misuse
from understudy.domain.patterns import matches
from understudy.ledger.entries import AGENT, KEY
from understudy.ledger.keys import VirtualKey
from understudy.ledger.selection import parse_span, parse_time
from understudy.settings.budgets import Budget

if TYPE_CHECKING:
    from understudy.config import Config


class GrantOptions(CommonOptions, frozen=True, kw_only=True):
    """The options of a new key."""

    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="PATTERN",
            autocompletion=completion.targets,
            help="What it may name: a route, an alias, an entry or entry/model, * for any characters. May be repeated.",
        ),
    ] = None
    route: Annotated[
        list[str] | None,
        typer.Option(
            "--route", metavar="PATTERN", help="A route that it may name, * for any characters. May be repeated."
        ),
    ] = None
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", metavar="NAME=VALUE", help="A label of all its requests, for `usage --by tag`. May be repeated."
        ),
    ] = None
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="NAME", help="The client of requests whose client is not recognised."),
    ] = None
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="USD/PERIOD",
            help="What it may spend: 5/day, 25.50/month or 100/total, or 2/session for each session. May be repeated.",
        ),
    ] = None
    soft: Annotated[
        bool,
        typer.Option(
            "--soft",
            help="Its budgets refuse requests once they are spent; nothing is reserved first.",
        ),
    ] = False
    on_exceeded: Annotated[
        str | None,
        typer.Option(
            "--on-exceeded",
            metavar="WHAT",
            help="For its budgets: refuse requests that do not fit, or ask a cheaper target.",
        ),
    ] = None
    unpriced: Annotated[
        str | None,
        typer.Option("--unpriced", metavar="WHAT", help="For its budgets: refuse or allow what has no known price."),
    ] = None
    fit_max_tokens: Annotated[
        bool, typer.Option("--fit-max-tokens", help="For its budgets: lower max_tokens to what is left.")
    ] = False
    requests_per_minute: Annotated[
        int | None, typer.Option("--requests-per-minute", metavar="N", min=1, help="How often it may ask in a minute.")
    ] = None
    tokens_per_minute: Annotated[
        int | None,
        typer.Option("--tokens-per-minute", metavar="N", min=1, help="How many tokens it may use in a minute."),
    ] = None
    concurrent: Annotated[
        int | None, typer.Option("--concurrent", metavar="N", min=1, help="How many requests it may have at once.")
    ] = None
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="When it expires: 12h, 90d or 2w from now, or 2027-01-31."),
    ] = None

    def granted(self, name: str, config: Config, now: float) -> VirtualKey:
        """Return the key that the options describe. Raise `Misuse` if one is invalid."""
        labels = dict(map(_label, self.tag or ()))
        if self.agent is not None:
            labels[AGENT] = self.agent
        periods = [each.partition("/")[2] for each in self.budget or ()]
        if len(set(periods)) < len(periods):
            raise Misuse("--budget: give one for each period")
        return VirtualKey(
            name=name,
            created=now,
            models=tuple(map(_pattern, self.model or ())),
            routes=tuple(_route(each, config) for each in self.route or ()),
            labels=labels,
            budgets=self._budgets(),
            limits=self._limits(),
            expires=None if self.expires is None else _expiry(self.expires, now),
        )

    def _budgets(self) -> tuple[dict[str, Any], ...]:
        """Return the budgets that are given, of the kind that is."""
        kind: dict[str, Any] = {}
        for name, choices in CHOICES.items():
            if (given := getattr(self, name)) is None:
                continue
            if given not in choices:
                raise Misuse(f"--{name.replace('_', '-')} is {' or '.join(choices)}, got {given!r}")
            kind[name] = given
        kind |= ({"hard": False} if self.soft else {}) | ({"fit_max_tokens": True} if self.fit_max_tokens else {})
        if kind and not self.budget:
            raise Misuse("--soft, --on-exceeded, --unpriced and --fit-max-tokens are for budgets: give --budget too")
        return tuple(_budget(each, kind) for each in self.budget or ())

    def _limits(self) -> tuple[dict[str, int], ...]:
        """Return the limits that are given, as one."""
        given = {name: number for name in LIMITS if (number := getattr(self, name)) is not None}
        return (given,) if given else ()


CHOICES = {"on_exceeded": ("refuse", "cheaper"), "unpriced": ("refuse", "allow")}
OF_BUDGETS = (*CHOICES, "soft", "fit_max_tokens")
"""Options that say of what kind the budgets are."""
LIMITS = ("requests_per_minute", "tokens_per_minute", "concurrent")
_PERIODS: Mapping[str, dict[str, str]] = {
    "day": {"period": "day"},
    "month": {"period": "month"},
    "total": {"period": "total"},
    "session": {"period": "total", "per": "session"},
}


def _budget(text: str, kind: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a budget, of which each period has one. `kind`: those that all of them have."""
    amount, _, period = text.partition("/")
    if period not in _PERIODS:
        raise Misuse(f"--budget is USD/PERIOD with {', '.join(_PERIODS)}, for example 25/month, got {text!r}")
    fields = {"name": period, "max": amount.strip(), **_PERIODS[period], **kind}
    try:
        Budget(**fields)
    except ConfigError as error:
        raise Misuse(f"--budget {text}: {error.message.partition(': ')[2]}") from None
    return fields


def _pattern(text: str) -> str:
    if not text.strip():
        raise Misuse("--model is empty")
    return text


def _route(pattern: str, config: Config) -> str:
    known = [each.name for each in config.routes]
    if not any(matches(pattern, each) for each in known):
        listed = f"the routes are {', '.join(known)}" if known else "no routes are configured: use --model"
        raise Misuse(f"--route {pattern!r} fits no route: {listed}")
    return pattern


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise Misuse(f"--tag is NAME=VALUE, got {text!r}")
    if name == KEY:
        raise Misuse(f"--tag {KEY}= is the name of the key, which is NAME")
    return name, value


def _expiry(text: str, now: float) -> float:
    span = parse_span(text)
    try:
        found = now + span.total_seconds() if span is not None else parse_time(text, datetime.fromtimestamp(now, UTC))
    except ValueError:
        raise Misuse(f"--expires is a time from now such as 12h, 90d or 2w, or a date, got {text!r}") from None
    if found <= now:
        raise Misuse(f"--expires {text} is not in the future")
    return found
