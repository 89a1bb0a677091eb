"""Measures the structure of the package: its rooms and the arrows between them, circles, long files and functions.

    make structure

A room is a folder directly in `src/understudy`, or a module beside those folders. Imports for type checking alone are
not counted, unless a figure is named for them.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import understudy

ROOT = Path(understudy.__file__).parent

When = Literal["load", "call", "types"]
"""When an import happens: as the module is loaded, in a function, or never because it is for type checking only."""

FACES = frozenset({"cli", "emulator", "testing", "simulator", "gateway", "console", "blocking", "__main__", "__init__"})
"""Faces may import anything below; nothing below may import a face."""
PROVIDERS = frozenset({"LLMProvider", "Provider", "DialectProvider", "ProviderManager", "Backend", "CustomBackend"})
"""Classes that nothing below the faces may tell apart: what the engine asks is a protocol."""

Graph = Mapping[str, frozenset[str]]


class Import(NamedTuple):
    """An import of one module."""

    line: int
    module: str
    when: When


class Figures(NamedTuple):
    """What is measured."""

    lines: int
    rooms: int
    longest_chain: int
    """Rooms in the longest chain of imports."""
    arrows: int
    """Pairs of rooms of which one imports from the other."""
    room_circles: int
    """Circles among rooms."""
    circles: int
    """Circles among files, by the imports that happen as modules are loaded."""
    circles_with_calls: int
    """The same with imports in functions."""
    circles_with_types: int
    """The same with imports for type checking, too."""
    long_files: int
    """Files of more than 400 lines."""
    long_functions: int
    """Functions of more than 50 lines."""
    provider_checks: int
    """`isinstance` of providers, below the faces."""


BEFORE = Figures(49_420, 43, 12, 191, 0, 0, 1, 3, 0, 1, 11)
"""The figures of commit 6844846."""
LIMITS = {
    "longest_chain": 12,
    "room_circles": 0,
    "circles": 0,
    "circles_with_calls": 0,
    "circles_with_types": 0,
    "long_files": 0,
    "long_functions": 0,
    "provider_checks": 0,
}


class Package:
    """The modules of a package, by their full names."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.files = {self._name(path): path for path in sorted(root.rglob("*.py"))}

    def _name(self, path: Path) -> str:
        parts = path.relative_to(self.root.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def room(self, module: str) -> str:
        """Return the room of a module of this package; `__init__` for the package itself."""
        return module.split(".")[1] if "." in module else "__init__"

    @functools.cached_property
    def trees(self) -> dict[str, ast.Module]:
        """The syntax trees."""
        return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.files.items()}

    @functools.cached_property
    def imports(self) -> dict[str, list[Import]]:
        """The imports of every module, from this package and from others."""
        return {name: list(self._imports(tree, "load")) for name, tree in self.trees.items()}

    def _imports(self, node: ast.AST, when: When) -> Iterator[Import]:
        match node:
            case ast.Import(names=names):
                yield from (Import(node.lineno, alias.name, when) for alias in names)
            case ast.ImportFrom(level=level) if level:
                raise ValueError(f"line {node.lineno}: import by the full name: {ast.unparse(node)}")
            case ast.ImportFrom(module=str(module), names=names):
                submodules = (f"{module}.{alias.name}" for alias in names)
                yield from (Import(node.lineno, each if each in self.files else module, when) for each in submodules)
            case ast.If(test=test, body=body, orelse=orelse) if "TYPE_CHECKING" in ast.unparse(test):
                for statement in body:
                    yield from self._imports(statement, "types")
                for statement in orelse:
                    yield from self._imports(statement, when)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for child in ast.iter_child_nodes(node):
                    yield from self._imports(child, "types" if when == "types" else "call")
            case _:
                for child in ast.iter_child_nodes(node):
                    yield from self._imports(child, when)

    def graph(self, *when: When) -> Graph:
        """Return which modules of the package each module imports."""
        return {
            name: frozenset(each.module for each in imports if each.when in when and each.module in self.files) - {name}
            for name, imports in self.imports.items()
        }

    @functools.cached_property
    def rooms(self) -> Graph:
        """Which rooms each room imports from."""
        found: dict[str, set[str]] = {}
        for name, imported in self.graph("load", "call").items():
            found.setdefault(self.room(name), set()).update(map(self.room, imported))
        outside = {"__init__", "__main__"}
        return {room: frozenset(others - outside - {room}) for room, others in found.items() if room not in outside}

    def long_files(self) -> list[str]:
        """Return the files of more than 400 lines."""
        return [name for name, path in self.files.items() if _lines(path) > 400]

    def long_functions(self) -> list[str]:
        """Return the functions of more than 50 lines."""
        return [
            f"{name}.{node.name}"
            for name, tree in self.trees.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 50
        ]

    def provider_checks(self) -> list[str]:
        """Return where code below the faces asks which class a provider has."""
        return [
            f"{name}:{line}"
            for name, tree in self.trees.items()
            if self.room(name) not in FACES
            for node in ast.walk(tree)
            for line, classes in _class_checks(node)
            if PROVIDERS & {each.id for each in ast.walk(classes) if isinstance(each, ast.Name)}
        ]

    def figures(self) -> Figures:
        """Measure everything."""
        return Figures(
            lines=sum(map(_lines, self.files.values())),
            rooms=len(self.rooms),
            longest_chain=len(longest_chain(self.rooms)),
            arrows=sum(map(len, self.rooms.values())),
            room_circles=len(circles(self.rooms)),
            circles=len(circles(self.graph("load"))),
            circles_with_calls=len(circles(self.graph("load", "call"))),
            circles_with_types=len(circles(self.graph("load", "call", "types"))),
            long_files=len(self.long_files()),
            long_functions=len(self.long_functions()),
            provider_checks=len(self.provider_checks()),
        )


