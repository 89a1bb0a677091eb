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
_REPEATED = {
    b"host": refusals.HOST,
    b"transfer-encoding": refusals.FRAMING,
    b"content-length": refusals.LENGTH,
    b"expect": refusals.EXPECTATION,
}
"""Fields that are checked, and why one is refused that is repeated."""
_CHECKED = frozenset(_REPEATED)
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
    checked: dict[bytes, bytes] = {}
    for name, value in [field for field in fields if field[0] in _CHECKED]:
        if name in checked:
            return _REPEATED[name]
        checked[name] = value.strip(b" \t")
        if fault := _fault_of_field(name, checked[name], version):
            return fault
    host = checked.get(b"host", b"")
    if not host and version == "1.1":
        return refusals.HOST
    if b"content-length" in checked and b"transfer-encoding" in checked:
        return refusals.LENGTH
    return None if target.startswith(b"/") and b"#" not in target else _fault_of_target(method, target, host)


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


def _fault_of_target(method: bytes, target: bytes, host: bytes) -> Refusal | None:
    """Return why a target other than a path is refused: it may be `*`, or a URL of the host that the Host names."""
    absolute = _ABSOLUTE.fullmatch(target)
    is_ours = absolute is not None and bool(host) and absolute[1].lower() == host.lower()
    if b"#" not in target and (is_ours or (target == b"*" and method == b"OPTIONS")):
        return None
    return refusals.TARGET
