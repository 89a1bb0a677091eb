"""Whether a request was meant for this gateway: by its headers `Host` and, without keys, `Origin`.

A web page can make a browser send requests to a server on the same machine or network. Under a name of its own that it
lets point here (DNS rebinding), it could even read the answers; such a request has the page's name as `Host`. A gateway
without keys must also refuse requests that a page sends to the right name: their answers stay hidden from the page, but
they would cost money.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from understudy.domain.errors import ConfigError
from understudy.domain.failures import Failure, FailureKind

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(?P<port>[0-9]{0,5}))?", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_ORIGIN = re.compile(r"https?://(?P<host>[^/?#@\\]+)", re.ASCII | re.IGNORECASE)
_APPLICATION = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*://[^\s,]*", re.ASCII | re.IGNORECASE)
_ANY = "*"


class Hosts(msgspec.Struct, frozen=True):
    """The names under which the gateway is reached: those of the loopback interface always, and every IP address,
    because DNS rebinding needs a name."""

    names: frozenset[str] = frozenset()
    """Host names in lower case."""
    domains: tuple[str, ...] = ()
    """Endings such as `.example.com`, for all names below one."""
    any_name: bool = False

    @classmethod
    def of(cls, bound: str, configured: Iterable[str] = ()) -> Hosts:
        """Return the hosts of a gateway that listens on `bound` and has these names; `*.example.com` stands for all
        below, `*` for all. Raise `ConfigError` for an invalid name."""
        names = {_plain(bound)} if bound else set()
        domains: list[str] = []
        any_name = False
        for written in configured:
            name = written.strip()
            if name == _ANY:
                any_name = True
            elif name.startswith("*.") and _is_name(plain := _plain(name[2:])):
                domains.append(f".{plain}")
            elif _is_name(plain := _plain(name)) or address_of(plain) is not None:
                names.add(plain)
            else:
                raise ConfigError(
                    f"the gateway host {written[:80]!r} is not a host name: write it without scheme, port and path, "
                    "such as gateway.example.com or *.example.com"
                )
        return cls(frozenset(names), tuple(domains), any_name)

    def refusal(self, headers: Mapping[str, str], http_version: str = "1.1") -> Failure | None:
        """Return why a request is refused by its `Host`; `None` if it is accepted.

        400 if it is malformed, repeated or missing (RFC 9112 §3.2; HTTP/1.0 requires none), 403 if it is foreign.
        `headers` has names in lower case; the values of repeated ones are joined, which no host survives.
        """
        written = headers.get("host")
        if written is None:
            return None if http_version == "1.0" else _refused(400, "the header Host is missing")
        return _judged(self, written)

    def foreign_page(self, headers: Mapping[str, str]) -> Failure | None:
        """Return why a request is refused because a web page of another site sent it; `None` if none did.

        For a gateway without keys. Programs send no `Origin`, and those of applications have schemes of their own.
        """
        origin = headers.get("origin")
        if origin is None:
            return None
        found = _ORIGIN.fullmatch(origin)
        if _APPLICATION.fullmatch(origin):
            return None
        name = _name_of(found["host"]) if found else None
        if name is not None and self.accepts(name):
            return None
        return _refused(403, "requests of web pages are refused, because this gateway has no keys: configure one")

    def accepts(self, name: str) -> bool:
        """Check whether a host is one of the gateway's, as `_name_of` returns it."""
        return (
            self.any_name
            or name in self.names
            or name == "localhost"
            or name.endswith(".localhost")
            or address_of(name) is not None
            or any(name.endswith(domain) and len(name) > len(domain) for domain in self.domains)
        )


@lru_cache(maxsize=256)
def _judged(hosts: Hosts, host: str) -> Failure | None:
    name = _name_of(host)
    if name is None:
        return _refused(400, "the header Host is malformed")
    if hosts.accepts(name):
        return None
    message = f"this gateway is not reached under the name {name!r}: add it to hosts in [llm.gateway]"
    return _refused(403, message)


def is_loopback(host: str) -> bool:
    """Check whether an address to listen on can be reached from this machine alone."""
    address = address_of(_plain(host))
    return host.lower() == "localhost" if address is None else address.is_loopback


def _name_of(host: str) -> str | None:
    """Return the host of a `Host` header without its port; `None` if it is malformed."""
    found = _HOST.fullmatch(host)
    if found is None or (found["port"] and int(found["port"]) > 65535):
        return None
    name = _plain(found["name"])
    return name if _is_name(name) or address_of(name) is not None else None


def _is_name(name: str) -> bool:
    """Check whether a name consists of labels. One whose last label is a number would be an address (URL standard)."""
    labels = name.split(".")
    return all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit() and not labels[-1].startswith("0x")


def _plain(host: str) -> str:
    """Return a host in one spelling: lower case, without brackets or the dot at the end, ASCII."""
    host = host.strip().removesuffix(".").lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            return host
    address = address_of(host)
    return host if address is None else str(address)


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an IP address, with or without brackets; `None` for a name."""
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _refused(status: int, message: str) -> Failure:
    kind = FailureKind.INVALID_REQUEST if status == 400 else FailureKind.PERMISSION
    return Failure(kind=kind, message=message, status=status, sent=False)
