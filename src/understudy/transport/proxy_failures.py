"""What fails between the client and a forward proxy, read from the errors of aiohttp."""

from __future__ import annotations

import aiohttp

from understudy.transport import proxy_words as words


class ProxyFailed(aiohttp.ClientConnectionError):
    """The proxy did not connect; nothing was sent to the provider."""


def proxy_failed(request: aiohttp.ClientRequest, error: Exception, limit: float | None) -> ProxyFailed | None:
    """Return the proxy's part in a failed connection; `None` without a proxy, or if the provider is to blame."""
    proxy = request.proxy
    if proxy is None:
        return None
    place = f"{proxy.host}:{proxy.port}"
    match error:
        case aiohttp.ClientHttpProxyError(status=407):
            given = "proxy-authorization" in (request.proxy_headers or ())
            return ProxyFailed(words.credentials_wanted(place, given=given))
        case aiohttp.ClientHttpProxyError(status=status):
            return ProxyFailed(words.refused_tunnel(place, request.host, request.port, status))
        case aiohttp.ClientConnectorError(host=host, port=port) if (host, port) != (proxy.host, proxy.port):
            return None
        case aiohttp.ClientConnectorDNSError():
            return ProxyFailed(words.not_found(place))
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return ProxyFailed(words.no_tls(place))
        case aiohttp.ClientConnectorError():
            return ProxyFailed(words.unreachable(place, error.os_error))
        case TimeoutError():
            return ProxyFailed(words.too_slow(place, request.host, request.port, limit))
        case aiohttp.ClientResponseError():
            return ProxyFailed(words.not_a_proxy(place))
        case _:
            return ProxyFailed(words.hung_up(place))
