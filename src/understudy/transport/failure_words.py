"""What failed between this machine and a server, in words that quote neither the request nor the answer.

Shared by all built-in transports, so that one situation has one message.
"""

from __future__ import annotations

import errno
import os
import ssl

from understudy.domain.failures import Failure, FailureKind

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

NO_CONNECTION_IN_TIME = "no connection within the connect time-out"
BAD_FRAMING = "the body of the response is not valid HTTP"
BROKE_IN_BODY = "the connection broke in the middle of the response"
STALE = "the server closed a connection that had been kept open, without an answer"
CUT_SHORT = "the connection broke before the whole request was sent"
CLOSED_UNSENT = "the server closed the connection before the request was sent"
SPOKE_FIRST = "the server sent data before it received a request"
NO_ANSWER = "the server closed the connection without an answer"
HEAD_TOO_LARGE = "the headers of the response are too large"
NOT_HTTP = "the response is not valid HTTP"


def refusal_of_client(error: BaseException | None) -> str | None:
    """Return how a server refused this client's certificate; `None` if the error is another one."""
    alert = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    words = CLIENT_CERTIFICATE.get(alert) if alert is not None else None
    return None if words is None else f"TLS failed: the server {words}"


def odd_status(status: int) -> str:
    """Return what is wrong with a status that ends HTTP on the connection, or that HTTP does not know."""
    return f"the response has the status {status}, which is not the status of an answer"


def speaks_tls(host: str | None, port: int | None, authority: str) -> str:
    """Return what is wrong if a plain request is answered with a TLS record."""
    return f"{host}:{port} speaks TLS; did you mean https://{authority}?"


def unwritable(error: ValueError) -> str:
    """Return what is wrong with a request that HTTP cannot express."""
    return f"the request cannot be written as HTTP ({type(error).__name__}): check base_url and headers"


def no_place(seconds: float) -> str:
    """Return what is wrong if the pool stays full."""
    return f"no connection became free within {seconds:g} s"


def slow_lookup(seconds: float | None) -> str:
    """Return what is wrong if a name is still being looked up when the time to connect is over."""
    return f"the name lookup took longer than {seconds:g} s"


def not_connected(host: str | None, port: int | None, reason: str) -> str:
    """Return a message about a connection that was not made."""
    return f"{host}:{port} cannot be reached: {reason}"  # the kind, which is written before it, is "connect"


def certificate_flaw(error: BaseException) -> str:
    """Return what is wrong with a server's certificate."""
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else None
    return f"its certificate {CERTIFICATES.get(code, 'cannot be verified')}" if code else "its certificate is invalid"


def tls_flaw(error: BaseException, host: str | None, port: int | None) -> str:
    """Return why a handshake failed."""
    reason = str(getattr(error, "reason", None) or "unknown reason")
    if reason in NOT_TLS:
        return f"it does not speak TLS; did you mean http://{host}:{port}?"
    return f"TLS failed: {reason.replace('_', ' ').lower()}"


def system_words(error: OSError) -> str:
    """Return the system's message for an error, which asyncio replaces by the address."""
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    return error.strerror or str(error)


def broke(error: BaseException) -> str:
    """Return how a connection broke, if nothing more precise is known."""
    if isinstance(error, ssl.SSLError):  # Its number is OpenSSL's, not the system's.
        return "the connection broke: TLS failed"
    reason = system_words(error) if isinstance(error, OSError) and error.errno is not None else type(error).__name__
    return f"the connection broke: {reason}"


def closed_meanwhile(*, sent: bool) -> Failure:
    """Return the failure of what was under way when the transport was closed."""
    return Failure(kind=FailureKind.CANCELLED, message="the provider was closed while the request ran", sent=sent)
