"""Responses as bytes, right and wrong in every place that HTTP/1.1 has, cut at random (RFC 9112)."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Script:
    """What a server does in answer to one request."""

    method: str
    pieces: tuple[bytes, ...]
    """What it sends, in so many writes."""
    closes: bool
    """Whether it closes the connection afterwards. Otherwise the response is well-formed and whole."""

    @property
    def raw(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)


STATUSES = (
    b"200 OK",
    b"200",
    b"200 ",
    b"201 Created",
    b"204 No Content",
    b"304 Not Modified",
    b"404 Not Found",
    b"500 Oops",
    b"302 Found",
    b"599 Odd",
)
BAD_STATUSES = (b"101 Switching", b"600 Odd", b"099 Odd", b"20 OK", b"2000 OK", b"abc", b"")
VERSIONS = (b"HTTP/1.1",) * 8 + (b"HTTP/1.0",)
BAD_VERSIONS = (b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/11", b"http/1.1", b"HTTP /1.1", b"ICY", b"SSH-2.0")
HEADERS = (
    b"X-A: b",
    b"x-a:b",
    b"x-a:   b  ",
    b"x-a:",
    b"x-a: \t",
    b"Server: n\xc3\xa9",
    b"Server: \xe9",
    b"X: a,b",
    b"content-type: application/json",
    b"date: Sun, 06 Nov 1994 08:49:37 GMT",
    b"x-a: c",
    b"X-Long: " + b"y" * 700,
    b"connection: keep-alive",
    b"upgrade: h2c",
    b"!#$%&'*+.^_`|~: token",
)
BAD_HEADERS = (
    b"x y: a",
    b"x : a",
    b": a",
    b"no colon",
    b"x: a\x00b",
    b"x: a\rb",
    b" folded",
    b"\tfolded",
    b"x: a\x7f",
    b"\xe9: a",
    b"connection: close",
    b"connection: upgrade",
    b"upgrade: websocket",
    b"x: a\x01b",
    b"x(: a",
    b"content-encoding: br",
    b"proxy-connection: close",
    b"x: \x0b",
    b"set-cookie: a=b",
)
LENGTHS = (
    b"+%d",
    b"-%d",
    b"%d, %d",
    b"%dx",
    b"0x%d",
    b" %d ",
    b"00%d",
    b"",
    b"99999999999999999999999%d",
    b"%d;",
    b"%d.0",
)
CODINGS = (
    b"chunked",
    b"Chunked",
    b"gzip, chunked",
    b"chunked, gzip",
    b"identity",
    b"xchunked",
    b"chunked;q=1",
    b"",
    b" chunked ",
    b"chunked,",
    b"chunked, chunked",
    b"\x0bchunked",
)
INTERIM = (
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
    b"HTTP/1.1 102 P\r\n\r\n",
    b"HTTP/1.0 100 Continue\r\n\r\n",
    b"HTTP/1.1 100 C\r\ncontent-length: 5\r\n\r\n",
    b"\r\n",
)
STRAY = (
    b"H",
    b"\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad",
    b"\x00",
    b"0\r\n\r\n",
    b"garbage\r\n\r\n",
    b"G" * 300,
)
LINE_ENDS = (b"\n", b"\r", b"\r\r\n", b"\n\r\n", b" \r\n")


class Generator:
    """Writes scripts, one after the other."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def script(self) -> Script:
        """Return another script."""
        rng = self._rng
        method = "HEAD" if rng.random() < 0.03 else "GET"
        wrongness = rng.choice((0.0, 0.0, 0.04, 0.15))
        raw = self._response(wrongness)
        if wrongness and rng.random() < 0.3:
            raw = self._mutated(raw)
        if wrongness and rng.random() < 0.15:
            raw = raw[: rng.randrange(len(raw) + 1)]
        closes = wrongness > 0 or method == "HEAD" or self._needs_close
        return Script(method, self._cut(raw), closes)

    def _wrong(self, chance: float) -> bool:
        return self._rng.random() < chance

    def _response(self, wrongness: float) -> bytes:
        rng = self._rng
        status = rng.choice(BAD_STATUSES if self._wrong(wrongness / 2) else STATUSES)
        version = rng.choice(BAD_VERSIONS if self._wrong(wrongness / 2) else VERSIONS)
        self._needs_close = version != b"HTTP/1.1"
        lines = [version + b" " + status]
        lines += rng.choices(HEADERS, k=rng.randrange(6))
        while self._wrong(wrongness * 2):
            lines.insert(rng.randrange(1, len(lines) + 1), rng.choice(BAD_HEADERS))
        framing, body = self._framed(wrongness)
        lines += framing
        rng.shuffle(tail := lines[1:])
        end = rng.choice(LINE_ENDS) if self._wrong(wrongness / 2) else b"\r\n"
        ends = [end if self._wrong(wrongness * 2) else b"\r\n" for _ in range(len(lines) + 1)]
        head = b"".join(line + end for line, end in zip([lines[0], *tail, b""], ends, strict=True))
        before = b"".join(rng.choices(INTERIM, k=rng.choice((0, 0, 0, 0, 1, 2))))
        after = rng.choice(STRAY) if rng.random() < 0.04 else b""
        return before + head + body + after

    def _framed(self, wrongness: float) -> tuple[list[bytes], bytes]:
        """Return the headers that frame a body, and the body."""
        rng = self._rng
        content = (
            rng.randbytes(rng.choice((0, 1, 3, 30, 300, 3000))) if rng.random() < 0.5 else b"word " * rng.randrange(40)
        )
        kind = rng.random()
        if kind < 0.4:
            return self._with_length(content, wrongness), content
        if kind < 0.85:
            coding = rng.choice(CODINGS) if self._wrong(wrongness) else b"chunked"
            extra = self._with_length(content, wrongness) if self._wrong(wrongness / 2) else []
            return [b"Transfer-Encoding: " + coding, *extra], self._chunks(content, wrongness)
        self._needs_close = True
        return [], content

    def _with_length(self, content: bytes, wrongness: float) -> list[bytes]:
        rng = self._rng
        if not self._wrong(wrongness):
            return [b"Content-Length: %d" % len(content)]
        form = rng.choice((b"%d", *LENGTHS))
        number = len(content) + rng.choice((-1, 0, 0, 1, 7))
        first = b"Content-Length: " + (form % ((number,) * form.count(b"%d")))
        return [first, b"content-length: %d" % rng.choice((number, len(content)))] if rng.random() < 0.3 else [first]

    def _chunks(self, content: bytes, wrongness: float) -> bytes:
        rng, raw = self._rng, b""
        while content:
            size = rng.randrange(1, len(content) + 1)
            raw += self._chunk(content[:size], wrongness)
            content = content[size:]
        trailers = rng.choice((b"", b"", b"", b"x-t: y\r\n", b"x-t: y\r\nx-u: z\r\n"))
        if self._wrong(wrongness):
            trailers += rng.choice((b"content-length: 4\r\n", b"bad\r\n", b" f\r\n", b"x: y\n", b"\x00\r\n"))
        return raw + rng.choice((b"0", b"0", b"000", b"0;x=y")) + b"\r\n" + trailers + b"\r\n"

    def _chunk(self, data: bytes, wrongness: float) -> bytes:
        rng = self._rng
        size = rng.choice((b"%x", b"%X", b"0%x")) % len(data)
        if self._wrong(wrongness):
            size = rng.choice(
                (
                    b"%x" % (len(data) + 1),
                    b"%x" % (len(data) - 1),
                    b"0x%x" % len(data),
                    b"-%x" % len(data),
                    b"+%x" % len(data),
                    b"f" * 17,
                    b" " + size,
                    size + b" ",
                    size + b"\t",
                    b"",
                    b"g",
                )
            )
        extension = rng.choice((b"", b"", b"", b";a", b";a=b", b';a="b;c"', b"; a=b"))
        if self._wrong(wrongness / 2):
            extension = rng.choice((b";a=\x00", b';a="b', b";\n", b";a\rb", b";=", b";;", b" ;a"))
        ends = [rng.choice(LINE_ENDS) if self._wrong(wrongness / 2) else b"\r\n" for _ in range(2)]
        return size + extension + ends[0] + data + ends[1]

    def _mutated(self, raw: bytes) -> bytes:
        rng, changed = self._rng, bytearray(raw)
        for _ in range(rng.choice((1, 1, 2, 4))):
            at = rng.randrange(len(changed) + 1)
            match rng.randrange(4):
                case 0:
                    changed[at : at + 1] = bytes((rng.randrange(256),))
                case 1:
                    changed[at:at] = rng.choice((b"\r", b"\n", b"\r\n", b" ", b"\x00", b":", b"0", b";"))
                case 2:
                    del changed[at : at + rng.choice((1, 1, 2, 8))]
                case _:
                    changed[at:at] = changed[at : at + rng.randrange(20)]
        return bytes(changed)

    def _cut(self, raw: bytes) -> tuple[bytes, ...]:
        rng = self._rng
        cuts = sorted({rng.randrange(len(raw) + 1) for _ in range(rng.choice((0, 0, 1, 2, 5)))} - {0, len(raw)})
        return tuple(raw[start:end] for start, end in zip((0, *cuts), (*cuts, len(raw)), strict=True))
