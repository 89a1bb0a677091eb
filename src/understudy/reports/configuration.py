"""The report of a configuration: every setting with its value, without any secret, and what was noticed about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from understudy.config import Config
from understudy.domain.money import Money
from understudy.domain.prices import Price, Rates
from understudy.domain.secret import Secret
from understudy.settings.checking import CREDENTIAL, defaults_of

HIDDEN = "(secret)"
"""What stands for a secret."""
_USER = re.compile(r"(?<=://)[^/@\s]+@")


class NoticeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the operator should know."""

    kind: str
    what: str
    where: str | None
    """`file:line`, or the file alone."""
    suggestion: str | None


class SettingResult(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, as it is in use."""

    key: str
    value: Any
    """In JSON; secrets are hidden."""
    is_default: bool
    """Whether it has the value that applies if it is omitted."""


class TableResult(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the configuration."""

    table: str
    """As it is written: `llm.fallback`, `llm.providers`, …"""
    name: str | None
    """Of one of several: the entry, route, budget or key; `None` for a table that exists once."""
    settings: tuple[SettingResult, ...]


class DisabledResult(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that was left out."""

    name: str
    provider: str
    why: str
    variables: tuple[str, ...]
    """The environment variables of which one would make the entry work."""


class ConfigurationReport(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration in use."""

    source: str | None
    """The file; `None` if the environment was searched instead."""
    tables: tuple[TableResult, ...]
    disabled: tuple[DisabledResult, ...]
    notices: tuple[NoticeResult, ...]
    pending: tuple[str, ...] | None
    """What a reload would change, one sentence for each; empty if the file says what is in use, `None` if there is no
    file, or if it is invalid."""
    invalid: str | None
    """What is wrong with the file now; `None` if nothing is."""


class Section(NamedTuple):
    """A table of a configuration, whose report is not made yet."""

    table: str
    name: str | None
    settings: msgspec.Struct
    omitted: tuple[str, ...] = ()

    def report(self) -> TableResult:
        """Report its settings."""
        defaults = defaults_of(type(self.settings))
        found = (
            SettingResult(
                key=key,
                value=plain(getattr(self.settings, key), key),
                is_default=bool(getattr(self.settings, key) == _made(defaults[key])),
            )
            for key in self.settings.__struct_fields__
            if key not in self.omitted
        )
        return TableResult(table=self.table, name=self.name, settings=tuple(found))


def report_configuration(
    config: Config,
    *,
    pending: tuple[str, ...] | None = None,
    invalid: str | None = None,
    sections: Iterable[Section] | None = None,
) -> ConfigurationReport:
    """Report a configuration. `pending` and `invalid`: what is known of its file. `sections`: of its tables, those
    that are reported; all of them if `None`."""
    return ConfigurationReport(
        source=config.source,
        tables=tuple(each.report() for each in (sections_of(config) if sections is None else sections)),
        disabled=tuple(
            DisabledResult(name=each.name, provider=each.provider, why=each.why, variables=each.variables)
            for each in config.disabled
        ),
        notices=tuple(
            NoticeResult(kind=each.kind, what=each.what, where=each.where, suggestion=each.suggestion)
            for each in config.notices
        ),
        pending=pending,
        invalid=invalid,
    )


def sections_of(config: Config) -> Iterator[Section]:
    """Yield the tables of a configuration, in the order in which they are shown."""
    yield from (Section("llm.providers", each.entry, each) for each in config.providers)
    yield Section("llm.fallback", None, config.fallback)
    yield from (Section("llm.routes", each.name, each) for each in config.routes)
    yield from (Section("llm.budgets", each.name, each) for each in config.allowance.budgets)
    yield from (Section("llm.limits", each.name, each) for each in config.allowance.limits)
    yield Section("llm.gateway", None, config.gateway, ("keys",))
    yield from (Section("llm.gateway.keys", each.name, each) for each in config.gateway.keys)
    yield Section("llm.console", None, config.console, ("keys",))
    yield from (Section("llm.console.keys", each.name, each) for each in config.console.keys)
    yield Section("llm.ledger", None, config.ledger)
    if (tracing := config.telemetry.tracing) is not None:
        yield Section("llm.telemetry.tracing", None, tracing)
    if (alerts := config.telemetry.alerts) is not None:
        yield Section("llm.telemetry.alerts", None, alerts, ("webhooks",))
        yield from (Section("llm.telemetry.alerts.webhooks", each.name, each) for each in alerts.webhooks)


def _made(default: Any) -> Any:
    """Return a default; an empty mapping has one that makes it."""
    return default.factory() if hasattr(default, "factory") else default


def plain(value: Any, name: str = "") -> Any:
    """Return a setting as JSON can hold it. Secrets are hidden, and so is what a credential's name stands for, such as
    a header, and the user of a URL."""
    match value:
        case None | bool() | int() | float():
            return value
        case Secret():
            return HIDDEN
        case str():
            return (
                HIDDEN if value and CREDENTIAL.search(name) and not _is_setting(name) else _USER.sub("…@", str(value))
            )
        case Price():
            return _price(value)
        case msgspec.Struct():
            return {each: plain(getattr(value, each), each) for each in value.__struct_fields__}
        case Mapping():
            return {str(key): plain(each, str(key)) for key, each in value.items()}
        case list() | tuple():
            return [plain(each, name) for each in value]
        case set() | frozenset():
            return sorted(str(plain(each, name)) for each in value)
        case _ if callable(value):
            return f"(function {getattr(value, '__name__', type(value).__name__)})"
        case _:
            return str(value)


def _price(price: Price) -> dict[str, Any]:
    """Return a price as the file states it: US dollars per million tokens, and per call."""
    tiers = [{"above": each.above, **_dollars(each.rates)} for each in price.tiers]
    dates = {} if price.as_of is None else {"as_of": price.as_of}
    return {**_dollars(price.rates), **({"tiers": tiers} if tiers else {}), **dates}


def _dollars(rates: Rates) -> dict[str, float]:
    known = {name: getattr(rates, name) for name in rates.__struct_fields__}
    return {name: float(Money(rate).usd) for name, rate in known.items() if rate or (rate == 0 and name != "call")}


def _is_setting(name: str) -> bool:
    """Check whether a name only looks like a credential's: a number of tokens, or the name of a key."""
    return name.endswith(("max_tokens", "key_variables", "token_variables", "tokens_per_minute"))
