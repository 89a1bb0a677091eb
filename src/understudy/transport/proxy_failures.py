"""What fails between the client and a forward proxy, in messages that name the proxy and never its password."""

from __future__ import annotations

import aiohttp

from understudy.domain.failures import Failure, FailureKind

_ADVICE = {
    403: "it does not allow that host: ask its operator, or name the host in NO_PROXY",
    502: "it cannot reach that host",
    503: "it cannot reach that host",
    504: "it cannot reach that host",
}


class ProxyFailed(aiohttp.ClientConnectionError):
    """The proxy did not connect; nothing was sent to the provider."""


def proxy_failed(request: aiohttp.ClientRequest, error: Exception, limit: float | None) -> ProxyFailed | None:
    """Return the proxy's part in a failed connection; `None` without a proxy, or if the provider is to blame."""
    proxy = request.proxy
    if proxy is None:
        return None
    place = f"{proxy.host}:{proxy.port}"
    name = f"the proxy {place}"
    match error:
        case aiohttp.ClientHttpProxyError(status=407):
            given = "proxy-authorization" in (request.proxy_headers or ())
            return ProxyFailed(credentials_wanted(place, given=given))
        case aiohttp.ClientHttpProxyError(status=status):
            reason = f": {_ADVICE[status]}" if status in _ADVICE else ""
            return ProxyFailed(f"{name} refused a tunnel to {request.host}:{request.port} (HTTP {status}){reason}")
        case aiohttp.ClientConnectorError(host=host, port=port) if (host, port) != (proxy.host, proxy.port):
            return None
        case aiohttp.ClientConnectorDNSError():
            return ProxyFailed(f"{name} cannot be found: its name does not resolve")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return ProxyFailed(
                f"{name} cannot be reached over TLS; is it an http:// proxy, or is its certificate untrusted?"
            )
        case aiohttp.ClientConnectorError():
            return ProxyFailed(f"{name} does not accept connections: {error.os_error.strerror or 'unreachable'}")
        case TimeoutError():
            within = f" within {limit:g} s" if limit else ""
            return ProxyFailed(f"{name} did not connect to {request.host}:{request.port}{within}")
        case aiohttp.ClientResponseError():
            return ProxyFailed(f"{name} does not answer as an HTTP proxy")
        case _:
            return ProxyFailed(f"{name} closed the connection instead of opening a tunnel")


def credentials_wanted(place: str, *, given: bool) -> str:
    """Return what is wrong when a proxy answers 407."""
    if given:
        return f"the proxy {place} refused the user and password of its URL (HTTP 407)"
    return f"the proxy {place} requires a user and password (HTTP 407): write them in its URL, http://USER:PASSWORD@{place}"


def unauthorized(place: str, *, given: bool) -> Failure:
    """Return the failure of a request that a proxy read itself and did not let through."""
    message = credentials_wanted(place, given=given)
    return Failure(kind=FailureKind.PROXY, message=message, status=407, sent=False)
