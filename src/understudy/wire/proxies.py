"""Forward proxies: what their URLs mean, and which one leads to a target.

The environment's variables are read as curl and requests read them (https://everything.curl.dev/usingcurl/proxies/env.html),
with one difference, which is Go's: a target on this machine is never reached through a proxy of the environment.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from understudy.domain.secret import Secret

_DIRECT = ("", "none")
"""Values of an entry's `proxy` that mean a direct connection."""
_PORTS = {"http": 80, "https": 443}


class Proxy(msgspec.Struct, frozen=True):
    """A forward proxy. Its address may be shown; its credentials are secret."""

    url: str
    """Scheme, host and port."""
    authorization: Secret | None = None
    """The value of `Proxy-Authorization` (RFC 9110 §11.7.2)."""

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        return self.url.partition("://")[2]


def read_proxy(text: str) -> Proxy:
    """Read a proxy's URL, such as `http://user:password@proxy.example:3128`.

    Raise `ValueError` with a message that never repeats the URL, which may hold a password.
    """
    text = text.strip()
    scheme, has_scheme, _ = text.partition("://")
    scheme = scheme.lower()
    if has_scheme and scheme.startswith("socks"):
        raise ValueError("names a SOCKS proxy, which is not supported; use an HTTP proxy, http://HOST:PORT")
    if not has_scheme or scheme not in _PORTS:
        raise ValueError("must begin with http:// or https://")
    parts = _split(text)
    host, port = (parts.hostname, parts.port) if parts is not None else (None, None)
    if parts is None or not host or not text.isprintable() or " " in text:
        raise ValueError("is not a valid URL: write http://HOST:PORT")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end with the port: a proxy has no path or query")
    host = f"[{host}]" if ":" in host else host
    return Proxy(f"{scheme}://{host}:{port or _PORTS[scheme]}", _authorization(parts))


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def own_proxy(written: str | Secret) -> Proxy | None:
    """Read an entry's own `proxy`; `None` for a direct connection. Raise `ValueError` as `read_proxy` does."""
    text = written.reveal() if isinstance(written, Secret) else written
    return None if text.strip().lower() in _DIRECT else read_proxy(text)


def _authorization(parts: SplitResult) -> Secret | None:
    """Return the credentials of a URL as HTTP's basic authentication (RFC 7617), in UTF-8."""
    if parts.username is None and parts.password is None:
        return None
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return Secret(f"Basic {base64.b64encode(pair.encode()).decode()}")


class EnvironmentProxies(msgspec.Struct, frozen=True):
    """The proxies that environment variables name, unparsed: only one that is used must be valid."""

    variables: Mapping[str, tuple[str, Secret]] = {}
    """By the scheme of the target: the name of the variable and its value."""
    exceptions: tuple[str, ...] = ()
    """The hosts of `NO_PROXY`."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> EnvironmentProxies:
        """Read `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`; the lower-case form of each takes precedence.

        `HTTP_PROXY` is ignored in a CGI program, whose callers can set it by a header (CVE-2016-1000110).
        """
        found: dict[str, tuple[str, Secret]] = {}
        for scheme in _PORTS:
            for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"):
                value = environ.get(name, "").strip()
                if value and not (name == "HTTP_PROXY" and "REQUEST_METHOD" in environ):
                    found[scheme] = (name, Secret(value))
                    break
        no_proxy = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
        return cls(found, tuple(filter(None, re.split(r"[\s,]+", no_proxy.lower()))))

    def proxy_for(self, url: str) -> Proxy | None:
        """Return the proxy for a URL; `None` for a direct connection.

        Raise `ValueError`, naming the variable, if its value is not the URL of a proxy.
        """
        parts = urlsplit(url)
        named = self.variables.get(parts.scheme)
        host = (parts.hostname or "").rstrip(".")
        if named is None or _excepted(host, parts.port or _PORTS[parts.scheme], self.exceptions):
            return None
        name, value = named
        written = value.reveal()
        try:
            # Without a scheme it is http, as in curl.
            return read_proxy(written if "://" in written else f"http://{written}")
        except ValueError as error:
            complaint = str(error)
        # Raised outside the handler: a parsing error repeats its input, password included.
        raise ValueError(f"the environment variable {name} {complaint}")


def is_this_machine(url: str) -> bool:
    """Check whether a URL refers to this machine: `localhost`, a name below it, or a loopback address."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    address = _address(host)
    return host == "localhost" or host.endswith(".localhost") or (address is not None and address.is_loopback)


def _excepted(host: str, port: int, exceptions: tuple[str, ...]) -> bool:
    """Check whether `NO_PROXY` names a host: by `*`, a domain, an address or a network, each with an optional port."""
    address = _address(host)
    return any(_matches(exception, host, address, port) for exception in exceptions)


def _matches(
    exception: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int
) -> bool:
    if exception == "*":
        return True
    if address is not None and (network := _network(exception)) is not None:
        return address in network
    name, colon, wanted = exception.rpartition(":")
    if colon and wanted.isdecimal() and (name.startswith("[") or ":" not in name):
        if int(wanted) != port:
            return False
        exception = name
    exception = exception.strip("[]")
    if address is not None:
        return address == _address(exception)
    exception = exception.removeprefix("*").strip(".")
    return bool(exception) and (host == exception or host.endswith(f".{exception}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