PACKAGE = Package()
"""This package, whose files are parsed once for all tests."""


def circles(graph: Graph) -> list[list[str]]:
    """Return the sets of nodes that reach each other (strongly connected components of more than one node)."""
    reach = {node: _reachable(graph, node) for node in graph}
    groups = {frozenset({other for other in reach[node] if node in reach[other]} | {node}) for node in graph}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def longest_chain(graph: Graph) -> list[str]:
    """Return the longest chain from importer to imported; the nodes of a circle count one after the other."""
    circle_of = {node: circle for circle in circles(graph) for node in circle}

    @functools.cache
    def chain(node: str) -> list[str]:
        together = circle_of.get(node, [node])
        below = frozenset().union(*(graph[each] for each in together)).difference(together)
        return [*together, *max(map(chain, sorted(below)), key=len, default=[])]

    return max(map(chain, sorted(graph)), key=len)


def _reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def _class_checks(node: ast.AST) -> Iterator[tuple[int, ast.expr]]:
    match node:
        case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, classes]):
            yield node.lineno, classes
        case ast.MatchClass(cls=classes):
            yield node.lineno, classes


def _lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def main(root: Path) -> None:
    """Print the figures beside those of before, and what exceeds a limit."""
    package = Package(root)
    print(f"{'':24}{'6844846':>9}{'now':>9}{'limit':>9}")
    for name, before, now in zip(Figures._fields, BEFORE, package.figures(), strict=True):
        print(f"{name.replace('_', ' '):24}{before:>9,}{now:>9,}{LIMITS.get(name, ''):>9}")
    print("\nlongest chain:", " → ".join(longest_chain(package.rooms)))
    for room, others in sorted(package.rooms.items()):
        print(f"  {room}: {', '.join(sorted(others)) or '-'}")
    for circle in (*circles(package.rooms), *circles(package.graph("load", "call", "types"))):
        print("circle:", ", ".join(circle))
    for title, found in (
        ("long file", package.long_files()),
        ("long function", package.long_functions()),
        ("isinstance of a provider", package.provider_checks()),
    ):
        for each in found:
            print(f"{title}: {each}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
