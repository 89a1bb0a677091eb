"""Deletions from encoders: one mapped field, table row or warning less, each of which some test should notice.

`python -m tests.mutation --fields` runs them. An encoder that loses a field still sends a valid request, so only a test
of that field can tell.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from tests.mutation.mutants import Change, Mutant

_MODULES = ("encode*.py", "embeddings.py", "wire.py")
"""Of a dialect: its encoders, and the tables that they read. What lists models sends no body."""

_READS = re.compile(r"_*(decode|read|parse|depth|by_token|require)")
"""Functions of these modules that read answers."""

_SINGLE = tuple(f"tests/sending/test_{name}.py" for name in ("mapped_fields", "mapped_parts", "degradations"))
"""Tests of what only some requests have, in all dialects."""

FAMILIES = {
    "anthropic": ("anthropic",),
    "cohere": ("cohere",),
    "gemini": ("google",),
    "hf_features": ("huggingface",),
    "ollama": ("ollama",),
    "openai": ("openai gpt-4o", "openai gpt-6", "azure", "groq", "together", "huggingface", "openai text"),
    "replicate": ("replicate",),
    "responses": ("openai gpt-5-pro", "openai gpt-5.1-codex", "openai gpt-6"),
}
"""The targets of `tests/sending/test_losses.py` that speak a dialect, by the beginning of their labels."""


def modules(root: Path) -> list[str]:
    """Return the modules that hold mapped fields."""
    found = {path for name in _MODULES for path in root.glob(f"src/understudy/dialects/*/{name}")}
    return [path.relative_to(root).as_posix() for path in sorted(found)]


def suite_of_fields(root: Path, path: str) -> list[str]:
    """Return the tests that judge what a module sends, as arguments of pytest, the likeliest to fail first."""
    from tests.sending.targets import FAMILIES as CHATTING
    from tests.sending.test_losses import EMBEDDERS

    dialect = Path(path).parent.name
    chosen = [
        f"tests/sending/test_losses.py::test_no_field_of_{kind}_is_lost_silently[{family.label}]"
        for kind, families in (("a_generation", CHATTING), ("an_embedding", EMBEDDERS))
        for family in families
        if family.label.startswith(FAMILIES[dialect])
    ]
    return [*chosen[:1], *_tests_of(root, dialect), *_SINGLE, *chosen[1:]]


def _tests_of(root: Path, dialect: str) -> Iterator[str]:
    for path in sorted(root.glob(f"tests/dialects/{dialect}/test_*.py")):
        if not re.search(r"decode|errors|render|junk|lists|models|server", path.name):
            yield path.relative_to(root).as_posix()


@cache
def field_mutants_of(root: Path, path: str) -> list[Mutant]:
    """Return the mutants of a module that lack one mapped field, table row or warning."""
    source = (root / path).read_text(encoding="utf-8")
    tables = _tables_of(root, path) if path.endswith("wire.py") else None
    return _Finder(path, source, tables).find()


def _tables_of(root: Path, path: str) -> frozenset[str]:
    """Return the names that the encoders beside a module import from it."""
    names: set[str] = set()
    for name in ("encode*.py", "embeddings.py"):
        for encoder in (root / path).parent.glob(name):
            for node in ast.walk(ast.parse(encoder.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(".wire"):
                    names |= {alias.name for alias in node.names if alias.name.isupper()}
    return frozenset(names)


class _Finder:
    """Walks a module and collects what can be deleted from it."""

    def __init__(self, path: str, source: str, tables: frozenset[str] | None) -> None:
        self._path = path
        self._source = source.encode()
        self._tables = tables
        self._lines = [0]
        for line in self._source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._found: list[Mutant] = []

    def find(self) -> list[Mutant]:
        """Return all mutants of the module."""
        for node in ast.parse(self._source).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and self._is_table(node):
                self._visit(node.value, "module", _row)
            elif self._tables is None:
                self._visit_functions(node)
        return sorted(set(self._found))

    def _is_table(self, node: ast.Assign | ast.AnnAssign) -> bool:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return isinstance(target, ast.Name) and (self._tables is None or target.id in self._tables)

    def _visit_functions(self, node: ast.AST, around: str = "") -> None:
        for child in (node, *ast.iter_child_nodes(node)) if isinstance(node, ast.ClassDef) else (node,):
            if isinstance(child, ast.FunctionDef) and not _READS.match(child.name):
                where = ".".join(filter(None, (node.name if isinstance(node, ast.ClassDef) else around, child.name)))
                for statement in child.body[ast.get_docstring(child) is not None :]:
                    self._visit(statement, where, _field)

    def _visit(self, node: ast.AST, where: str, operator: Callable[[ast.AST], Iterable[Change]]) -> None:
        for change in operator(node):
            self._note(node, where, change)
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self._visit(child, where, operator)

    def _note(self, node: ast.AST, where: str, change: Change) -> None:
        assert isinstance(node, ast.expr | ast.stmt)
        start = self._lines[node.lineno - 1] + node.col_offset
        end = self._lines[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        before = self._source[start:end].decode()
        self._found.append(Mutant(self._path, start, end, change[0], before, change[1], node.lineno, where))


def _row(node: ast.AST) -> Iterator[Change]:
    """Delete a row of a table."""
    yield from _entry(node)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        for index in range(len(node.elts)):
            rest = [*node.elts[:index], *node.elts[index + 1 :]]
            fewer: ast.expr = type(node)(elts=rest) if rest or not isinstance(node, ast.Set) else ast.Tuple(elts=[])
            yield "row", _text(fewer)


def _entry(node: ast.AST) -> Iterator[Change]:
    """Delete an entry of a dict."""
    if isinstance(node, ast.Dict):
        for index in range(len(node.keys)):
            keys = [*node.keys[:index], *node.keys[index + 1 :]]
            yield "entry", _text(ast.Dict(keys=keys, values=[*node.values[:index], *node.values[index + 1 :]]))


def _field(node: ast.AST) -> Iterator[Change]:
    """Delete what a function writes: an entry, an assignment to a place, a merge, or a call for its effect."""
    yield from _entry(node)
    match node:
        case ast.Expr(value=ast.Call()):
            yield "call", "pass"
        case ast.Assign(targets=[ast.Subscript()]):
            yield "assignment", "pass"
        case ast.AugAssign(op=ast.BitOr() | ast.Add()):
            yield "merge", "pass"
        case ast.BinOp(op=ast.BitOr(), left=left, right=right) if not _is_class(right):
            yield "merge", f"({_text(left)})"


def _is_class(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id[:1].isupper()


def _text(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(node))
