"""Opens the ports on which the gateway listens."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import sys
from collections.abc import Sequence

from understudy.domain.errors import Misuse

_DEAD_AFTER = 60_000
"""Milliseconds after which a caller whose machine no longer acknowledges anything counts as gone."""
_UNSENT = 256 * 1024
"""Bytes of an answer that the system accepts before they are sent: more would be read from the provider for a caller
that reads nothing."""


def listen(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Return sockets that listen on all addresses of a host. Raise `Misuse` if one cannot be opened."""
    opened: list[socket.socket] = []
    try:
        for family, address in _resolve(host):
            if opened:  # another address of `localhost` gets the port that the system chose for the first
                port = int(opened[0].getsockname()[1])
            try:
                opened.append(_open(family, address, port, backlog))
            except OSError as error:
                if not opened or error.errno != errno.EADDRNOTAVAIL:
                    raise
    except OSError as error:
        for each in opened:
            each.close()
        raise Misuse(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port or --host"
        ) from error
    return opened


def is_loopback(host: str) -> bool:
    """Check whether only this machine reaches a host. Raise `Misuse` if it has no address."""
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for _, address in _resolve(host))


def url_of(sockets: Sequence[socket.socket], host: str) -> str:
    """Return the URL under which this machine reaches the sockets."""
    port = sockets[0].getsockname()[1]
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            host = "127.0.0.1" if address.version == 4 else "[::1]"
        elif address.version == 6:
            host = f"[{host}]"
    return f"http://{host}:{port}"


def _resolve(host: str) -> list[tuple[int, str]]:
    """Return the addresses of a host, each with its family."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise Misuse(f"--host {host}: the name has no address; write one that this machine has") from error
    return list(dict.fromkeys((int(family), str(address[0])) for family, *_, address in found))


def _open(family: int, address: str, port: int, backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there, the option would share the port with other programs
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_USER_TIMEOUT", _DEAD_AFTER), ("TCP_NOTSENT_LOWAT", _UNSENT)):
            if number := getattr(socket, option, None):  # accepted connections inherit it
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_TCP, number, value)
        sock.setblocking(False)
        sock.bind((address, port))
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return sock
