"""What budgets and limits say of a request before it is sent: what is spent, what is left, and whether it fits."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from understudy.cli.invocation import Invocation
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import plain_table, show
from understudy.client.ledger import limits_url_of, read_ledger
from understudy.client.prompt import read_prompt
from understudy.config import Config
from understudy.domain.errors import ConfigError
from understudy.domain.money import Money
from understudy.engine.admission import demand_of
from understudy.engine.claims import Due, Unpriced, dues_of
from understudy.engine.registry import backend_of
from understudy.ledger.accounts import Account, Accounts, key_of
from understudy.ledger.holds import MINUTE, Unit
from understudy.policy.plan import Plan
from understudy.settings.budgets import Budget

_WHAT = {Unit.REQUESTS: "requests a minute", Unit.TOKENS: "tokens a minute", Unit.CONCURRENT: "requests at once"}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What one budget or limit says of a request at one target. Money is in US dollars, all else are counts."""

    target: str
    name: str
    """Of the budget; of a limit what it counts for."""
    subject: str = ""
    """Whose it is, such as the name of an entry; empty for all."""
    unit: str
    fits: bool
    """Whether an attempt would be admitted now."""
    spent: str | None = None
    """`None`, as all amounts: the price of the target is unknown, or without a bound, and the budget allows only what
    it can count."""
    reserved: str | None = None
    left: str | None = None
    max: str | None = None
    needs: str | None = None
    """What would be reserved: of a hard budget the most that the attempt can cost."""
    resets: int | None = None
    """Unix seconds; `None` if it never does."""


def _kept(config: Config, dues: Iterable[Due]) -> Accounts:
    """Return the balances that dues are upon, and those of the minute before; empty ones if there is no ledger yet."""
    keys, kept = {key_of(due.claim) for due in dues}, Accounts()
    keys |= {key._replace(start=key.start - MINUTE) for key in keys if key.unit != Unit.MONEY.value}
    try:
        with read_ledger(config) as reader:
            found = reader.balances([(key.budget, key.subject, Unit(key.unit), key.start) for key in sorted(keys)])
    except ConfigError:
        return kept
    for key, each in zip(sorted(keys), found, strict=True):
        kept.held[key] = Account(each.spent, each.reserved, each.overrun)
    return kept


def standings(invocation: Invocation, plan: Plan, config: Config) -> list[Standing]:
    """Return what the configuration's budgets and limits say of a request at each target of its plan. Limits that
    another server keeps are left out: only a request may ask it."""
    if not config.allowance:
        return []
    provider, now = invocation.provider, time.time()
    request = read_prompt(invocation.prompt, invocation.options).request
    backends = {each.name: backend_of(each) for each in getattr(provider, "providers", (provider,))}
    elsewhere = limits_url_of(config) is not None
    wanted: list[tuple[str, Due | Unpriced]] = []
    for step in plan.steps:
        demand, label = demand_of(request, step.target, backends[step.target.name], plan.route), step.target.label
        try:
            dues = dues_of((config.allowance,), demand, now)
        except Unpriced as error:
            wanted.append((label, error))
        else:
            wanted += ((label, due) for due in dues if not elsewhere or isinstance(due.source, Budget))
    kept = _kept(config, [due for _, due in wanted if isinstance(due, Due)])
    return [_standing(label, due, kept) if isinstance(due, Due) else _unpriced(label, due) for label, due in wanted]


def _unpriced(target: str, error: Unpriced) -> Standing:
    return Standing(target=target, name=error.budget.name, unit=Unit.MONEY.value, fits=False)


def _standing(target: str, due: Due, kept: Accounts) -> Standing:
    claim = due.claim
    (left,) = kept.left([claim])
    shown = _money if claim.unit is Unit.MONEY else str
    account = kept.held.get(key_of(claim), Account())
    return Standing(
        target=target,
        name=claim.budget,
        subject=claim.subject,
        unit=claim.unit.value,
        fits=kept.shortage([claim]) is None,
        spent=shown(max(0, (claim.ceiling or 0) - left - account.reserved)),
        reserved=shown(account.reserved),
        left=shown(left),
        max=shown(claim.ceiling or 0),
        needs=shown(claim.amount) if claim.is_bound or claim.unit is not Unit.MONEY else None,
        resets=due.ends,
    )


def print_standings(found: list[Standing]) -> None:
    """Print them as a table."""
    table = plain_table("budget or limit", "target")
    for title in ("spent", "reserved", "left", "max", "needs"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("fits", no_wrap=True)
    table.add_column("resets", no_wrap=True)
    for each in found:
        name = " of ".join(filter(None, (each.name, each.subject)))
        what = "" if each.unit == Unit.MONEY else f": {_WHAT[Unit(each.unit)]}"
        sign = "$" if each.unit == Unit.MONEY else ""
        amounts = (each.spent, each.reserved, each.left, each.max, each.needs)
        table.add_row(
            clean_line(f"{name}{what}"),
            clean_line(each.target),
            *("" if amount is None else f"{sign}{amount}" for amount in amounts),
            "yes" if each.fits else "NO" if each.max is not None else "NO: unknown price",
            utc_minute(each.resets),
        )
    show(table, sys.stdout)


def utc_minute(moment: int | None) -> str:
    """Return a time (Unix seconds) to the minute."""
    return "never" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _money(nano_usd: int) -> str:
    return f"{Money(nano_usd).usd.normalize():f}"


# ---- names of the gateway ----


def meaning_at_gateway(config: Config, name: str) -> tuple[str, str] | None:
    """Return what a name stands for at the gateway, and as what: `alias` or `class`; `None` if it is neither."""
    from understudy.dialects.server import BadRequest
    from understudy.gateway.names import Names

    if name in config.gateway.classes:
        return config.gateway.classes[name], "class"
    if not config.gateway.aliases:
        return None
    gateway = msgspec.structs.replace(config.gateway, aliases={})
    try:
        found = Names.of(config).find(name)
    except BadRequest:
        return None
    try:
        plain = Names.of(msgspec.structs.replace(config, gateway=gateway)).find(name)
    except BadRequest:
        plain = None
    return None if found == plain else (found, "alias")
