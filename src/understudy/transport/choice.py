"""Which built-in transport is used."""

from __future__ import annotations

import os
from importlib.util import find_spec

from understudy.domain.errors import ConfigError
from understudy.transport.base import Transport
from understudy.transport.name_lookup import Resolver
from understudy.transport.network import Network

VARIABLE = "UNDERSTUDY_TRANSPORT"
"""The environment variable that chooses one."""
DEFAULT = "aiohttp"


def built_in(*, network: Network | None = None, resolver: Resolver | None = None) -> Transport:
    """Return a transport: the one that `UNDERSTUDY_TRANSPORT` names, `httptools` or `aiohttp`; otherwise the default.

    Raise `ConfigError` if it names another, or one whose package is not installed.
    """
    chosen = os.environ.get(VARIABLE, "").strip().lower() or DEFAULT
    match chosen:
        case "httptools":
            if find_spec("httptools") is None:
                raise ConfigError(f"{VARIABLE}=httptools needs the package httptools; install it, or unset {VARIABLE}")
            from understudy.transport.http1.transport import Http1Transport

            return Http1Transport(network=network, resolver=resolver)
        case "aiohttp":
            from understudy.transport.aiohttp_transport import AioTransport

            return AioTransport(network=network, resolver=resolver)
        case _:
            raise ConfigError(f"{VARIABLE} must be httptools or aiohttp, got {chosen!r}")
