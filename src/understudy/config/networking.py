"""Reads how an entry is reached: its proxy and its certificates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from understudy.config.lines import KeyPath
from understudy.config.tables import Context
from understudy.wire.proxies import own_proxy

_FILES = ("ca_file", "client_cert", "client_key")


def settle_network(context: Context, values: dict[str, Any], path: KeyPath) -> None:
    """Check the proxy and load the certificates once, so that a wrong one is found before the first call.

    Paths are relative to the configuration file, and `~` is the home folder.
    """
    _check_proxy(context, values, (*path, "proxy"))
    files = [name for name in _FILES if name in values]
    if not files:
        return
    from understudy.transport.network import Certificates  # TLS, which most configurations need nothing of

    folder = Path(context.report.source.name or "").parent
    for name in files:
        values[name] = str((folder / Path(values[name]).expanduser()).absolute())
    try:
        Certificates(**{name: values[name] for name in files}).context()
    except ValueError as error:
        named = next((name for name in files if name in str(error)), files[0])
        context.report.error((*path, named), str(error), "write the path of a file in PEM form")


def _check_proxy(context: Context, values: dict[str, Any], path: KeyPath) -> None:
    if "proxy" not in values:
        return
    try:
        own_proxy(values["proxy"])
    except ValueError as error:
        context.report.error(path, f"proxy {error}", 'such as proxy = "http://proxy.example:3128", or "none"')
