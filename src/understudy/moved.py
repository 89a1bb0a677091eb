"""Module paths of earlier versions: each name still imports from there, with a `DeprecationWarning`.

Loaded when such a path is imported: `understudy` looks here for modules that it does not find.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

HOMES = {
    "aio_transport": "transport.aiohttp_transport",
    "dialect_provider": "client.provider",
    "factory": "client.factory",
    "manager": "client.manager",
    "network": "transport.network",
    "provider": "settings protocol providers domain.stats",
    "signing": "settings engine.auth",
    "stream": "client.stream",
    "transport": "transport.base",
}
"""Where the names of a former module of `understudy` are now."""
RENAMED = {"DialectProvider": "Provider"}


def spec_of(path: str) -> ModuleSpec | None:
    """Return the spec of a former module, or `None` if there was none under a path."""
    return ModuleSpec(path, _Loader()) if path.partition(".")[2] in HOMES else None


def former(path: str, name: str) -> Any:
    """Return what a name of a former module is now. Raises `AttributeError` if there is none."""
    for home in () if name.startswith("__") else HOMES[path.partition(".")[2]].split():
        found = getattr(import_module(f"understudy.{home}"), RENAMED.get(name, name), None)
        if found is not None:
            public = getattr(import_module("understudy"), RENAMED.get(name, name), None) is found
            better = f"understudy{'' if public else '.' + home}.{RENAMED.get(name, name)}"
            warnings.warn(f"{path}.{name} has moved: import {better}", DeprecationWarning, stacklevel=3)
            return found
    raise AttributeError(f"module {path!r} has no attribute {name!r}")


class _Loader(Loader):
    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        """Look names up at their new place."""
        vars(module)["__getattr__"] = lambda name: former(module.__name__, name)
