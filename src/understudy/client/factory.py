"""The factory: from a configuration entry to a provider that can be used alone or under a manager."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy import providers
from understudy.client.provider import Provider
from understudy.domain.errors import ConfigError
from understudy.engine.access import check_addresses
from understudy.providers import ProviderType
from understudy.providers.base import ProviderRow
from understudy.settings import FallbackConfig, ProviderConfig

if TYPE_CHECKING:
    from understudy.ledger import LedgerSink, Observer
    from understudy.transport.base import Transport


def create_provider(
    config: ProviderConfig,
    *,
    row: ProviderRow | None = None,
    fallback: FallbackConfig | None = None,
    transport: Transport | None = None,
    sink: LedgerSink | None = None,
    observers: Sequence[Observer] = (),
) -> Provider:
    """Make a provider of an entry, without I/O. Raise `ConfigError` for an unknown type or an invalid address.

    `row` describes a provider whose type is not built in; `config.provider` is then just a name. A provider used alone
    is a manager's `Call` over one target, with the same retries, time-outs and records.
    """
    row = row or _row(config.provider)
    check_addresses(config, row)
    if transport is not None and (config.proxy or config.ca_file or config.client_cert):
        raise ConfigError(
            f"{config.entry}: proxy, ca_file and client_cert apply to the built-in transport: configure the transport "
            "that is passed as transport= itself"
        )
    return Provider(
        config, row, fallback=fallback or FallbackConfig(), transport=transport, sink=sink, observers=observers
    )


def _row(provider_type: str) -> ProviderRow:
    try:
        return providers.row(ProviderType(provider_type).value)
    except (ValueError, LookupError):
        pass
    known = ", ".join(providers.types())
    raise ConfigError(f"unknown provider {provider_type!r}; the providers are {known}")
