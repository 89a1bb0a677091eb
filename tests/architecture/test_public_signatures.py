"""Whatever stands in a public signature is public: a typed program names it from `understudy` alone."""

from __future__ import annotations

import ast
import importlib
import inspect
import typing
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any, get_args

import pytest

import understudy
from understudy import blocking, testing

FACES = {"understudy": understudy, "understudy.blocking": blocking, "understudy.testing": testing}
INTERNAL = {
    "Provider": {"backend"},
    "ResponseStream": {"__init__"},
    "RunStream": {"__init__"},
}
"""Members that only the library itself calls. Streams are made by `stream`; the engine asks the backend."""


def public() -> dict[str, Any]:
    """Every public class, function and alias, by the name that a user writes."""
    return {f"{face}.{name}": getattr(module, name) for face, module in FACES.items() for name in module.__all__}


PUBLIC = {id(value) for value in public().values()}


@cache
def names_of(module: str) -> dict[str, Any]:
    """What the names of a module mean, including those that it imports for type checking alone."""
    loaded = importlib.import_module(module)
    found = dict(vars(loaded))
    for node in ast.walk(ast.parse(inspect.getsource(loaded))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("understudy"):
            source = importlib.import_module(node.module)
            for alias in node.names:
                value = getattr(source, alias.name, None)
                found[alias.asname or alias.name] = value or importlib.import_module(f"{node.module}.{alias.name}")
    return found


def annotated(thing: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield every annotation of a public thing: where it stands, the module in which it is read, and itself."""
    if inspect.isfunction(thing):
        yield from ((f"({name})", thing.__module__, each) for name, each in inspect.get_annotations(thing).items())
    elif inspect.isclass(thing):
        for base in thing.__mro__:
            if base.__module__.startswith("understudy."):
                yield from of_class(base)
    elif typing.get_origin(thing) is not typing.Literal:
        yield from (("", "", each) for each in get_args(thing))


def of_class(cls: type) -> Iterator[tuple[str, str, Any]]:
    for name, annotation in inspect.get_annotations(cls).items():
        if not name.startswith("_"):
            yield f".{name}", cls.__module__, annotation
    for name, member in vars(cls).items():
        if name in INTERNAL.get(cls.__name__, ()) or (name.startswith("_") and not name.endswith("__")):
            continue
        function = getattr(member, "__func__", member)
        if isinstance(function, property):
            function = function.fget
        elif isinstance(function, cached_property):
            function = function.func
        if inspect.isfunction(function) and function.__module__ == cls.__module__:
            yield from ((f".{name}{where}", module, each) for where, module, each in annotated(function))


def hidden(module: str, annotation: Any) -> Iterator[str]:
    """Yield the types in an annotation that are of this package and not public. An alias is what it stands for."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        yield from in_source(module, ast.parse(annotation, mode="eval").body)
    elif isinstance(annotation, list):
        for each in annotation:
            yield from hidden(module, each)
    elif id(annotation) in PUBLIC:
        return
    elif args := get_args(annotation):
        for each in args:
            if typing.get_origin(annotation) is not typing.Literal:
                yield from hidden(module, each)
    elif isinstance(annotation, type) and annotation.__module__.startswith("understudy"):
        yield f"{annotation.__module__}.{annotation.__qualname__}"


def in_source(module: str, node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Subscript(value=ast.Name(id="Literal")):
            return
        case ast.Constant(value=str(quoted)):
            yield from hidden(module, quoted)
        case ast.Name(id=name):
            yield from hidden(module, names_of(module).get(name))
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            yield from hidden(module, getattr(names_of(module)[name], attribute))
        case _:
            for child in ast.iter_child_nodes(node):
                yield from in_source(module, child)


@pytest.mark.parametrize("name", public())
def test_a_public_signature_names_public_types_only(name: str) -> None:
    found = {
        f"{name}{where}: {each}"
        for where, module, annotation in annotated(public()[name])
        for each in hidden(module, annotation)
    }
    assert found == set()


def test_what_is_internal_exists() -> None:
    assert all(name in vars(getattr(understudy, cls)) for cls, names in INTERNAL.items() for name in names)
