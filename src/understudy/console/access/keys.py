"""The admin keys of a configuration, and how many wrong ones may be tried.

Only digests are compared, all of them and in constant time. Wrong keys lock no right one out: it is accepted however
many came before it, unless it is so short that it could be guessed.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from understudy.console.access.state import WINDOW
from understudy.console.http import ConsoleError, Request
from understudy.settings.console import ConsoleKey, digest, digest_of
from understudy.settings.gateway import SHORT_KEY

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.console.context import ConsoleContext

log = logging.getLogger("understudy.gateway")

MOST_OF_ONE = 10
"""Wrong keys of one address in a minute."""
MOST_OF_ALL = 100
"""Wrong keys of all addresses in a minute."""


def key_of(config: Config, value: str) -> ConsoleKey | None:
    """Return the admin key that has a value; `None` if none has."""
    given, found = digest(value.strip()), None
    for key, own in _digests(config):
        if hmac.compare_digest(own, given):
            found = key
    return found


def key_named(config: Config, name: str) -> tuple[ConsoleKey, str] | None:
    """Return an admin key by its name, and what tells its value from a later one of the same name."""
    return next(((key, own.hex()[:16]) for key, own in _digests(config) if key.name == name), None)


def tried(request: Request, value: str, context: ConsoleContext) -> ConsoleKey:
    """Return the admin key of a value that was sent. Raise `ConsoleError` if it is wrong.

    While too many were wrong, further ones are refused without being counted, and so is a right one that is short.
    """
    key = key_of(context.config, value)
    if key is not None and len(value.strip()) >= SHORT_KEY:
        return key
    refuse_guessing(request, context)
    if key is None:
        note_failure(request, context, "the key is unknown")
        raise ConsoleError(401, "unknown_key", "the admin key is unknown: use one of [[llm.console.keys]]")
    return key


def note_failure(request: Request, context: ConsoleContext, why: str) -> None:
    """Count a failure and log it, without what was sent."""
    context.state.fail(_address(request), context.clock())
    log.warning("access to the console was refused to %s: %s", _address(request), why)


def refuse_guessing(request: Request, context: ConsoleContext) -> None:
    """Raise `ConsoleError` if an address, or all together, failed too often in the last minute."""
    now = context.clock()
    own, all_ = context.state.failures(_address(request), now)
    for failures, most in ((own, MOST_OF_ONE), (all_, MOST_OF_ALL)):
        if len(failures) >= most:
            wait = max(1, math.ceil(failures[-most] + WINDOW - now))
            message = f"too many wrong keys: try again in {wait} s"
            raise ConsoleError(429, "too_many_failures", message, headers=(("retry-after", str(wait)),))


def is_closed(config: Config) -> bool:
    """Check whether the console is closed: without admin keys it opens on a loopback address only."""
    return not config.console.keys and not is_loopback(config.gateway.host)


def closed() -> ConsoleError:
    """Return the refusal of a console without keys that other machines could reach."""
    return ConsoleError(
        403,
        "no_admin_keys",
        "the console has no keys, and other machines may reach this gateway: add [[llm.console.keys]] to the "
        "configuration and reload it",
    )


def is_loopback(host: str) -> bool:
    """Check whether an address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _digests(config: Config) -> Iterator[tuple[ConsoleKey, bytes]]:
    for key in config.console.keys:
        if (own := digest_of(key.key, key.hash)) is not None:
            yield key, own


def _address(request: Request) -> str:
    """Return the caller's address; the network of an IPv6 one, of which a caller has all."""
    try:
        address = ipaddress.ip_address((request.peer or "").partition("%")[0])
    except ValueError:
        return request.peer or "local"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None and not address.is_loopback:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
