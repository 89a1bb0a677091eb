"""Reads how an entry is reached: its key, its address, its proxy and its certificates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy.config.lines import KeyPath
from understudy.config.model import NoticeKind
from understudy.config.schema import PROVIDER
from understudy.config.tables import API_KEY, TOKEN, Context, Expanded, expand_text, foreign_reference
from understudy.domain.secret import Secret
from understudy.providers.addresses import address_complaint
from understudy.providers.base import ProviderRow
from understudy.providers.environment import EnvironmentKey, address_from_environment, key_from_environment
from understudy.settings.entry import repeated_key
from understudy.wire.http import key_complaint
from understudy.wire.proxies import own_proxy

_FILES = ("ca_file", "client_cert", "client_key")


def read_key(context: Context, table: Mapping[str, Any], path: KeyPath, row: ProviderRow) -> EnvironmentKey:
    """Return the key of an entry: the one written, else the one in the provider's own variable.

    Only a missing variable is returned as the reason; everything else that is wrong is reported.
    """
    if TOKEN in table:
        here = (*path, TOKEN)
        if row.token_auth is None:
            context.report.error(here, f"{row.title} does not accept a token", f"use {API_KEY}")
        elif API_KEY in table:
            context.report.error(here, f"{API_KEY} and {TOKEN} are both set", "set only one of them")
        return _read_key(context, table, path, row, TOKEN)
    if API_KEY in table:
        return _read_key(context, table, path, row, API_KEY)
    return key_from_environment(row, context.environ)


def _read_key(
    context: Context, table: Mapping[str, Any], path: KeyPath, row: ProviderRow, field: str
) -> EnvironmentKey:
    here = (*path, field)
    written = table[field]
    if complaint := PROVIDER[field].complaint(written):
        context.report.error(here, f"{field} {complaint}", f"for example: {field} = {PROVIDER[field].example}")
        return EnvironmentKey()
    if not isinstance(written, str):
        return _read_pool(context, written, here)
    result = _expand_key(context, written, here, field)
    if result is None:
        return EnvironmentKey()
    if missing := result.missing:
        return EnvironmentKey(why=_not_set(missing), variables=missing)
    key = result.text.strip()
    if not key:
        return key_from_environment(row, context.environ)
    return EnvironmentKey(token=Secret(key)) if field == TOKEN else EnvironmentKey(Secret(key))


def _read_pool(context: Context, written: Sequence[str], here: KeyPath) -> EnvironmentKey:
    """Return the keys of a pool. Those whose variables are not set are left out, as long as one remains."""
    results = [
        _expand_key(context, each, (*here, index), f"{API_KEY} number {index + 1}")
        for index, each in enumerate(written)
    ]
    keys = {number: Secret(key) for number, each in enumerate(results, 1) if each and (key := each.usable.strip())}
    missing = tuple(dict.fromkeys(name for each in results if each for name in each.missing))
    if None in results:
        return EnvironmentKey()
    if not keys:
        why = _not_set(missing) if missing else "every key of its pool is empty"
        return EnvironmentKey(why=why, variables=missing)
    for number, each in enumerate(results, 1):
        if each and number not in keys:
            why = _not_set(each.missing) if each.missing else "it is empty"
            what = f"{API_KEY} number {number} of {len(written)} is left out: {why}"
            context.report.notice(NoticeKind.DISABLED, (*here, number - 1), what)
    if complaint := repeated_key(keys):
        context.report.error(here, f"{API_KEY} {complaint}", "list each key once")
        return EnvironmentKey()
    found = tuple(keys.values())
    return EnvironmentKey(found[0]) if len(found) == 1 else EnvironmentKey(pool=found)


def _expand_key(context: Context, written: str, here: KeyPath, what: str) -> Expanded | None:
    """Return a key with its references replaced; report what is wrong with it and return `None`."""
    if not written.strip():
        context.report.error(here, f"{what} {key_complaint(written)}", "omit the key, or give it a value")
        return None
    if name := foreign_reference(written):
        context.report.error(here, f"{what} names a variable, but not as ${{NAME}}", f'did you mean "${{{name}}}"?')
        return None
    result = expand_text(context, written, here)
    if result is None or not (key := result.usable.strip()):
        return result
    if complaint := key_complaint(key):
        context.report.error(here, f"{what} {complaint}", "copy the key again")
        return None
    return result


def _not_set(names: Sequence[str]) -> str:
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{listed} {'is' if len(names) == 1 else 'are'} not set"


def resolve_address(context: Context, values: dict[str, Any], path: KeyPath, row: ProviderRow) -> None:
    """Check the entry's address, else take the one in the provider's own variable."""
    if "base_url" in values:
        if complaint := address_complaint(values["base_url"], row):
            del values["base_url"]
            context.report.error(path, f"{path[-1]} {complaint}", f'for example: {path[-1]} = "{row.base_url}"')
    elif found := address_from_environment(row, context.environ):
        name, url = found
        if complaint := address_complaint(url, row):
            what = f"the environment variable {name} {complaint}"
            context.report.error(path[:-1], what, f'for example: "{row.base_url}"')
        else:
            values["base_url"] = url
    elif row.base_url_required:
        variables = f" or set {row.base_url_variables[0]}" if row.base_url_variables else ""
        what = f"{row.title} has no default address"
        context.report.error(path[:-1], what, f'write base_url = "{row.base_url}"{variables}')


def resolve_network(context: Context, values: dict[str, Any], path: KeyPath) -> None:
    """Check the proxy and load the certificates once, so that an invalid one is found before the first call.

    Paths are relative to the configuration file, and `~` is the home folder.
    """
    if "proxy" in values:
        try:
            own_proxy(values["proxy"])
        except ValueError as error:
            hint = 'for example: proxy = "http://proxy.example:3128", or "none"'
            context.report.error((*path, "proxy"), f"proxy {error}", hint)
    files = [name for name in _FILES if name in values]
    if not files:
        return
    from understudy.transport.network import Certificates  # TLS, which most configurations do not need

    folder = Path(context.report.source.name or "").parent
    for name in files:
        values[name] = str((folder / Path(values[name]).expanduser()).absolute())
    try:
        Certificates(**{name: values[name] for name in files}).context()
    except ValueError as error:
        named = next((name for name in files if name in str(error)), files[0])
        context.report.error((*path, named), str(error), "write the path of a PEM file")
