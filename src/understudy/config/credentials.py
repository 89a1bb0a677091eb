"""Finds an entry's key: the one written, else the one in the provider's own environment variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.config.lines import KeyPath
from understudy.config.references import foreign_reference
from understudy.config.schema import PROVIDER
from understudy.config.tables import API_KEY, TOKEN, Context, expand_text
from understudy.domain.secret import Secret
from understudy.providers.base import ProviderRow
from understudy.wire.http import is_sendable


class Credential(msgspec.Struct, frozen=True):
    """A key or a token, or why there is none. Nothing at all means that none is needed."""

    key: Secret | None = None
    token: Secret | None = None
    why: str | None = None
    """Why the entry cannot be used."""
    variables: tuple[str, ...] = ()
    """The environment variables of which one would help."""


def read_credential(context: Context, table: Mapping[str, Any], path: KeyPath, row: ProviderRow) -> Credential:
    """Return the key of an entry. What is wrong beyond a missing variable goes to the report."""
    if TOKEN in table:
        here = (*path, TOKEN)
        if row.token_auth is None:
            context.report.error(here, f"{row.title} takes no token", f"use {API_KEY}")
        elif API_KEY in table:
            context.report.error(here, f"{API_KEY} and {TOKEN} are both set", "leave one of them away")
        return _read(context, table, path, row, TOKEN)
    if API_KEY not in table:
        return from_environment(row, context.environ)
    return _read(context, table, path, row, API_KEY)


def _read(context: Context, table: Mapping[str, Any], path: KeyPath, row: ProviderRow, field: str) -> Credential:
    here = (*path, field)
    written = table[field]
    if complaint := PROVIDER[field].complaint(written):
        context.report.error(here, f"{field} {complaint}", f"such as {field} = {PROVIDER[field].example}")
        return Credential()
    if name := foreign_reference(written):
        context.report.error(here, f"{field} names a variable, but not as ${{NAME}}", f'did you mean "${{{name}}}"?')
        return Credential()
    result = expand_text(context, written, here)
    if result is None:
        return Credential()
    if result.missing:
        return Credential(why=f"{_are_not_set(result.missing, ' and ')}", variables=result.missing)
    key = result.text.strip()
    if not key:
        return from_environment(row, context.environ)
    if not is_sendable(key):
        context.report.error(here, f"{field} holds characters that no header can carry", "copy the key anew")
        return Credential()
    return Credential(token=Secret(key)) if field == TOKEN else Credential(Secret(key))


def from_environment(row: ProviderRow, environ: Mapping[str, str]) -> Credential:
    """Return the key that the provider's own variables hold, the first that is set; without one, the token."""
    for name in (*row.key_variables, *row.token_variables):
        if key := environ.get(name, "").strip():
            if is_sendable(key):
                return Credential(token=Secret(key)) if name in row.token_variables else Credential(Secret(key))
            return Credential(why=f"{name} holds characters that no header can carry", variables=(name,))
    if row.key_required:
        return Credential(why=_are_not_set(row.key_variables, " or "), variables=row.key_variables)
    return Credential()


def _are_not_set(names: tuple[str, ...], joint: str) -> str:
    if not names:
        return "it has no api_key, and its type names no variable that may hold one"
    if joint == " or " and len(names) > 1:
        return f"none of {', '.join(names)} is set"
    return f"{joint.join(names)} {'is' if len(names) == 1 else 'are'} not set"
