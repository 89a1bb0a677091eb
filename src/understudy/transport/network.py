"""How an entry is reached: through which proxy, with which certificates. Files and the environment are read here."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.domain.secret import SecretHeader
from understudy.settings import ProviderConfig
from understudy.transport.base import TransportError
from understudy.wire.http import Headers, origin_of
from understudy.wire.proxies import EnvironmentProxies, Proxy, is_this_machine, own_proxy


class Certificates(msgspec.Struct, frozen=True):
    """Trusted authorities and the client's certificate, as files in PEM format."""

    ca_file: str | None = None
    """The trusted authorities, instead of the system's."""
    client_cert: str | None = None
    """The client's certificate with those above it, and with its key if `client_key` is unset."""
    client_key: str | None = None

    @classmethod
    def of(cls, config: ProviderConfig) -> Certificates:
        """Return the files of an entry."""
        return cls(config.ca_file, config.client_cert, config.client_key)

    def context(self) -> ssl.SSLContext:
        """Load the files. Raise `ValueError`, which names the setting, the file and what is wrong."""
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("client_key is set without client_cert: set both, or one file with both as client_cert")
        for name in self.__struct_fields__:
            path = getattr(self, name)
            if path is not None:
                _check_readable(name, path)
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except ssl.SSLError as error:
            raise ValueError(f"ca_file {self.ca_file} does not contain a certificate in PEM format") from error
        context.set_alpn_protocols(["http/1.1"])
        if self.client_cert is not None:
            self._load_own(context, self.client_cert)
        return context

    def _load_own(self, context: ssl.SSLContext, path: str) -> None:
        key = self.client_key or path
        try:
            context.load_cert_chain(path, self.client_key, password=_no_password)
        except _Encrypted as error:
            raise ValueError(f"the key in {key} is encrypted: decrypt it, such as with `openssl pkey`") from error
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise ValueError(
                    f"the key in {key} does not belong to the certificate in client_cert {path}"
                ) from error
            missing = "" if self.client_key else " and its key"
            raise ValueError(f"client_cert {path} does not contain a certificate{missing} in PEM format") from error


class _Encrypted(Exception):
    """A key is encrypted, so OpenSSL would prompt for its password on the terminal."""


def _no_password() -> str:
    raise _Encrypted


def _check_readable(name: str, path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        raise ValueError(f"{name} {path} cannot be read: {error.strerror or error}") from error


class Way(msgspec.Struct, frozen=True):
    """How one origin is reached."""

    proxy: Proxy | None = None
    tls: ssl.SSLContext | bool = True
    """`True` trusts the system's authorities."""
    tunnel: bool = True
    """Whether the proxy only opens a tunnel to the origin. Otherwise, without TLS, it reads every request itself."""

    def options(self) -> dict[str, Any]:
        """Return aiohttp's arguments for each request. Do not keep them: they may hold the proxy's password."""
        if self.proxy is None:
            return {} if self.tls is True else {"ssl": self.tls}
        headers = (dict(self._authorization()) or None) if self.tunnel else None
        return {"proxy": self.proxy.url, "proxy_headers": headers, "ssl": self.tls}

    def headers(self) -> Headers:
        """Return the headers of every request for the proxy; none if the proxy does not read requests."""
        return () if self.tunnel else self._authorization()

    def tunnel_headers(self) -> Headers:
        """Return the headers with which the proxy is asked for a tunnel."""
        return self._authorization()

    def context(self) -> ssl.SSLContext:
        """Return the certificates for connections over TLS."""
        return self.tls if isinstance(self.tls, ssl.SSLContext) else _system_context()

    def _authorization(self) -> Headers:
        secret = self.proxy.authorization if self.proxy is not None else None
        return () if secret is None else (("proxy-authorization", SecretHeader(secret.reveal())),)


class Network:
    """How the addresses of one entry are reached. The environment and the files are read at the first call."""

    def __init__(self, config: ProviderConfig | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._config = config
        self._environ = os.environ if environ is None else environ
        self._ways: dict[str, Way] = {}

    def way_to(self, url: str) -> Way:
        """Return how a URL is reached. Raise `TransportError` if that is impossible, and names the setting."""
        origin = origin_of(url)
        way = self._ways.get(origin)
        if way is None:
            proxy, tunnel = self._proxy_for(url), origin.startswith("https:")
            secure = tunnel or (proxy is not None and proxy.url.startswith("https:"))
            way = self._ways[origin] = Way(proxy, self._tls if secure else True, tunnel)
        return way

    def _proxy_for(self, url: str) -> Proxy | None:
        if not isinstance(self._proxies, EnvironmentProxies):
            return self._proxies
        # Without an address of its own the entry means a local server, which is not behind a company's proxy.
        if self._config is not None and self._config.base_url is None and is_this_machine(url):
            return None
        try:
            return self._proxies.proxy_for(url)
        except ValueError as error:
            message = f"{error}; correct it, name the host in NO_PROXY, or set proxy in the entry"
        raise TransportError(Failure(kind=FailureKind.PROXY, message=message, sent=False))

    @cached_property
    def _proxies(self) -> EnvironmentProxies | Proxy | None:
        written = self._config.proxy if self._config is not None else None
        if written is None:
            return EnvironmentProxies.of(self._environ)
        return own_proxy(written)

    @cached_property
    def _tls(self) -> ssl.SSLContext | bool:
        certificates = Certificates() if self._config is None else Certificates.of(self._config)
        named = [name for name in _ENVIRONMENT if self._environ.get(name)]
        if certificates == Certificates() and not named:
            return True
        of_environment = () if certificates.ca_file is not None else tuple(map(self._environ.get, _ENVIRONMENT))
        files = (*(getattr(certificates, name) for name in certificates.__struct_fields__), *of_environment)
        try:
            return _shared_context(certificates, of_environment, tuple(map(_changed, files)))
        except ValueError as error:
            message = str(error)
        raise TransportError(Failure(kind=FailureKind.TLS, message=message, sent=False))


@lru_cache(maxsize=1)
def _system_context() -> ssl.SSLContext:
    return Certificates().context()


_ENVIRONMENT = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""What OpenSSL reads by itself."""


@lru_cache(maxsize=64)
def _shared_context(
    certificates: Certificates, of_environment: tuple[str | None, ...], changed: tuple[int, ...]
) -> ssl.SSLContext:
    """Load certificates once for all entries that name the same files: a bundle of authorities takes 20 to 70 ms.

    `changed` distinguishes versions of the files.
    """
    if of_environment:
        _check_environment(*of_environment)
    return certificates.context()


def _changed(path: str | None) -> int:
    """Return when a file was changed, in nanoseconds; 0 for a missing one."""
    try:
        return Path(path).stat().st_mtime_ns if path else 0
    except OSError:
        return 0


def _check_environment(path: str | None, folder: str | None) -> None:
    """Check what OpenSSL reads by itself (SSL_CTX_set_default_verify_paths(3)), and ignores if it cannot be read."""
    if path:
        _check_readable("the environment variable SSL_CERT_FILE:", path)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except ssl.SSLError as error:
            raise ValueError(
                f"the environment variable SSL_CERT_FILE: {path} does not contain a certificate in PEM format"
            ) from error
    if folder and not any(Path(part).is_dir() for part in folder.split(os.pathsep) if part):
        raise ValueError(f"the environment variable SSL_CERT_DIR does not name a folder: {folder}")
