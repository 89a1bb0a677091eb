"""Checks the header of a request beyond what the parser refuses.

llhttp refuses a Content-Length beside a Transfer-Encoding or another Content-Length, folded header lines, control
characters, bare LF and CR, and malformed chunks. It accepts, and this refuses, what two servers in a chain may read
differently (RFC 9112, sections 3.2, 6.1 and 11.2): a missing, repeated or invalid Host, other transfer codings, chunks
in HTTP/1.0, a target that names another host, versions that are not HTTP/1.x.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from understudy.gateway.serving import refusals
from understudy.gateway.serving.refusals import Refusal

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""A name or an address, and a port. Wider forms of RFC 3986 (percent-encoding, sub-delimiters) name no host in use."""
_ABSOLUTE = re.compile(r"https?://([^/?#]*)([/?].*)?", re.IGNORECASE | re.DOTALL)
_ONCE: Mapping[str, Refusal] = {
    "host": refusals.HOST,
    "transfer-encoding": refusals.FRAMING,
    "content-length": refusals.LENGTH,
    "expect": refusals.EXPECTATION,
}
"""Fields that must not be repeated, and why a request is refused that repeats one."""
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


def headers_of(fields: Sequence[bytes]) -> dict[str, str] | Refusal:
    """Return header fields, given as names and values in turn, by name in lower case, or why they must be refused.

    Repeated ones are joined with a comma (RFC 9110, 5.3), unless servers may read them differently.
    """
    if not fields:
        return {}
    names = b"\n".join(fields[::2]).lower().decode("latin-1").split("\n")
    values = b"\n".join(fields[1::2]).decode("latin-1").split("\n")
    found = dict(zip(names, values, strict=True))
    return found if len(found) == len(names) else _joined(names, values)


def _joined(names: Sequence[str], values: Sequence[str]) -> dict[str, str] | Refusal:
    found: dict[str, str] = {}
    for name, value in zip(names, values, strict=True):
        if name in found and name in _ONCE:
            return _ONCE[name]
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def find_fault(method: str, version: str, target: str, headers: Mapping[str, str]) -> Refusal | None:
    """Return why a request must be refused, or `None`. `headers` is what `headers_of` returns."""
    if version != "1.1" and (version != "1.0" or method not in _WITHOUT_BODY):
        return refusals.VERSION  # its answer may be streamed, and the end of a stream needs chunks
    if method in ("CONNECT", "TRACE"):
        return refusals.METHOD
    host = headers.get("host")
    if not _is_host(host) and (host is not None or version == "1.1"):
        return refusals.HOST
    if "transfer-encoding" in headers:
        if "content-length" in headers:
            return refusals.LENGTH
        if version == "1.0" or headers["transfer-encoding"].strip(" \t").lower() != "chunked":
            return refusals.FRAMING
    elif "content-length" in headers and not _is_number(headers["content-length"].strip(" \t")):
        return refusals.LENGTH
    if "expect" in headers and headers["expect"].strip(" \t").lower() != "100-continue":
        return refusals.EXPECTATION
    return None if target[:1] == "/" and "#" not in target else _fault_of_target(method, target, host or "")


@lru_cache(maxsize=256)
def _is_host(host: str | None) -> bool:
    """Check the value of a Host, of which clients send few."""
    return host is not None and _HOST.fullmatch(host.strip(" \t")) is not None


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit()


def _fault_of_target(method: str, target: str, host: str) -> Refusal | None:
    """Return why a target other than a path is refused: it may be `*`, or a URL of the host that the Host names."""
    absolute = _ABSOLUTE.fullmatch(target)
    is_ours = absolute is not None and bool(host) and absolute[1].lower() == host.strip(" \t").lower()
    if "#" not in target and (is_ours or (target == "*" and method == "OPTIONS")):
        return None
    return refusals.TARGET


def split(target: str) -> tuple[str, str]:
    """Return the path and the query of a target that has no fault."""
    if target[:1] != "/" and (absolute := _ABSOLUTE.fullmatch(target)) is not None:
        rest = absolute[2] or "/"
        target = rest if rest[:1] == "/" else f"/{rest}"
    path, _, query = target.partition("?")
    return path, query
