"""Seeded bugs: the list in bugs.toml, and how the policy runs with one of them."""

from __future__ import annotations

import importlib
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec


class Bug(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of one module: `old`, which occurs there once, becomes `new`."""

    name: str
    module: str
    old: str
    new: str
    scenes: tuple[str, ...] = ()
    """Those that show it, which are searched first."""


BUGS = msgspec.toml.decode(Path(__file__).with_name("bugs.toml").read_bytes(), type=dict[str, list[Bug]])["bug"]


def source_of(module: types.ModuleType) -> str:
    """Return the text of a module."""
    assert module.__file__ is not None
    return Path(module.__file__).read_text(encoding="utf-8")


def missing(bug: Bug) -> bool:
    """Return whether the text that a bug changes is not there, or not only once."""
    return source_of(importlib.import_module(f"understudy.policy.{bug.module}")).count(bug.old) != 1


@contextmanager
def seeded(bug: Bug) -> Iterator[None]:
    """Run with a bug: the functions of the module get the code that the changed text compiles to."""
    module = importlib.import_module(f"understudy.policy.{bug.module}")
    text = source_of(module)
    assert text.count(bug.old) == 1, f"{bug.name}: {bug.module} has changed, so the bug must be written anew"
    changed: dict[str, Any] = {"__name__": module.__name__}
    exec(compile(text.replace(bug.old, bug.new), str(module.__file__), "exec"), changed)
    pairs = list(_functions(vars(module), changed, module.__name__))
    kept = [(function, function.__code__) for function, _ in pairs]
    for function, other in pairs:
        function.__code__ = other.__code__
    try:
        yield
    finally:
        for function, code in kept:
            function.__code__ = code


def _functions(mine: Any, changed: Any, module: str) -> Iterator[tuple[types.FunctionType, types.FunctionType]]:
    """Yield the functions of a module or class, each with what it becomes."""
    for name, each in list(mine.items()):
        other = changed.get(name)
        if isinstance(each, type) and each.__module__ == module and isinstance(other, type):
            yield from _functions(vars(each), vars(other), module)
            continue
        plain, theirs = _plain(each), _plain(other)
        if plain is not None and theirs is not None and plain.__module__ == module:
            yield plain, theirs


def _plain(each: Any) -> types.FunctionType | None:
    for inner in (each, getattr(each, "fget", None), getattr(each, "func", None), getattr(each, "__func__", None)):
        if isinstance(inner, types.FunctionType):
            return inner
    return None
