"""Errors of the HTTP library, read as failures.

Their messages quote the request or the answer, and so perhaps a key or a prompt; they are never repeated.
"""

from __future__ import annotations

import errno
import os
import ssl

import aiohttp
from aiohttp.http_exceptions import LineTooLong

from understudy.domain.failures import Failure, FailureKind
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

NO_FILES_LEFT = (errno.EMFILE, errno.ENFILE)
NOT_TLS = {
    "WRONG_VERSION_NUMBER",
    "RECORD_LAYER_FAILURE",
    "UNKNOWN_PROTOCOL",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
}
"""OpenSSL's reasons if the other side answers a handshake with something that is not TLS."""
CERTIFICATES = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "is signed by an authority that this machine does not trust",
    20: "is signed by an authority that this machine does not know",
    21: "is signed by an authority that this machine does not know",
    62: "is for another host",
    64: "is for another address",
}
"""OpenSSL's verification errors (`X509_V_ERR_…`, openssl/x509_vfy.h) by number."""

CLIENT_CERTIFICATE = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "requires a client certificate; set client_cert",
    "SSLV3_ALERT_BAD_CERTIFICATE": "rejected the client certificate as invalid; check client_cert",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "does not support the type of the client certificate; check client_cert",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "rejected the client certificate as revoked; check client_cert",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "rejected the client certificate as expired; check client_cert",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "rejected the client certificate; check client_cert",
    "TLSV1_ALERT_UNKNOWN_CA": "does not trust the authority of the client certificate; check client_cert",
}
"""OpenSSL's names of the alerts with which a server refuses a client (RFC 8446 §6.2). Under TLS 1.3 they arrive when
the handshake is over on this side, and no request is read before."""

FIXED_WORDS: dict[type[BaseException], str] = {
    aiohttp.ConnectionTimeoutError: "no connection within the connect time-out",
    MalformedBody: "the body of the response is not valid HTTP",
    aiohttp.ClientPayloadError: "the connection broke in the middle of the response",
    StaleConnection: "the server closed a connection that had been kept open, without an answer",
    RequestCutShort: "the connection broke before the whole request was sent",
    ConnectionNotUsable: "the server closed the connection before the request was sent",
    aiohttp.ServerDisconnectedError: "the server closed the connection without an answer",
}


def failure_of(error: BaseException) -> Failure:
    """Read an error of the HTTP library as a failure."""
    if (refusal := _of_client(error)) is not None:
        return Failure(kind=FailureKind.TLS, message=f"TLS failed: the server {refusal}", sent=False)
    kind, sent = _kind(error)
    status = next((reason.status for reason in _reasons(error) if isinstance(reason, OddStatus)), None)
    return Failure(kind=kind, message=_words(error), sent=sent, status=status)


def _of_client(error: BaseException) -> str | None:
    """Return why the server refused this client in the handshake of a new connection; `None` if it did not."""
    if isinstance(error, StaleConnection | ProxyFailed) or (isinstance(error, ConnectionNotUsable) and error.reused):
        return None
    alerts = (getattr(each, "reason", None) for each in (error, *_reasons(error)) if isinstance(each, ssl.SSLError))
    return next((CLIENT_CERTIFICATE[alert] for alert in alerts if alert in CLIENT_CERTIFICATE), None)


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
            return FailureKind.POOL if error.os_error.errno in NO_FILES_LEFT else FailureKind.CONNECT, False
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
            return f"cannot connect to {error.host}:{error.port}: {_certificate(error.certificate_error)}"
        case aiohttp.ClientConnectorSSLError():
            return f"cannot connect to {error.host}:{error.port}: {_tls(error)}"
        case aiohttp.ClientConnectorError():
            return f"cannot connect to {error.host}:{error.port}: {_reason(error.os_error)}"
        case aiohttp.ClientResponseError():
            return _malformed(error)
        case PoolExhausted() | ProxyFailed():
            return str(error)
        case ConnectionNotUsable() if error.spoke:
            return "the server sent data before it received a request"
        case ValueError():
            return f"the request cannot be written as HTTP ({type(error).__name__}): check base_url and headers"
    for kind, words in FIXED_WORDS.items():
        if isinstance(error, kind):
            return words
    reason = _reason(error) if isinstance(error, OSError) and error.errno is not None else type(error).__name__
    return f"the connection broke: {reason}"


def _malformed(error: aiohttp.ClientResponseError) -> str:
    """Return what is wrong with the head of a response, or with what arrived in its place."""
    reasons = _reasons(error)
    url = error.request_info.url
    if any(isinstance(reason, SpeaksTls) for reason in reasons):
        return f"{url.host}:{url.port} speaks TLS; did you mean https://{url.authority}?"
    if odd := next((reason for reason in reasons if isinstance(reason, OddStatus)), None):
        return f"the response has the status {odd.status}, which is not the status of an answer"
    if any(isinstance(reason, HeadTooLarge | LineTooLong) or "Too many headers" in str(reason) for reason in reasons):
        return "the headers of the response are too large"
    return "the response is not valid HTTP"


def _reasons(error: BaseException) -> list[BaseException]:
    """Yield an error's cause, the cause of that, and so on."""
    reasons: list[BaseException] = []
    reason = error.__cause__
    while reason is not None and reason not in reasons:
        reasons.append(reason)
        reason = reason.__cause__
    return reasons


def _certificate(error: Exception) -> str:
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else None
    return f"its certificate {CERTIFICATES.get(code, 'cannot be verified')}" if code else "its certificate is invalid"


def _tls(error: aiohttp.ClientConnectorSSLError) -> str:
    reason = str(getattr(error.os_error, "reason", None) or "unknown reason")
    if reason in NOT_TLS:
        return f"it does not speak TLS; did you mean http://{error.host}:{error.port}?"
    return f"TLS failed: {reason.replace('_', ' ').lower()}"


def _reason(error: OSError) -> str:
    """Return the system's message for an error, which asyncio replaces by the address."""
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    return error.strerror or str(error)
