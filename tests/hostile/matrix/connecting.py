"""Faults before a request, and on the way to the first byte of its answer."""

from __future__ import annotations

import understudy as u
from tests.hostile.framing import chunk, head, response
from tests.hostile.matrix.rows import (
    EMBED,
    GENERATE,
    LIMIT,
    LIST,
    MARKER,
    STREAM,
    B,
    Row,
    Scene,
    begun,
    given_up,
    replaced,
    retried,
)
from tests.hostile.server import Close, Hang, Repeat, Reset, Script
from understudy.domain.failures import FailureKind as K

QUICK = {"first_event_timeout": LIMIT, "timeout": LIMIT}
_NO_CERTIFICATE = given_up(K.TLS, u.ConnectionFailed, basis=B.NOT_SENT)
_SILENT = replaced(K.TIMEOUT_HEADERS, 2, u.TimedOut)
_NONSENSE = given_up(K.PROTOCOL, u.InvalidResponse)


def malformed(data: bytes, name: str, words: str, source: str = "RFC 9112") -> Row:
    """A response that is not HTTP as it should be."""
    page = data.replace(b"@", MARKER.encode())
    return Row(
        name=name,
        words=words,
        source=source,
        act=lambda _: (page, Close()),
        expect=_NONSENSE,
        fresh=True,
        hides=True,
    )


def _bad_chunk(scene: Scene) -> Script:
    if scene.streamed:
        return (begun(scene, 0) + b"zz\r\n" + MARKER.encode(), Close())
    return (head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}) + b"zz\r\n{}\r\n", Close())


def _redirect(status: int) -> Row:
    return Row(
        name=f"redirect-{status}",
        words="a redirect is not followed, and neither key nor prompt goes there",
        source="RFC 9110, 15.4",
        act=lambda scene: (response(status, b"", headers={"Location": f"{scene.elsewhere}/v1/chat"}),),
        expect=given_up(K.REDIRECT, u.InvalidResponse, basis=B.REFUSED),
    )


def _smuggled(scene: Scene) -> Script:
    lengths = {"Content-Type": "application/json", "Content-Length": "5", "Transfer-Encoding": "chunked"}
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(scene.body), scene.body)
    return (head(200, lengths) + body,)


_UNWELCOME_TLS = "RFC 9110, 4.3.4: a client must not go on with a certificate that does not prove the host"

