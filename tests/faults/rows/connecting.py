"""Faults before the first byte of an answer, as the HTTP library reports them.

What needs a socket (a name that does not resolve, a handshake, a dropped SYN) is played as the exception that the HTTP
library raises for it: the reading of that exception is the library's own.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp
import msgspec
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import BadStatusLine
from yarl import URL

from tests.faults import laws
from tests.faults.laws import Law, but
from tests.faults.memory import Head, Lose, NoConnection, Raise, Script, Wait
from tests.faults.table import Mode, Moment, Row, Scene
from tests.faults.vendors import Vendor
from understudy.domain.failures import FailureKind as K
from understudy.transport.base import TransportError
from understudy.transport.connection_failures import failure_of
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

PATIENCE = 2.0
"""Seconds of patience where the fault is silence."""
_HOST = ConnectionKey("api.example.com", 443, True, True, None, None, None)
Make = Callable[[], BaseException]


class Case(msgspec.Struct, frozen=True):
    """An exception of the HTTP library."""

    make: Make


def _seam(moment: Moment) -> Script:
    return (Raise(TransportError(failure_of(moment.variant.make()))),)


def seam(name: str, words: str, source: str, law: Law, *makes: Make, **more: Any) -> Row:
    """A fault that the HTTP library reports by one of these exceptions."""
    cases = tuple(map(Case, makes))
    return Row(name=name, words=words, source=source, act=_seam, law=law, variants=lambda _: cases, **more)


def _dns(number: int, words: str) -> Make:
    return lambda: aiohttp.ClientConnectorDNSError(_HOST, socket.gaierror(number, words))


def _connector(number: int) -> Make:
    return lambda: aiohttp.ClientConnectorError(_HOST, OSError(number, "x"))


def _certificate(code: int, words: str) -> Make:
    def make() -> BaseException:
        error = ssl.SSLCertVerificationError(1, words)
        error.verify_code = code
        return aiohttp.ClientConnectorCertificateError(_HOST, error)

    return make


def _tls(reason: str) -> Make:
    def make() -> BaseException:
        error = ssl.SSLError(1, f"[SSL: {reason}]")
        error.reason = reason
        return aiohttp.ClientConnectorSSLError(_HOST, error)

    return make


def _malformed(cause: BaseException) -> Make:
    def make() -> BaseException:
        info: Any = aiohttp.RequestInfo(URL("https://api.example.com/"), "POST", None, URL("https://api.example.com/"))  # type: ignore[arg-type]
        error = aiohttp.ClientResponseError(info, (), message="xyzzy-page")
        error.__cause__ = cause
        return error

    return make


def _dead_keep_alive(case: Case) -> Law:
    """Of a kept connection that was closed before anything was written it is certain that nothing was sent."""
    unsent = isinstance(case.make(), ConnectionNotUsable)
    return but(laws.STALE, basis=laws.B.NOT_SENT) if unsent else laws.STALE


_UNSENT = {
    law.kinds[0]: law
    for law in (laws.DNS, laws.CONNECT, laws.CONNECT_TIMEOUT, laws.TLS, laws.PROXY, laws.POOL, laws.NOT_SIGNED)
}
_AS_OFTEN_AS_ALLOWED = {
    law.kinds[0]: but(law, patient=patient)
    for law, patient in (
        (laws.CONNECT, 5), (laws.WRITE_FAILED, 5), (laws.DISCONNECTED, 5), (laws.TRUNCATED, 5), (laws.BAD, 5),
        (laws.STALE, 6),
    )
}  # fmt: skip


EVERY_REASON: Mapping[str, Any] = {
    "options": lambda vendor: vendor.answers.untranslatable,
    "fallback": {"fallback_on_filter": True},
    "backup": {"context_window": 1_000_000},
}
"""Every reason for which a target may be asked that would not be asked otherwise: the request had to be altered, the
owner allows it after a filter, and its window is larger."""


def _silent(vendor: Vendor, mode: Mode, variant: Any) -> Law:
    return laws.SILENT


def _bad_token(is_due: Callable[[], bool]) -> dict[str, Any]:
    """Sign with something that fails as long as the fault is due."""

    async def sign(request: Any) -> Any:
        if is_due():
            raise RuntimeError("the key store is down")
        return request.with_headers(("authorization", "Bearer key-of-primary"))

    return {"sign": sign, "api_key": None}


def _redirect(status: int) -> Row:
    return Row(
        name=f"redirect-{status}",
        words="a redirect is not followed: neither key nor prompt goes elsewhere",
        source="RFC 9110, 15.4",
        act=lambda _: (Head(status, headers={"location": "https://elsewhere.example/v1"}),),
        law=laws.REDIRECT,
    )


ROWS: Sequence[Row] = (
    seam(
        "unknown-host", "the name of the host does not resolve", "getaddrinfo(3)", laws.DNS,
        _dns(socket.EAI_NONAME, "Name or service not known"),
        _dns(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    ),
    Row(
        name="slow-dns",
        words="the name server says nothing",
        source="resolv.conf(5), timeout",
        act=lambda _: (NoConnection(K.DNS),),
        law=laws.DNS,
        limits={"connect_timeout": PATIENCE},
        takes=PATIENCE,
    ),
    Row(
        name="very-slow-dns",
        words="the name server says nothing for longer than it pays to ask again before another target",
        source="resolv.conf(5), timeout",
        act=lambda _: (NoConnection(K.DNS),),
        law=but(laws.DNS, before=1),
        limits={"connect_timeout": 6.0},
        takes=6.0,
    ),
    seam(
        "refused", "no connection: the next target at once", "connect(2)", laws.CONNECT,
        _connector(errno.ECONNREFUSED), _connector(errno.EHOSTUNREACH), _connector(errno.ENETUNREACH),
    ),
    Row(
        name="black-hole",
        words="the connection is not accepted within the five seconds of the default",
        source="tcp(7): a full backlog drops SYN",
        act=lambda _: (NoConnection(),),
        law=laws.CONNECT_TIMEOUT,
        takes=5.0,
    ),
    seam(
        "no-trust", "a certificate that does not prove the host", "RFC 9110, 4.3.4", laws.TLS,
        _certificate(10, "certificate has expired"), _certificate(62, "hostname mismatch"),
        _certificate(20, "unable to get local issuer certificate"), _tls("WRONG_VERSION_NUMBER"),
    ),
    seam(
        "handshake-reset", "the connection is reset in the middle of the TLS handshake", "RFC 8446", laws.CONNECT,
        _connector(errno.ECONNRESET),
    ),
    seam(
        "handshake-silent", "the TLS handshake is not answered in time", "RFC 8446", laws.CONNECT_TIMEOUT,
        lambda: aiohttp.ConnectionTimeoutError("timed out"),
    ),
    seam(
        "by-proxy", "the proxy does not connect", "RFC 9110, 9.3.6 and 15.5.8", laws.PROXY,
        lambda: ProxyFailed("the proxy proxy.example:3128 requires a user and password (HTTP 407)"),
        lambda: ProxyFailed("the proxy proxy.example:3128 refused a tunnel (HTTP 502)"),
    ),
    Row(
        name="dead-keep-alive",
        words="a connection that was kept is found closed: once more at once, on a fresh one, outside the retries",
        source="RFC 9112, 9.3.1",
        act=_seam,
        variants=lambda _: (Case(StaleConnection), Case(lambda: ConnectionNotUsable(reused=True))),
        law=lambda _vendor, _mode, case: _dead_keep_alive(case),
    ),
    seam(
        "half-sent", "the connection breaks before the whole request was sent", "RFC 9112, 9.5", laws.WRITE_FAILED,
        lambda: RequestCutShort("x"),
    ),
    seam(
        "no-place", "no connection of the local pool becomes free", "accept(2), EMFILE", laws.POOL,
        lambda: PoolExhausted("no connection became free within 5 s"),
        _connector(errno.EMFILE), _connector(errno.ENFILE),
    ),
    Row(
        name="not-signed",
        words="the entry's own signer fails",
        source="a key store that is down",
        act=lambda _: (),
        law=laws.NOT_SIGNED,
        entry=_bad_token,
        sent=False,
    ),
    seam(
        "closed-before-head", "the connection ends before any byte of the answer", "RFC 9112, 9.6", laws.DISCONNECTED,
        aiohttp.ServerDisconnectedError, lambda: ConnectionResetError(errno.ECONNRESET, "x"),
    ),
    Row(
        name="no-head",
        words="the request is taken and nothing is answered",
        source="a server whose workers hang",
        act=lambda _: (Wait(),),
        law=_silent,
        limits={"first_event_timeout": PATIENCE, "timeout": PATIENCE},
        takes=PATIENCE,
    ),
    Row(
        name="late-head",
        words="the head comes a second too late",
        source="a server whose workers are busy",
        act=lambda moment: (Wait(PATIENCE + 1), *moment.vendor.good(moment.request)),
        law=_silent,
        limits={"first_event_timeout": PATIENCE, "timeout": PATIENCE},
        takes=PATIENCE,
    ),
    *map(_redirect, (301, 302, 303, 307, 308)),
    seam(
        "not-http", "what arrives is not HTTP", "RFC 9112", laws.PROTOCOL,
        _malformed(BadStatusLine("HTTP/1.1 OK xyzzy-page")), _malformed(HeadTooLarge("xyzzy-page")),
        _malformed(OddStatus(999)), _malformed(SpeaksTls("x")), lambda: MalformedBody("xyzzy-page"),
    ),
    seam(
        "speaks-first", "a fresh connection says something before it was asked", "RFC 9112, 9.3.2",
        but(laws.PROTOCOL, basis=laws.B.NOT_SENT), lambda: ConnectionNotUsable(reused=False, spoke=True),
    ),
    Row(
        name="foreign-transport",
        words="a transport of the user's own does not say whether anything was sent: the kind of failure says it",
        source="`Failure.sent` is true unless it is set",
        act=lambda moment: (Lose(moment.variant),),
        law=lambda _vendor, _mode, kind: _UNSENT[kind],
        variants=lambda _: tuple(_UNSENT),
        vendors=lambda vendor: vendor.name != "replicate",
        scenes=(Scene.BACKUP,),
        says_sent=True,
    ),
    Row(
        name="foreign-stall",
        words="a transport of the user's own reports a stall although nothing has arrived",
        source="`Failure` is public",
        act=lambda _: (Lose(K.STALLED),),
        law=laws.STALLED,
        scenes=(Scene.BACKUP,),
    ),
    Row(
        name="foreign-end",
        words="a transport of the user's own reports the end of the whole request: nothing lets another be asked",
        source="`Failure` is public",
        act=lambda moment: (Lose(moment.variant),),
        law=lambda _vendor, _mode, kind: laws.CANCELLED if kind is K.CANCELLED else laws.OVERDUE,
        variants=lambda _: (K.CANCELLED, K.DEADLINE),
        thorough=True,
        **EVERY_REASON,
    ),
    Row(
        name="slow-to-break",
        words="two seconds until it breaks, so that the budget of retries lasts: as often as is allowed",
        source="Finagle's RetryBudget",
        act=lambda moment: (Wait(PATIENCE), Lose(moment.variant, sent=moment.variant is not K.CONNECT)),
        law=lambda _vendor, _mode, kind: _AS_OFTEN_AS_ALLOWED[kind],
        variants=lambda _: tuple(_AS_OFTEN_AS_ALLOWED),
        scenes=(Scene.PATIENT,),
        takes=PATIENCE,
        thorough=True,
    ),
    Row(
        name="bug",
        words="the transport raises what no transport may raise",
        source="a bug",
        act=lambda _: (Raise(RuntimeError("xyzzy-page")),),
        law=laws.LOCAL,
    ),
)  # fmt: skip
