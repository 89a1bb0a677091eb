"""How an entry is reached: its address, headers and key. The environment is read here."""

from __future__ import annotations

import itertools
import os
from functools import cache
from typing import TypeVar

import msgspec

from understudy.dialects.base import Endpoint
from understudy.domain.errors import ConfigError
from understudy.domain.secret import Secret
from understudy.providers.addresses import address_complaint
from understudy.providers.base import Auth, ProviderRow, endpoint_of
from understudy.providers.environment import address_from_environment, key_from_environment
from understudy.settings import ProviderConfig
from understudy.wire.addresses import shown_address
from understudy.wire.http import Headers, key_complaint
from understudy.wire.proxies import own_proxy


def endpoint_for(config: ProviderConfig, row: ProviderRow, model: str | None) -> Endpoint:
    """Resolve an entry for one model. Raise `ConfigError` if its address is invalid or missing."""
    base_url = _base_url(config, row)
    api_version = config.api_version or next(filter(None, map(os.environ.get, row.version_variables)), None)
    endpoint = endpoint_of(row, model, base_url=base_url, api_version=api_version)
    headers = dict(endpoint.headers)
    headers.update({name: value for name, key in row.header_variables if (value := os.environ.get(key))})
    if config.api_version is not None and row.version_header is not None:
        headers[row.version_header] = config.api_version
    headers.update({name.lower(): value for name, value in config.headers.items()})
    return msgspec.structs.replace(endpoint, headers=tuple(headers.items()), options=dict(config.extra))


def _base_url(config: ProviderConfig, row: ProviderRow) -> str | None:
    if config.base_url:
        return _checked(config, row, "base_url", config.base_url)
    if found := address_from_environment(row, os.environ):
        name, url = found
        return _checked(config, row, f"the environment variable {name}", url)
    if row.base_url_required:
        variable = f" or set {row.base_url_variables[0]}" if row.base_url_variables else ""
        raise ConfigError(f'{config.entry}: no base_url is configured: write one, such as "{row.base_url}"{variable}')
    return None


def _checked(config: ProviderConfig, row: ProviderRow, name: str, url: str) -> str:
    if complaint := address_complaint(url, row):
        example = f'write one such as "{row.base_url}"'
        raise ConfigError(f"{config.entry}: {name} {complaint}{shown_address(url)}; {example}")
    return url


def check_addresses(config: ProviderConfig, row: ProviderRow) -> None:
    """Check an entry's address and proxy, without I/O. Raise `ConfigError` if one is invalid."""
    if config.base_url:
        _checked(config, row, "base_url", config.base_url)
    if config.proxy is None:
        return
    try:
        own_proxy(config.proxy)
        return
    except ValueError as error:
        complaint = str(error)
    # Raised outside the handler: an error of parsing repeats what it could not parse, the password included.
    raise ConfigError(f"{config.entry}: proxy {complaint}")


_V = TypeVar("_V")


def _hidden(value: str | _V) -> Secret | _V:
    """Return a value as the entry holds it, in which strings are secrets already."""
    return Secret(value) if isinstance(value, str) else value


def _keys_of(config: ProviderConfig) -> tuple[Secret | None, ...]:
    """Return the keys that an entry holds, or `(None,)`."""
    given = config.api_key
    keys = (given,) if given is None or isinstance(given, (str, Secret)) else given
    return tuple(None if key is None else _hidden(key) for key in keys)


def secrets_for(config: ProviderConfig, row: ProviderRow) -> tuple[Auth, tuple[Secret | None, ...]]:
    """Return an entry's key or token, and the header that carries it: the keys of a pool, else one.

    `None` stands for one that is fetched at every send, or not needed. Raise `ConfigError` if it is missing, or cannot
    be sent in a header.
    """
    keys, token = _keys_of(config), _hidden(config.token)
    if keys != (None,) and token is not None:
        raise ConfigError(f"{config.entry}: set either api_key or token, not both")
    given = token if isinstance(token, Secret) else None
    if given is not None and row.token_auth is None:
        raise ConfigError(f"{config.entry}: {row.title} does not accept a token; use api_key")
    for name, auth, secrets in (("api_key", row.auth, keys), ("token", row.token_auth, (given,))):
        if auth is None or secrets == (None,):
            continue
        for number, secret in enumerate(secrets, start=1):
            if secret is not None and (complaint := key_complaint(secret.reveal())):
                which = f" number {number}" if len(secrets) > 1 else ""
                raise ConfigError(f"{config.entry}: {name}{which} {complaint}")
        return auth, secrets
    if token is not None or config.sign is not None:
        # The variable's key is for the provider's own address, not for a cloud with another kind of authentication.
        return (row.token_auth if token is not None and row.token_auth else row.auth), (None,)
    found = key_from_environment(row, os.environ)
    if found.why is not None:
        raise ConfigError(f"{config.entry}: the API key is missing: {found.why}; set one, or add api_key to the entry")
    if found.token is not None and row.token_auth is not None:
        return row.token_auth, (found.token,)
    return row.auth, (found.key,)


def account_of(secret: Secret | None, headers: Headers, named_by: str) -> str | None:
    """Return what tells one account of a server from another, and reveals nothing: the header that names the account,
    else a part of the key's hash; `None` if neither is known, as with tokens that expire.

    It is saved with conversations, so it must be the same in every process.
    """
    named = next((value for name, value in headers if name.lower() == named_by), None)
    known = named if named is not None or secret is None else secret.reveal()
    if known is None:
        return None
    from hashlib import sha256  # loads OpenSSL, which building a provider does not need

    return sha256(known.encode("utf-8", "surrogatepass")).hexdigest()[:8]


_numbers = itertools.count(1)


@cache
def _name_of_key(_secret: Secret) -> str:
    """Return a name for a key, the same wherever the key is used, and not derived from it."""
    return f"key-{next(_numbers)}"


def names_of_keys(config: ProviderConfig) -> tuple[str, ...]:
    """Return names for the keys of an entry's pool; empty without a pool."""
    keys = _keys_of(config)
    return tuple(_name_of_key(key) for key in keys if key is not None) if len(keys) > 1 else ()