ROWS = (
    Row(
        name="unknown-host",
        words="the name of the host does not resolve",
        source="getaddrinfo(3), EAI_NONAME",
        door="nowhere",
        expect=retried(K.DNS, 2, u.ConnectionFailed, basis=B.NOT_SENT),
    ),
    Row(
        name="slow-dns",
        words="the name server says nothing; a name is part of connecting",
        source="resolv.conf(5), timeout",
        door="slow",
        limits={"connect_timeout": 0.2},
        expect=retried(K.DNS, 2, u.ConnectionFailed, basis=B.NOT_SENT),
        within=2.5,
    ),
    Row(
        name="refused",
        words="nobody listens on the port",
        source="connect(2), ECONNREFUSED",
        door="refused",
        expect=replaced(K.CONNECT, 3, u.ConnectionFailed, basis=B.NOT_SENT),
    ),
    Row(
        name="black-hole",
        words="the connection is never accepted",
        source="tcp(7): a full backlog drops SYN",
        door="black_hole",
        limits={"connect_timeout": 0.2},
        expect=replaced(K.CONNECT_TIMEOUT, 2, u.ConnectionFailed, basis=B.NOT_SENT),
    ),
    Row(
        name="self-signed",
        words="the certificate is signed by nobody we know",
        source=_UNWELCOME_TLS,
        door="self_signed",
        expect=_NO_CERTIFICATE,
    ),
    Row(
        name="no-tls-there",
        words="https:// to a port that speaks plain HTTP",
        source="RFC 8446: no ServerHello comes",
        door="plain_as_tls",
        expect=_NO_CERTIFICATE,
    ),
    Row(
        name="handshake-reset",
        words="the connection is reset in the middle of the TLS handshake",
        source="a middlebox that filters by name",
        door="handshake_reset",
        expect=replaced(K.CONNECT, 3, u.ConnectionFailed, basis=B.NOT_SENT),
        operations=frozenset({GENERATE, STREAM, EMBED}),
    ),
    Row(
        name="handshake-silent",
        words="the TLS handshake is never answered",
        source="RFC 8446: no ServerHello comes",
        door="handshake_silent",
        limits={"connect_timeout": 0.2},
        expect=replaced(K.CONNECT_TIMEOUT, 2, u.ConnectionFailed, basis=B.NOT_SENT),
        operations=frozenset({GENERATE, STREAM, LIST}),
    ),
    *(
        Row(
            name=f"by-{name.replace(chr(95), chr(45))}",
            words=words,
            source="RFC 9110, 9.3.6 and 15.5.8",
            door="self_signed",
            proxy=name,
            limits={"connect_timeout": 0.3},
            expect=given_up(K.PROXY, u.ConnectionFailed, basis=B.NOT_SENT),
        )
        for name, words in (
            ("proxy_without_entry", "the proxy wants a password"),
            ("proxy_without_way", "the proxy does not reach the host"),
            ("proxy_reset", "the proxy resets the connection"),
            ("proxy_silent", "the proxy says nothing"),
            ("refused", "there is no proxy on that port"),
        )
    ),
    Row(
        name="reset-before-headers",
        words="the connection is reset before any byte of the answer",
        source="RFC 9112, 9.6",
        act=lambda _: (Reset(),),
        expect=retried(K.DISCONNECTED, 3, u.StreamInterrupted),
        fresh=True,
    ),
    Row(
        name="closed-before-headers",
        words="the connection is closed before any byte of the answer",
        source="RFC 9112, 9.6",
        act=lambda _: (Close(),),
        expect=retried(K.DISCONNECTED, 3, u.StreamInterrupted),
        fresh=True,
    ),
    Row(
        name="no-headers",
        words="the request is taken and nothing is answered",
        source="a server whose workers hang",
        act=lambda _: (Hang(),),
        limits=QUICK,
        expect=_SILENT,
        fresh=True,
    ),
    Row(
        name="half-a-head",
        words="the status line comes, the headers do not",
        source="a server whose workers hang",
        act=lambda _: (b"HTTP/1.1 200 OK\r\nContent-Type: appl", Hang()),
        limits=QUICK,
        expect=_SILENT,
        fresh=True,
    ),
    Row(
        name="silent-to-the-last",
        words="nothing is answered, and no time-out but the deadline is short: the backup still has its share of it",
        source="vendors' clients wait for ten minutes",
        act=lambda _: (Hang(),),
        expect=given_up((K.TIMEOUT_HEADERS, K.TIMEOUT_FIRST_EVENT), u.TimedOut),
        operations=frozenset({GENERATE, STREAM, EMBED}),
        targets=(2,),
        deadline=2.4,
    ),
    Row(
        name="pings-to-the-last",
        words="pings for ever, and no time-out but the deadline is short: the backup still has its share of it",
        source="Anthropic's ping events; SSE comments",
        act=lambda scene: (begun(scene, 0), Repeat(chunk(scene.answers.ping), 0.05)),
        expect=given_up(K.TIMEOUT_FIRST_EVENT, u.TimedOut),
        operations=frozenset({GENERATE, STREAM}),
        place="stream",
        targets=(2,),
        deadline=2.4,
    ),
    *map(_redirect, (301, 302, 307, 308)),
    malformed(b"SSH-2.0-OpenSSH_9.6 @\r\n", "not-http", "another protocol answers"),
    malformed(b"HTTP/1.1 OK @ 200\r\n\r\n", "bad-status-line", "the status line has no status"),
    malformed(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n@", "negative-length", "the stated length is negative"),
    malformed(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n@", "two-lengths", "two lengths are stated"
    ),
    malformed(b"HTTP/1.1 200 OK\r\nX-A@: a\x00b\r\nContent-Length: 0\r\n\r\n", "nul-in-header", "a header holds a NUL"),
    malformed(
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 90) for n in range(2000)) + b"\r\n",
        "header-flood",
        "200 kB of headers",
        "nginx refuses header blocks beyond 32 kB",
    ),
    malformed(
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 200_000 + b"\r\n\r\n", "header-of-200-kB", "one header is 200 kB long"
    ),
    Row(
        name="bad-chunk",
        words="a chunk's length is no number",
        source="RFC 9112, 7.1",
        act=_bad_chunk,
        place="stream",
        healed=True,
        expect=_NONSENSE,
        fresh=True,
        hides=True,
    ),
    Row(
        name="length-and-chunks",
        words="both a length and chunks are stated, as in an attempt at smuggling",
        source="RFC 9112, 6.3",
        act=_smuggled,
        expect=_NONSENSE,
        fresh=True,
    ),
)
