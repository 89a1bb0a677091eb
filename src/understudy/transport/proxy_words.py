"""What a forward proxy did not do, in words that name the proxy and never its password."""

from __future__ import annotations

from understudy.domain.failures import Failure, FailureKind
from understudy.transport.failure_words import system_words

_ADVICE = {
    403: "it does not allow that host: ask its operator, or name the host in NO_PROXY",
    502: "it cannot reach that host",
    503: "it cannot reach that host",
    504: "it cannot reach that host",
}


def refused_tunnel(place: str, host: str | None, port: int | None, status: int) -> str:
    """Return what is wrong if a proxy answers CONNECT with a status other than 200 and 407."""
    reason = f": {_ADVICE[status]}" if status in _ADVICE else ""
    return f"the proxy {place} refused a tunnel to {host}:{port} (HTTP {status}){reason}"


def not_found(place: str) -> str:
    """Return what is wrong if the name of the proxy does not resolve."""
    return f"the proxy {place} cannot be found: its name does not resolve"


def no_tls(place: str) -> str:
    """Return what is wrong if the handshake with an `https://` proxy fails."""
    return f"the proxy {place} cannot be reached over TLS; is it an http:// proxy, or is its certificate untrusted?"


def unreachable(place: str, error: OSError) -> str:
    """Return what is wrong if no connection to the proxy is made."""
    return f"the proxy {place} does not accept connections: {system_words(error) or 'unreachable'}"


def too_slow(place: str, host: str | None, port: int | None, limit: float | None) -> str:
    """Return what is wrong if the time to connect is over."""
    within = f" within {limit:g} s" if limit else ""
    return f"the proxy {place} did not connect to {host}:{port}{within}"


def not_a_proxy(place: str) -> str:
    """Return what is wrong if CONNECT is not answered in HTTP."""
    return f"the proxy {place} does not answer as an HTTP proxy"


def hung_up(place: str) -> str:
    """Return what is wrong if CONNECT is not answered at all."""
    return f"the proxy {place} closed the connection instead of opening a tunnel"


def credentials_wanted(place: str, *, given: bool) -> str:
    """Return what is wrong when a proxy answers 407."""
    if given:
        return f"the proxy {place} refused the user and password of its URL (HTTP 407)"
    return f"the proxy {place} requires a user and password (HTTP 407): write them in its URL, http://USER:PASSWORD@{place}"


def unauthorized(place: str, *, given: bool) -> Failure:
    """Return the failure of a request that a proxy read itself and did not let through."""
    message = credentials_wanted(place, given=given)
    return Failure(kind=FailureKind.PROXY, message=message, status=407, sent=False)
