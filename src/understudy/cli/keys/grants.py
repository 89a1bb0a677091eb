"""What a new virtual key may do, as options of `understudy keys create`."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from understudy.cli import completion
from understudy.cli.options import CommonOptions
from understudy.client.granting import LIMITS, PERIODS, BudgetGrant, GrantError, KeyGrants, granted
from understudy.domain.errors import Misuse

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.ledger.keys import VirtualKey


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
        grants = KeyGrants(
            models=tuple(self.model or ()),
            routes=tuple(self.route or ()),
            labels=dict(map(_label, self.tag or ())),
            agent=self.agent,
            budgets=self._budgets(),
            **{name: getattr(self, name) for name in LIMITS},
            expires=self.expires,
        )
        with named():
            return granted(name, grants, config, now)

    def _budgets(self) -> tuple[BudgetGrant, ...]:
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


_OPTIONS = {"name": "NAME", "models": "--model", "routes": "--route", "labels": "--tag", "budgets": "--budget"}
"""What a field is called here; the others have options of their names."""


@contextmanager
def named() -> Generator[None]:
    """Return a context in which errors of grants name options instead of fields."""
    try:
        yield
    except GrantError as error:
        raise Misuse(f"{_OPTIONS.get(error.field, f'--{error.field}')} {error.what}") from None


CHOICES = {"on_exceeded": ("refuse", "cheaper"), "unpriced": ("refuse", "allow")}
OF_BUDGETS = (*CHOICES, "soft", "fit_max_tokens")
"""Options that say of what kind the budgets are."""


def _budget(text: str, kind: Mapping[str, Any]) -> BudgetGrant:
    """Return a budget, of which each period has one. `kind`: the fields that all of them have."""
    amount, _, period = text.partition("/")
    if period not in PERIODS:
        raise Misuse(f"--budget is USD/PERIOD with {', '.join(PERIODS)}, for example 25/month, got {text!r}")
    return msgspec.convert({"max_usd": amount, "period": period, **kind}, BudgetGrant)


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise Misuse(f"--tag is NAME=VALUE, got {text!r}")
    return name, value
