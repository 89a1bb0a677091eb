"""Reads the body of a request: under a cap, decompressed as it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from understudy.dialects.server import BadRequest
from understudy.domain.failures import Failure, FailureKind
from understudy.gateway.exchange import Exchange
from understudy.gateway.zstd_frames import Frames
from understudy.wire.bounds import MIB, Bounds, TooLarge
from understudy.wire.inflate import BadCoding, Inflater

CAP = 64 * MIB
"""Bytes of a body, compressed or not: Anthropic accepts 32 MB, and Google 100 MB, of which most is media."""
RATIO = 200
"""Decompressed bytes for each compressed one. Conversations reach 10 to 20."""
FREE = MIB
"""Decompressed bytes for which the ratio is not checked."""
WINDOW = 8 * MIB
"""Memory of a zstd decoder: the largest window that HTTP allows (RFC 9659 §3)."""
PIECE = 16 << 10

ACCEPTED = ("gzip", "zstd")
"""Content codings of requests, besides `identity`. Codex compresses with zstd."""


async def read_body(exchange: Exchange, headers: Mapping[str, str], cap: int = CAP) -> bytes:
    """Return the body of a request, decompressed. `headers` has names in lower case.

    Raise `BadRequest` with status 413 beyond the cap, 415 for a coding that is not supported and 400 for bytes that are
    not valid in it; `ClientGone` if the client disconnects first. Nothing is read if the length is known to exceed the
    cap.
    """
    check_length(headers, cap)
    coding = headers.get("content-encoding")
    decoder = None if coding is None else _decoder(coding, cap)
    data = await exchange.read(cap if decoder is None else 0)
    if decoder is None:
        if exchange.at_end and len(data) <= cap:
            return data  # in one piece, as nearly all are
        decoder = _Plain(cap)
    decoder.feed(data)
    while not exchange.at_end:
        decoder.feed(await exchange.read())
    return decoder.close()


def check_length(headers: Mapping[str, str], cap: int) -> None:
    """Raise `BadRequest` if the length that a request states is invalid or exceeds the cap."""
    length = headers.get("content-length")
    if length is None:
        return
    if not length.isascii() or not length.isdigit():
        raise _refused(400, "content-length is not a number")
    if len(length) > 20 or int(length) > cap:  # more digits than any body has would take long to read
        raise too_large(f"the body has {length[:20]} bytes, more than the {cap} that are accepted")


class _Decoder(Protocol):
    def feed(self, data: bytes) -> None: ...

    def close(self) -> bytes: ...


def _decoder(header: str, cap: int) -> _Decoder:
    codings = [coding for word in header.lower().split(",") if (coding := word.strip()) not in ("", "identity")]
    match codings:
        case []:
            return _Plain(cap)
        case ["gzip" | "x-gzip"]:
            return _Gzip(cap)
        case ["zstd"]:
            return _Zstd(cap)
    accepted = " and ".join(ACCEPTED)
    if len(codings) > 1:
        raise _refused(415, f"the body is compressed more than once: send it uncompressed, or with one of {accepted}")
    raise _refused(415, f"content-encoding {codings[0][:20]!r} is not supported: {accepted} are")


class _Plain:
    """Gathers bytes under the cap."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._cap:
            raise too_large(f"the body exceeds the {self._cap} bytes that are accepted")
        self._pieces.append(data)

    def close(self) -> bytes:
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class _Gzip:
    def __init__(self, cap: int) -> None:
        self._plain = _Plain(cap)
        self._inflater = Inflater("gzip", Bounds(stream=cap, ratio=RATIO))

    def feed(self, data: bytes) -> None:
        try:
            for piece in self._inflater.feed(data):
                self._plain.feed(piece)
        except BadCoding:
            raise _refused(400, "the body is not valid gzip") from None
        except TooLarge:
            raise _bomb() from None

    def close(self) -> bytes:
        if not self._inflater.close():
            raise _refused(400, "the body is not valid gzip: its end is missing")
        return self._plain.close()


class _Zstd:
    """Decompresses one or several frames (RFC 8878)."""

    def __init__(self, cap: int) -> None:
        import zstandard  # of the extra `gateway`, and loaded by the first request that needs it

        self._cap = cap
        self._plain = _Plain(cap)
        self._frames = Frames()
        self._error = zstandard.ZstdError
        sink: Any = self
        self._writer = zstandard.ZstdDecompressor(max_window_size=WINDOW).stream_writer(sink, write_size=PIECE)
        self._read = self._written = 0

    def feed(self, data: bytes) -> None:
        self._read += len(data)
        if self._read > self._cap:
            raise too_large(f"the body exceeds the {self._cap} bytes that are accepted")
        try:
            self._writer.write(data)
        except self._error:
            raise _refused(400, "the body is not valid zstd") from None
        self._frames.feed(data)

    def write(self, piece: bytes) -> int:
        """Keep what was decompressed; called by the decoder, with at most `PIECE` bytes."""
        self._written += len(piece)
        if self._written > FREE and self._written > RATIO * self._read:
            raise _bomb()
        self._plain.feed(bytes(piece))
        return len(piece)

    def close(self) -> bytes:
        if not self._frames.is_whole:
            raise _refused(400, "the body is not valid zstd: its end is missing")
        return self._plain.close()


def _bomb() -> BadRequest:
    return too_large(f"the body decompresses to more than {RATIO} times its size")


def too_large(message: str) -> BadRequest:
    """Return the refusal of a body that exceeds the cap."""
    return BadRequest(Failure(kind=FailureKind.REQUEST_TOO_LARGE, message=message, status=413, sent=False))


def _refused(status: int, message: str) -> BadRequest:
    return BadRequest(Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=status, sent=False))
