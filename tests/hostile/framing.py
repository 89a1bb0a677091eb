"""HTTP/1.1 as bytes, written by hand so that it can be written wrongly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from email.utils import formatdate

JSON = "application/json"
HTML = "text/html; charset=utf-8"

NO_HEADERS: Mapping[str, str] = {}

REASONS = {200: "OK", 201: "Created", 301: "Moved Permanently", 302: "Found", 400: "Bad Request", 503: "Unavailable"}


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Write a status line and headers, with the date of now unless another is given."""
    lines = {"Date": formatdate(usegmt=True), **headers}
    written = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\n{written}\r\n".encode("latin-1")


def response(status: int, body: bytes, media_type: str = JSON, headers: Mapping[str, str] = NO_HEADERS) -> bytes:
    """Write a whole response of stated length."""
    stated = {"Content-Type": media_type, "Content-Length": str(len(body))}
    return head(status, {**stated, **headers}) + body


def cut_response(body: bytes, keep: int, media_type: str = JSON) -> bytes:
    """Write a response that states more bytes than it holds."""
    return head(200, {"Content-Type": media_type, "Content-Length": str(len(body))}) + body[:keep]


def chunked_head(media_type: str, status: int = 200, headers: Mapping[str, str] = NO_HEADERS) -> bytes:
    """Write the head of a response in chunks."""
    return head(status, {"Content-Type": media_type, "Transfer-Encoding": "chunked", **headers})


def chunk(data: bytes) -> bytes:
    """Write a chunk; an empty one would end the body, so it is left out."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def chunks(pieces: Iterable[bytes]) -> bytes:
    """Write each piece as a chunk of its own."""
    return b"".join(map(chunk, pieces))


LAST = b"0\r\n\r\n"
"""The end of a body in chunks."""
