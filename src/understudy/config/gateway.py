"""Reads `[llm.gateway]`: where the gateway listens, whose keys it accepts, and the names that it knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from understudy.config.lines import KeyPath
from understudy.config.model import NoticeKind
from understudy.config.report import did_you_mean
from understudy.config.schema import GATEWAY, GATEWAY_KEY
from understudy.config.tables import Context, expand_text, read_table
from understudy.domain.regexes import regex
from understudy.domain.secret import Secret
from understudy.policy.selection import split_name
from understudy.settings.gateway import (
    CLASSES,
    CODING_AGENTS,
    SHORT_KEY,
    GatewayConfig,
    GatewayKey,
    is_class_name,
)
from understudy.wire.http import key_complaint

_GATEWAY: KeyPath = ("llm", "gateway")
_FORMER = "former_secrets"
_SECRETS = ("secret", "key_pepper")
_HASH = regex(r"sha256:[0-9a-f]{64}")


def read_gateway(
    context: Context, table: Any, targets: Mapping[str, bool], omitted: Collection[str] = ()
) -> GatewayConfig:
    """Read the table. `targets` are the names of routes and of entries, disabled ones included, each with whether it is
    a route; `omitted` those of routes without a usable entry, whose aliases are left out with them."""
    report = context.report
    if not isinstance(table, dict):
        report.error(_GATEWAY, "llm.gateway must be a table", "write it as [llm.gateway]")
        return GatewayConfig()
    report.unknown_keys(table, _GATEWAY, "[llm.gateway]", GATEWAY)
    plain = {key: value for key, value in table.items() if key not in ("keys", *_SECRETS, _FORMER)}
    values = read_table(context, plain, _GATEWAY, GATEWAY)
    values["keys"] = _read_keys(context, table.get("keys", []))
    _note_open_hosts(context, values)
    values |= _read_secrets(context, table)
    if _FORMER in table:
        values[_FORMER] = _read_former(context, table[_FORMER])
        if "secret" not in table:
            hint = f"set secret to the current one, and keep only replaced ones in {_FORMER}"
            report.error((*_GATEWAY, _FORMER), f'{_FORMER} needs "secret"', hint)
    if "state_file" in values:
        folder = Path(report.source.name or "").parent
        values["state_file"] = str((folder / Path(values["state_file"]).expanduser()).absolute())
    for key, word in (("aliases", "alias"), ("classes", "class")):
        if key in values:
            values[key] = _read_names(context, (key, word), values[key], targets, omitted)
    for name in values.get("classes", ()):
        if not is_class_name(name):
            what = f'"{name}" is neither a request class nor an agent'
            report.error((*_GATEWAY, "classes", name), what, did_you_mean(name, (*CLASSES, *CODING_AGENTS)))
    for path in values.get("passthrough", ()):
        if split_name(path)[0] not in targets:
            what = f'"{path}" does not begin with the name of an entry'
            report.error((*_GATEWAY, "passthrough"), what, did_you_mean(split_name(path)[0], targets))
    lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
    return GatewayConfig(**{**values, **lists})


def _note_open_hosts(context: Context, values: Mapping[str, Any]) -> None:
    """Report hosts without keys. Behind a proxy on the same machine every caller comes from a loopback address."""
    if values.get("hosts") and not values["keys"]:
        what = "others may reach the gateway under one of its hosts, and there are no keys: behind a proxy on this "
        what += "machine, anyone could use your providers"
        context.report.notice(NoticeKind.IGNORED, (*_GATEWAY, "hosts"), what, "add [[llm.gateway.keys]]")


def _read_names(
    context: Context,
    of: tuple[str, str],
    names: Mapping[str, str],
    targets: Mapping[str, bool],
    omitted: Collection[str],
) -> dict[str, str]:
    """Return the names that stand for something usable or disabled, and report the others. `of` is the key of their
    table, and what one of them is called."""
    kept: dict[str, str] = {}
    key, word = of
    for name, target in names.items():
        path, (entry, model) = (*_GATEWAY, key, name), split_name(target)
        stands = f'the {word} "{name}" stands for "{target}"'
        if target in targets or (targets.get(entry) is False and model is not None):
            kept[name] = target
        elif target in omitted:
            what = f'the {word} "{name}" is left out: no entry of the route "{target}" is usable'
            context.report.notice(NoticeKind.IGNORED, path, what)
        elif entry in targets and model is None:
            context.report.error(path, f"{stands}, which lacks a model after the slash", f'write "{entry}"')
        elif entry in targets:
            what = f'{stands}, but "{entry}" is a route, and a route has no models'
            context.report.error(path, what, f'write "{entry}", or the entry of the model: "ENTRY/{model}"')
        else:
            what = f"{stands}, which is neither an entry nor a route"
            context.report.error(path, what, did_you_mean(entry, targets))
    return kept


def _read_secrets(context: Context, table: Mapping[str, Any]) -> dict[str, Secret]:
    """Return the values that must be secret, by their keys."""
    found = {key: read_secret(context, table[key], (*_GATEWAY, key)) for key in _SECRETS if key in table}
    return {key: secret for key, secret in found.items() if secret is not None}


def _read_former(context: Context, written: Any) -> tuple[Secret, ...]:
    """Return the secrets that were replaced."""
    path = (*_GATEWAY, _FORMER)
    if complaint := GATEWAY[_FORMER].complaint(written):
        context.report.error(path, f"{_FORMER} {complaint}", f"for example: {_FORMER} = {GATEWAY[_FORMER].example}")
        return ()
    found = (read_secret(context, each, (*path, index), "secret") for index, each in enumerate(written))
    return tuple(each for each in found if each is not None)


def _read_keys(context: Context, tables: Any) -> tuple[GatewayKey, ...]:
    path = (*_GATEWAY, "keys")
    if not isinstance(tables, list):
        context.report.error(path, "llm.gateway.keys must be a list of tables", "write each as [[llm.gateway.keys]]")
        return ()
    found: list[GatewayKey] = []
    for index, table in enumerate(tables):
        key = _read_key(context, table, (*path, index))
        if key is None:
            continue
        if any(other.name == key.name for other in found):
            context.report.error((*path, index, "name"), "another key has this name", "choose another name")
        found.append(key)
    return tuple(found)


def _read_key(context: Context, table: Any, path: KeyPath) -> GatewayKey | None:
    report = context.report
    if not isinstance(table, dict):
        report.error(path, "a key must be a table", "write [[llm.gateway.keys]] above it")
        return None
    report.unknown_keys(table, path, "[[llm.gateway.keys]]", GATEWAY_KEY)
    values = read_table(context, {key: value for key, value in table.items() if key != "key"}, path, GATEWAY_KEY)
    if "name" not in table:
        report.error(path, 'the key has no "name"', f"for example: name = {GATEWAY_KEY['name'].example}")
    if ("key" in table) == ("hash" in table):
        report.error(path, 'write either "key" or "hash"', f"for example: key = {GATEWAY_KEY['key'].example}")
        return None
    key = read_secret(context, table["key"], (*path, "key")) if "key" in table else None
    digest = values.pop("hash", None)
    if digest is not None and not _HASH.fullmatch(digest):
        report.error((*path, "hash"), "hash must be sha256: and 64 hexadecimal digits", _HOW_TO_HASH)
    if "name" not in values or (key is None and digest is None):
        return None
    models = tuple(values.pop("models", ()))
    return GatewayKey(**values, models=models, key=key, hash=digest)


_HOW_TO_HASH = 'make it with: printf %s "$KEY" | sha256sum'


def read_secret(context: Context, written: Any, path: KeyPath, name: str = "") -> Secret | None:
    """Return a key or secret of the file; report one that is invalid. Its value is never repeated."""
    report, name = context.report, name or str(path[-1])
    if not isinstance(written, str):
        report.error(path, f"{name} must be a string", f'for example: {name} = "${{UNDERSTUDY_{name.upper()}}}"')
        return None
    expanded = expand_text(context, written, path)
    if expanded is None:
        return None
    for missing in expanded.missing:
        report.error(path, f"the environment variable {missing} is not set", f"set it, or write {name} in another way")
    if expanded.missing:
        return None
    if complaint := key_complaint(expanded.text):
        report.error(path, f"{name} {complaint}", "use printable ASCII without blanks")
        return None
    if len(expanded.text) < SHORT_KEY:
        what = f"{name} has fewer than {SHORT_KEY} characters, so it may be guessed"
        report.notice(NoticeKind.IGNORED, path, what, "make one with: openssl rand -hex 32")
    return Secret(expanded.text)


def names_of(routes: Collection[Any], entries: Collection[Any], disabled: Collection[Any]) -> dict[str, bool]:
    """Return the names that an alias may stand for, each with whether it is a route."""
    found = {each.name: True for each in routes}
    for name in (*(each.entry for each in entries), *(each.name for each in disabled)):
        found.setdefault(name, False)
    return found
