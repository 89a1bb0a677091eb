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
PACKAGE = "httptools"


def built_in(*, network: Network | None = None, resolver: Resolver | None = None) -> Transport:
    """Return a transport: the one that `UNDERSTUDY_TRANSPORT` names, `httptools` or `aiohttp`.

    By default it is `httptools` where that package is installed, and otherwise `aiohttp`. Raise `ConfigError` if it
    names another, or one whose package is not installed.
    """
    installed = find_spec(PACKAGE) is not None
    chosen = os.environ.get(VARIABLE, "").strip().lower() or (PACKAGE if installed else "aiohttp")
    match chosen:
        case "httptools":
            if not installed:
                raise ConfigError(f"{VARIABLE}=httptools needs the package httptools; install it, or unset {VARIABLE}")
            from understudy.transport.http1.transport import Http1Transport

            return Http1Transport(network=network, resolver=resolver)
        case "aiohttp":
            from understudy.transport.aiohttp_transport import AioTransport

            return AioTransport(network=network, resolver=resolver)
        case _:
            raise ConfigError(f"{VARIABLE} must be httptools or aiohttp, got {chosen!r}")
