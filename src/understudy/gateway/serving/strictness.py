"""Checks the header of a request beyond what the parser refuses.

llhttp refuses a Content-Length beside a Transfer-Encoding or another Content-Length, folded header lines, control
characters, bare LF and CR, and malformed chunks. It accepts, and this refuses, what two servers in a chain may read
differently (RFC 9112, sections 3.2, 6.1 and 11.2): a missing, repeated or invalid Host, other transfer codings, chunks
in HTTP/1.0, a target that names another host, versions that are not HTTP/1.x.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from understudy.gateway.serving import refusals
from understudy.gateway.serving.refusals import Refusal

_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""A name or an address, and a port. Wider forms of RFC 3986 (percent-encoding, sub-delimiters) name no host in use."""
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(?:[/?].*)?", re.IGNORECASE | re.DOTALL)
_CHECKED = frozenset({b"host", b"transfer-encoding", b"content-length", b"expect"})
_WITHOUT_BODY = frozenset({b"GET", b"HEAD", b"OPTIONS"})

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields, their names in lower case."""


def find_fault(method: bytes, version: str, target: bytes, fields: Fields) -> Refusal | None:
    """Return why a request must be refused, or `None`."""
    if version not in ("1.1", "1.0"):
        return refusals.VERSION
    if method in (b"CONNECT", b"TRACE"):
        return refusals.METHOD
    if version == "1.0" and method not in _WITHOUT_BODY:
        return refusals.VERSION  # its answer may be streamed, and the end of a stream needs chunks
    found = dict.fromkeys(_CHECKED, 0)
    host = b""
    for name, value in fields:
        if name in _CHECKED:
            found[name] += 1
            if fault := _fault_of_field(name, value.strip(b" \t"), version):
                return fault
            host = value.strip(b" \t") if name == b"host" else host
    if found[b"host"] > 1 or (version == "1.1" and not found[b"host"]):
        return refusals.HOST
    if found[b"content-length"] > 1 or (found[b"content-length"] and found[b"transfer-encoding"]):
        return refusals.LENGTH
    if found[b"transfer-encoding"] > 1:
        return refusals.FRAMING
    return None if _is_ours(method, target, host) else refusals.TARGET


def _fault_of_field(name: bytes, value: bytes, version: str) -> Refusal | None:
    match name:
        case b"host" if not _HOST.fullmatch(value):
            return refusals.HOST
        case b"transfer-encoding" if value.lower() != b"chunked" or version != "1.1":
            return refusals.FRAMING
        case b"content-length" if not value.isdigit():
            return refusals.LENGTH
        case b"expect" if value.lower() != b"100-continue":
            return refusals.EXPECTATION
    return None


def _is_ours(method: bytes, target: bytes, host: bytes) -> bool:
    """Check whether a target is a path, `*` for OPTIONS, or a URL of the host that the Host header names."""
    if b"#" in target:
        return False
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return True
    absolute = _ABSOLUTE.fullmatch(target)
    return absolute is not None and bool(host) and absolute[1].lower() == host.lower()
