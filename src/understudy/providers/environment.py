"""What a provider's own environment variables hold: its key or token, and its address. The variables are passed in."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from understudy.domain.secret import Secret
from understudy.providers.base import ProviderRow
from understudy.wire.http import key_complaint


class EnvironmentKey(msgspec.Struct, frozen=True):
    """A key or a token, or why it is missing. Nothing at all means that none is needed."""

    key: Secret | None = None
    token: Secret | None = None
    pool: tuple[Secret, ...] = ()
    """Several keys, which only an entry can have."""
    why: str | None = None
    """Why the provider cannot be used."""
    variables: tuple[str, ...] = ()
    """The environment variables of which one would help."""


def key_from_environment(row: ProviderRow, environ: Mapping[str, str]) -> EnvironmentKey:
    """Return the key in the first of the row's variables that is set; without one, the token."""
    if name := key_variable(row, environ):
        key = environ[name].strip()
        if complaint := key_complaint(key):
            return EnvironmentKey(why=f"{name} {complaint}", variables=(name,))
        return EnvironmentKey(token=Secret(key)) if name in row.token_variables else EnvironmentKey(Secret(key))
    if not row.key_required:
        return EnvironmentKey()
    match row.key_variables:
        case ():
            why = "it has no api_key, and its type has no variable for one"
        case (name,):
            why = f"{name} is not set"
        case names:
            why = f"none of {', '.join(names)} is set"
    return EnvironmentKey(why=why, variables=row.key_variables)


def key_variable(row: ProviderRow, environ: Mapping[str, str]) -> str | None:
    """Return the first of the row's variables that holds a key or, without one, a token."""
    names = (*row.key_variables, *row.token_variables)
    return next((name for name in names if environ.get(name, "").strip()), None)


def address_from_environment(row: ProviderRow, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the first of the row's variables that holds an address, and the address."""
    held = ((name, environ.get(name, "").strip()) for name in row.base_url_variables)
    return next(((name, url) for name, url in held if url), None)
