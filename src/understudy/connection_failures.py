"""Errors of the HTTP library, read as failures."""

from __future__ import annotations

import errno
import os
import ssl

import aiohttp

from understudy.domain.failures import Failure, FailureKind
from understudy.proxy_failures import ProxyFailed


def failure_of(error: Exception) -> Failure:
    """Read an error of the HTTP library as a failure (fault model §2, rows 1–16)."""
    kind, sent = FailureKind.DISCONNECTED, True
    match error:
        case ProxyFailed():
            return Failure(kind=FailureKind.PROXY, message=str(error), sent=False)
        case aiohttp.ClientConnectorDNSError():
            kind, sent = FailureKind.DNS, False
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            kind, sent = FailureKind.TLS, False
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            kind, sent = FailureKind.PROXY, False
        case aiohttp.ConnectionTimeoutError():
            kind, sent = FailureKind.CONNECT_TIMEOUT, False
        case aiohttp.ClientConnectorError():
            kind, sent = FailureKind.CONNECT, False
        case aiohttp.InvalidURL() | ValueError():
            kind, sent = FailureKind.INVALID_REQUEST, False
        case aiohttp.ClientResponseError():
            kind = FailureKind.PROTOCOL
        case aiohttp.ServerTimeoutError():
            kind = FailureKind.TIMEOUT_HEADERS
        case _:
            pass
    return Failure(kind=kind, message=_words(error), sent=sent)


def _words(error: Exception) -> str:
    """Return the error's own words, or its name when it has none; header values never stand in them."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect to {error.host}:{error.port}: {_reason(error.os_error)}"
    if isinstance(error, ValueError):
        # Its words may repeat a URL or a header, and so a secret.
        return f"the request cannot be written as HTTP ({type(error).__name__}): check base_url and headers"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection broke in the middle of the response"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without an answer"
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _reason(error: OSError) -> str:
    """Return the system's words for an error: asyncio puts the address in their place."""
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    return error.strerror or str(error)
