"""The factory: from a configuration entry to a provider that can be used alone or under a manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from understudy import providers
from understudy.client.door.given import check_recording, check_transport, read_entry
from understudy.client.provider import Provider
from understudy.domain.errors import ConfigError
from understudy.domain.suggestions import kind_of, shown, suggestion
from understudy.engine.access import check_addresses
from understudy.providers import ProviderType
from understudy.providers.base import ProviderRow
from understudy.settings import FallbackConfig, ProviderConfig
from understudy.settings.fallback import read_fallback

if TYPE_CHECKING:
    from understudy.ledger import LedgerSink, Observer
    from understudy.settings.budgets import Allowance
    from understudy.transport.base import Transport


def create_provider(  # noqa: PLR0913 - the face: each is a keyword of its own
    config: ProviderConfig | str | Mapping[str, Any],
    *,
    row: ProviderRow | None = None,
    fallback: FallbackConfig | Mapping[str, Any] | None = None,
    transport: Transport | None = None,
    sink: LedgerSink | None = None,
    observers: Sequence[Observer] = (),
    allowance: Allowance | None = None,
) -> Provider:
    """Make a provider of an entry, without I/O. Raise `ConfigError` for an unknown type or an invalid address.

    `config` may also be a provider's type alone, such as `"openai"`, or a dict of the entry's fields, and `fallback` a
    dict of its fields.

    `row` describes a provider whose type is not built in; `config.provider` is then just a name. A provider used alone
    is a manager's `Call` over one target, with the same retries, time-outs and records; `allowance` are its budgets and
    limits, as for `ProviderManager`.
    """
    config = read_entry(config)
    rules = read_fallback(fallback)
    check_transport(transport)
    observers = check_recording(sink, observers)
    if row is not None and not isinstance(row, ProviderRow):
        raise ConfigError(f"row must be a ProviderRow, not {kind_of(row)}")
    row = row or _row(config.provider)
    check_addresses(config, row)
    if transport is not None and (config.proxy or config.ca_file or config.client_cert):
        raise ConfigError(
            f"{config.entry}: proxy, ca_file and client_cert apply to the built-in transport: configure the transport "
            "that is passed as transport= itself"
        )
    return Provider(
        config, row, fallback=rules, transport=transport, sink=sink, observers=observers, allowance=allowance
    )


def _row(provider_type: str) -> ProviderRow:
    try:
        return providers.row(ProviderType(provider_type).value)
    except (ValueError, LookupError):
        pass
    raise ConfigError(f"unknown provider {shown(provider_type)}; {suggestion(provider_type, providers.types())}")
