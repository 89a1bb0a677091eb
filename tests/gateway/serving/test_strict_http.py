"""Bytes that two servers might read differently never reach the application (RFC 9112, section 11)."""

from __future__ import annotations

import asyncio
import random
import re

import msgspec
import pytest

from tests.gateway.serving.serving import HOST, App, Running, answer, serving
from understudy.gateway.asgi import Message, Receive, Send
from understudy.gateway.serving.limits import Limits

POST = b"POST /x HTTP/1.1\r\n" + HOST
GET = b"GET /x HTTP/1.1\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"

REFUSED = {
    "length and chunks": (400, POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunks and length": (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
    "two equal lengths": (400, POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab"),
    "two lengths": (400, POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
    "a list of lengths": (400, POST + b"Content-Length: 2, 2\r\n\r\nab"),
    "a signed length": (400, POST + b"Content-Length: +2\r\n\r\nab"),
    "a negative length": (400, POST + b"Content-Length: -2\r\n\r\nab"),
    "a hexadecimal length": (400, POST + b"Content-Length: 0x2\r\n\r\nab"),
    "an empty length": (400, POST + b"Content-Length: \r\n\r\nab"),
    "a huge length": (400, POST + b"Content-Length: 99999999999999999999999\r\n\r\nab"),
    "a blank before the colon": (400, POST + b"Content-Length : 2\r\n\r\nab"),
    "another coding": (400, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "chunked is not the last": (400, POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    "identity": (400, POST + b"Transfer-Encoding: identity\r\n\r\nab"),
    "nearly chunked": (400, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "a vertical tab": (400, POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    "chunked twice": (400, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunks in 1.0": (505, b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunks in 1.0, without body": (400, b"GET / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "a chunk size that is no number": (400, CHUNKED + b"zz\r\nab\r\n0\r\n\r\n"),
    "chunks with bare LF": (400, CHUNKED + b"2\nab\n0\n\n"),
    "an extension with bare LF": (400, CHUNKED + b"2;a\nab\r\n0\r\n\r\n"),
    "a blank after a chunk size": (400, CHUNKED + b"2 \r\nab\r\n0\r\n\r\n"),
    "a chunk longer than stated": (400, CHUNKED + b"2\r\nabc\r\n0\r\n\r\n"),
    "a huge chunk size": (400, CHUNKED + b"ffffffffffffffff1\r\nab\r\n0\r\n\r\n"),
    "a folded line": (400, GET + HOST + b"X: a\r\n b\r\n\r\n"),
    "bare LF": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "bare LF in the header": (400, b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
    "bare LF at the end": (400, b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
    "bare CR": (400, b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
    "NUL in a value": (400, GET + HOST + b"X: a\0b\r\n\r\n"),
    "NUL in a name": (400, GET + HOST + b"X\0: a\r\n\r\n"),
    "NUL in the target": (400, b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a control character": (400, GET + HOST + b"X: a\x01b\r\n\r\n"),
    "a line without colon": (400, GET + HOST + b"X\r\n\r\n"),
    "a field without name": (400, GET + HOST + b": a\r\n\r\n"),
    "a blank before the first field": (400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    "no Host": (400, GET + b"\r\n"),
    "two Hosts": (400, GET + HOST + HOST + b"\r\n"),
    "an empty Host": (400, GET + b"Host: \r\n\r\n"),
    "a Host with a path": (400, GET + b"Host: a/b\r\n\r\n"),
    "a Host with a user": (400, GET + b"Host: a@b\r\n\r\n"),
    "a Host with a blank": (400, GET + b"Host: a b\r\n\r\n"),
    "two names in a Host": (400, GET + b"Host: a, b\r\n\r\n"),
    "a Host with a bad port": (400, GET + b"Host: a:x\r\n\r\n"),
    "a Host in half an address": (400, GET + b"Host: [::1\r\n\r\n"),
    "two Hosts in 1.0": (400, b"GET / HTTP/1.0\r\n" + HOST + HOST + b"\r\n"),
    "the URL of another host": (400, b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a URL with a user": (400, b"GET http://a.example@evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a URL of another scheme": (400, b"GET ftp://a.example/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a target without slash": (400, b"GET x HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a star without OPTIONS": (400, b"GET * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a fragment": (400, b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n"),
    "bytes beyond ASCII in the target": (400, b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n"),
    "CONNECT": (405, b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"),
    "TRACE": (405, b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an unknown method": (400, b"FOO / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a method in lower case": (400, b"get / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a tab in the request line": (400, b"GET\t/\tHTTP/1.1\r\n" + HOST + b"\r\n"),
    "HTTP/0.9": (505, b"GET /\r\n\r\n"),
    "HTTP/1.2": (400, b"GET / HTTP/1.2\r\n" + HOST + b"\r\n"),
    "HTTP/2.0": (505, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    "HTTP/2 without TLS": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "POST in HTTP/1.0": (505, b"POST / HTTP/1.0\r\n" + HOST + b"Content-Length: 1\r\n\r\na"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "another expectation": (417, POST + b"Expect: a-miracle\r\nContent-Length: 2\r\n\r\nab"),
    "a long target": (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a target without end": (414, b"GET /" + b"a" * 100_000),
    "a long field": (431, GET + HOST + b"X: " + b"a" * 66_000 + b"\r\n\r\n"),
    "a field without end": (431, GET + HOST + b"X: " + b"a" * 200_000),
    "many fields": (431, GET + HOST + b"X: a\r\n" * 100 + b"\r\n"),
    "a large header": (431, GET + HOST + (b"X: " + b"a" * 4000 + b"\r\n") * 20 + b"\r\n"),
    "endless trailers": (431, CHUNKED + b"2\r\nab\r\n0\r\n" + b"X: aaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 3000),
    "endless extensions": (400, CHUNKED + b"2;" + b"a" * 200_000),
}


def refusal_of(response: bytes) -> tuple[int, str]:
    """Return status and code of a refusal, which is the whole of what was sent."""
    head, _, body = response.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert b"server:" not in head.lower()
    assert b"content-type: application/json" in head
    error = msgspec.json.decode(body)["error"]
    assert set(error) == {"type", "code", "message"}
    return int(head[9:12]), error["code"]


async def test_what_could_be_read_in_two_ways_is_refused() -> None:
    async with serving() as running:
        for name, (status, data) in REFUSED.items():
            seen = await running.exchange(data + (SMUGGLED if status != 431 else b""))
            assert b"<" not in seen, f"{name}: the connection stays open, or was reset: {seen!r}"
            assert refusal_of(seen)[0] == status, name
        assert [path for _, path, _ in running.app.requests] == []


ACCEPTED = {
    "a length": (POST + b"Content-Length: 2\r\n\r\nab", b"ab"),
    "chunks": (CHUNKED + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n", b"ab"),
    "chunks in capitals": (POST + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n2\r\nab\r\n0\r\n\r\n", b"ab"),
    "an extension": (CHUNKED + b"2;a=b\r\nab\r\n0\r\n\r\n", b"ab"),
    "a port": (GET + b"Host: a.example:8484\r\n\r\n", b""),
    "an IPv6 address": (GET + b"Host: [::1]:8484\r\n\r\n", b""),
    "tabs around a Host": (GET + b"Host:\ta\t\r\n\r\n", b""),
    "OPTIONS of everything": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    "a URL of this host": (b"GET http://A.example/x HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    "empty lines before": (b"\r\n\r\n" + GET + HOST + b"\r\n", b""),
    "HTTP/1.0": (b"GET /x HTTP/1.0\r\n\r\n", b""),
    "an awaited body": (POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab", b"ab"),
    "bytes beyond ASCII in a value": (GET + HOST + b"X: \xff\r\n\r\n", b""),
    "99 fields": (GET + HOST + b"X: a\r\n" * 99 + b"\r\n", b""),
    "an offer of HTTP/2 with a body": (
        POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab",
        b"ab",
    ),
    "an offer of a websocket": (GET + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b""),
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_ordinary_requests_pass(name: str) -> None:
    data, body = ACCEPTED[name]
    async with serving() as running:
        for step in (len(data), 1):
            peer = await running.connect()
            for start in range(0, len(data), step):
                peer.writer.write(data[start : start + step])
                await peer.writer.drain()
                await asyncio.sleep(0)
            if name == "an awaited body":
                assert await peer.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert (await peer.response())[::2] == (200, body)
        assert [each[2] for each in running.app.requests] == [body, body]


async def test_after_an_offer_of_http2_the_connection_goes_on() -> None:
    async with serving() as running:
        peer = await running.connect()
        for number in range(2):
            peer.writer.write(POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\n%d" % number)
            assert (await peer.response())[::2] == (200, b"%d" % number)
        assert [body for *_, body in running.app.requests] == [b"0", b"1"]


@pytest.mark.parametrize("options", [b"close, Upgrade", b"Upgrade,Close"])
async def test_an_offer_of_http2_on_a_connection_that_closes(options: bytes) -> None:
    async with serving() as running:
        seen = await running.exchange(GET + HOST + b"Connection: " + options + b"\r\nUpgrade: h2c\r\n\r\n")
        assert seen.startswith(b"HTTP/1.1 200")
        assert b"\r\nconnection: close\r\n" in seen
        assert b"<open>" not in seen


async def test_trailers_never_become_headers() -> None:
    async with serving() as running:
        seen = await running.exchange(CHUNKED + b"2\r\nab\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
        assert seen.startswith(b"HTTP/1.1 200")
        assert [name for name, _ in running.app.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]


async def test_a_second_request_behind_the_first_is_not_answered() -> None:
    """Also not if it is garbage: nothing is written into the answer of the first."""
    for second in (SMUGGLED, b"XX garbage\r\n\r\n"):
        async with serving() as running:
            seen = await running.exchange(GET + HOST + b"\r\n" + second)
            assert seen.startswith(b"HTTP/1.1 200")
            assert seen.count(b"HTTP/1.1") == 1
            assert b"<" not in seen
            assert [path for _, path, _ in running.app.requests] == ["/x"]


async def test_what_follows_a_request_that_closes_is_not_read() -> None:
    async with serving() as running:
        seen = await running.exchange(GET + HOST + b"Connection: close\r\n\r\n" + SMUGGLED)
        assert seen.count(b"HTTP/1.1") == 1
        assert [path for _, path, _ in running.app.requests] == ["/x"]


async def test_a_fault_within_a_body_ends_its_request() -> None:
    """The application learns that the body is incomplete, also if it reads while it arrives."""
    async with serving() as running:
        peer = await running.connect()
        peer.writer.write(CHUNKED + b"2\r\nab\r\n")
        await asyncio.sleep(0.02)
        peer.writer.write(b"zz\r\n")
        assert refusal_of(await peer.rest())[0] == 400
        assert running.app.gone == 1
        assert running.app.requests == []


async def test_a_fault_within_a_body_cuts_an_answer_that_had_begun() -> None:
    async def early(app: App, scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        assert await app.read(receive) is None

    async with serving(App(handler=early)) as running:
        peer = await running.connect()
        peer.writer.write(CHUNKED + b"2\r\nab\r\n")
        await peer.reader.readuntil(b"begun\r\n")
        peer.writer.write(b"zz\r\n")
        assert await peer.rest() == b"", "the last chunk, which would make the answer whole, is never sent"
        assert running.app.gone == 1


async def test_an_answer_before_the_end_of_the_body_is_readable() -> None:
    """The rest of the body is read and dropped, and the connection can be used again."""

    async def deny(app: App, scope: Message, receive: Receive, send: Send) -> None:
        await answer(send, b"no", 401)

    async with serving(App(handler=deny)) as running:
        peer = await running.connect()
        peer.writer.write(POST + b"Content-Length: 1000000\r\n\r\n")
        for _ in range(10):
            peer.writer.write(b"a" * 100_000)
            await peer.writer.drain()
        assert (await peer.response())[0] == 401
        peer.writer.write(GET + HOST + b"\r\n")
        assert (await peer.response())[0] == 401


async def test_an_answer_that_closes_is_readable_while_the_caller_still_sends() -> None:
    async def deny(app: App, scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"too large"})

    async with serving(App(handler=deny)) as running:
        peer = await running.connect()
        peer.writer.write(POST + b"Connection: close\r\nContent-Length: 1000000\r\n\r\n" + b"a" * 300_000)
        await asyncio.sleep(0.05)
        peer.writer.write(b"a" * 100_000)
        seen = await peer.rest()
        assert b"too large" in seen
        assert seen.endswith(b"0\r\n\r\n")


async def test_an_answer_in_place_of_continue_ends_the_connection() -> None:
    """Whether the body follows is unknown then, and a request within it must not be read as one."""

    async def deny(app: App, scope: Message, receive: Receive, send: Send) -> None:
        await answer(send, b"no", 401)

    async with serving(App(handler=deny), limits=Limits(linger=0.05)) as running:
        peer = await running.connect()
        peer.writer.write(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED))
        status, head, _ = await peer.response()
        assert (status, b"connection: close" in head.lower()) == (401, True)
        peer.writer.write(SMUGGLED)
        assert await peer.rest() == b""
        assert len(running.app.scopes) == 1


async def test_a_bug_of_the_application_is_a_json_error(caplog: pytest.LogCaptureFixture) -> None:
    async def crash(app: App, scope: Message, receive: Receive, send: Send) -> None:
        raise ValueError("a secret of the caller")

    async with serving(App(handler=crash)) as running:
        seen = await running.exchange(GET + HOST + b"\r\n")
        assert seen.startswith(b"HTTP/1.1 500")
        assert msgspec.json.decode(seen.partition(b"\r\n\r\n")[2].removesuffix(b"<open>"))["error"]["code"] == (
            "internal_error"
        )
        assert b"secret" not in seen
    assert "GET /x failed: ValueError" in caplog.text
    assert "secret" not in caplog.text


async def test_a_bug_in_the_middle_of_an_answer_leaves_it_without_end() -> None:
    async def crash(app: App, scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise ValueError

    async with serving(App(handler=crash)) as running:
        seen = await running.exchange(GET + HOST + b"\r\n")
        assert seen.endswith(b"begun\r\n")


def mutate(chance: random.Random, data: bytes) -> bytes:
    """Return a request with some of its bytes lost, doubled, moved or replaced."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) or 1)
        match chance.randrange(5):
            case 0:
                del changed[place : place + chance.randint(1, 8)]
            case 1:
                changed[place:place] = changed[place : place + chance.randint(1, 8)]
            case 2:
                changed[place : place + 1] = bytes([chance.randrange(256)])
            case 3:
                changed[place:place] = chance.choice((b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"\t", b"0\r\n\r\n"))
            case _:
                changed[place:place] = chance.choice((b"Host: b\r\n", b"Content-Length: 3\r\n", b"Expect: x\r\n"))
    return bytes(changed)


async def send_malformed(running: Running, data: bytes) -> bytes:
    """Send a request that may be anything, and return the one response, or nothing if the rest is awaited."""
    peer = await running.connect()
    peer.writer.write(data)
    peer.writer.write_eof()
    seen = (await peer.rest()).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    peer.writer.close()
    running.peers.remove(peer)
    assert seen.count(b"HTTP/1.1 ") <= 1
    assert not re.match(rb"HTTP/1.1 5(?!05)", seen), data
    assert not seen.endswith(b"<open>"), data
    return seen


async def test_malformed_requests_are_refused_or_awaited(deep: bool) -> None:
    """None crashes the server, gets a 500, or has the server write anything but one response."""
    chance = random.Random(14)
    sound = [data for data, _ in ACCEPTED.values()]
    async with serving(limits=Limits(linger=0.05)) as running:
        for _ in range(200 if deep else 6):
            requests = (mutate(chance, chance.choice(sound)) for _ in range(50))
            await asyncio.gather(*(send_malformed(running, data) for data in requests))
        assert (await running.exchange(GET + HOST + b"\r\n")).startswith(b"HTTP/1.1 200")
