"""Errors of the HTTP library, read as failures.

Their messages quote the request or the answer, and so perhaps a key or a prompt; they are never repeated.
"""

from __future__ import annotations

import ssl

import aiohttp
from aiohttp.http_exceptions import LineTooLong

from understudy.domain.failures import Failure, FailureKind
from understudy.transport import failure_words as words
from understudy.transport.connections import (
    ConnectionNotUsable,
    HeadTooLarge,
    MalformedBody,
    OddStatus,
    PoolExhausted,
    RequestCutShort,
    SpeaksTls,
    StaleConnection,
)
from understudy.transport.proxy_failures import ProxyFailed

FIXED_WORDS: dict[type[BaseException], str] = {
    aiohttp.ConnectionTimeoutError: words.NO_CONNECTION_IN_TIME,
    MalformedBody: words.BAD_FRAMING,
    aiohttp.ClientPayloadError: words.BROKE_IN_BODY,
    StaleConnection: words.STALE,
    RequestCutShort: words.CUT_SHORT,
    ConnectionNotUsable: words.CLOSED_UNSENT,
    aiohttp.ServerDisconnectedError: words.NO_ANSWER,
}


def failure_of(error: BaseException) -> Failure:
    """Read an error of the HTTP library as a failure."""
    if (refusal := _of_client(error)) is not None:
        return Failure(kind=FailureKind.TLS, message=refusal, sent=False)
    kind, sent = _kind(error)
    status = next((reason.status for reason in _reasons(error) if isinstance(reason, OddStatus)), None)
    return Failure(kind=kind, message=_words(error), sent=sent, status=status)


def _of_client(error: BaseException) -> str | None:
    """Return why the server refused this client in the handshake of a new connection; `None` if it did not."""
    if isinstance(error, StaleConnection | ProxyFailed) or (isinstance(error, ConnectionNotUsable) and error.reused):
        return None
    return next(filter(None, map(words.refusal_of_client, (error, *_reasons(error)))), None)


def _kind(error: BaseException) -> tuple[FailureKind, bool]:
    """Return what failed, and whether anything of the request may have been sent."""
    match error:
        case PoolExhausted():
            return FailureKind.POOL, False
        case ProxyFailed():
            return FailureKind.PROXY, False
        case ConnectionNotUsable():
            fresh = FailureKind.PROTOCOL if error.spoke else FailureKind.DISCONNECTED
            return FailureKind.STALE_CONNECTION if error.reused else fresh, False
        case StaleConnection():
            return FailureKind.STALE_CONNECTION, True
        case RequestCutShort():
            return FailureKind.WRITE_FAILED, True
        case aiohttp.ClientConnectorDNSError():
            return FailureKind.DNS, False
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            return FailureKind.TLS, False
        case aiohttp.ConnectionTimeoutError():
            return FailureKind.CONNECT_TIMEOUT, False
        case aiohttp.ClientConnectorError():
            return FailureKind.POOL if error.os_error.errno in words.NO_FILES_LEFT else FailureKind.CONNECT, False
        case ValueError():
            # An address or header of this entry's own, so another target may well work.
            return FailureKind.LOCAL, False
        case aiohttp.ClientResponseError() | MalformedBody():
            return FailureKind.PROTOCOL, True
        case _:
            return FailureKind.DISCONNECTED, True


def _words(error: BaseException) -> str:
    """Return a message of our own that states what failed."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return words.not_connected(error.host, error.port, words.certificate_flaw(error.certificate_error))
        case aiohttp.ClientConnectorSSLError():
            return words.not_connected(error.host, error.port, words.tls_flaw(error.os_error, error.host, error.port))
        case aiohttp.ClientConnectorError():
            return words.not_connected(error.host, error.port, words.system_words(error.os_error))
        case aiohttp.ClientResponseError():
            return _malformed(error)
        case PoolExhausted() | ProxyFailed():
            return str(error)
        case ConnectionNotUsable() if error.spoke:
            return words.SPOKE_FIRST
        case ValueError():
            return words.unwritable(error)
    for kind, fixed in FIXED_WORDS.items():
        if isinstance(error, kind):
            return fixed
    return words.broke(error)


def _malformed(error: aiohttp.ClientResponseError) -> str:
    """Return what is wrong with the head of a response, or with what arrived in its place."""
    reasons = _reasons(error)
    url = error.request_info.url
    if any(isinstance(reason, SpeaksTls) for reason in reasons):
        return words.speaks_tls(url.host, url.port, url.authority)
    if odd := next((reason for reason in reasons if isinstance(reason, OddStatus)), None):
        return words.odd_status(odd.status)
    if any(isinstance(reason, HeadTooLarge | LineTooLong) or "Too many headers" in str(reason) for reason in reasons):
        return words.HEAD_TOO_LARGE
    return words.NOT_HTTP


def _reasons(error: BaseException) -> list[BaseException]:
    """Yield an error's cause, the cause of that, and so on."""
    reasons: list[BaseException] = []
    reason = error.__cause__
    while reason is not None and reason not in reasons:
        reasons.append(reason)
        reason = reason.__cause__
    return reasons
