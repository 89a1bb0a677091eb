"""Small wrong changes of a module, each of which some test should notice."""

from __future__ import annotations

import ast
import enum
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec


class Mutant(msgspec.Struct, frozen=True, order=True):
    """One change of one place."""

    path: str
    """Of the module, from the root of the repository."""
    start: int
    end: int
    """The bytes of the source that are replaced."""
    operator: str
    before: str
    after: str
    line: int
    where: str
    """The function or class around it."""

    @property
    def name(self) -> str:
        """What it is called in the list of equivalent mutants: independent of lines."""
        return f"{self.path}: {self.where}: {self.before} → {self.after}"

    def apply(self, source: bytes) -> bytes:
        """Return the source with the change made."""
        return source[: self.start] + self.after.encode() + source[self.end :]


_BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(), ast.Sub: ast.Add(), ast.Mult: ast.Div(), ast.Div: ast.Mult(), ast.FloorDiv: ast.Mult(),
    ast.Pow: ast.Mult(), ast.BitOr: ast.BitAnd(), ast.BitAnd: ast.BitOr(),
}  # fmt: skip
_ROWS = frozenset({"Row", "codes", "texts", "words"})
"""What makes rows of the tables of classification."""
_SWAPPED_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_DELETED = (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Delete)
_FEW = 6
"""Members of an enumeration that are all tried in each other's place."""
_SKIPPED_FIELDS = frozenset({"annotation", "returns", "decorator_list", "type_params", "bases"})

Change = tuple[str, str]
"""An operator and the text that replaces a node's."""


class _Finder:
    """Walks a module and collects what can be changed in it."""

    def __init__(self, path: str, source: str, names: dict[str, Any]) -> None:
        self._path = path
        self._source = source.encode()
        self._names = names
        self._lines = [0]
        for line in self._source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._found: list[Mutant] = []
        self._where: list[str] = []

    def find(self) -> list[Mutant]:
        """Return all mutants of the module."""
        self._visit(ast.parse(self._source))
        return sorted(set(self._found))

    def _visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.JoinedStr) or _is_for_checkers(node):
            return
        name = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else None
        if name is not None:
            self._where.append(name)
        for operator, after in self._changes(node):
            self._note(node, operator, after)
        for operator, after in _condition(node):
            self._note(getattr(node, "test", node), operator, after)
        for field, value in ast.iter_fields(node):
            if field not in _SKIPPED_FIELDS and not (isinstance(node, ast.ClassDef) and field == "keywords"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        self._visit(child)
        if name is not None:
            self._where.pop()

    def _note(self, node: ast.AST, operator: str, after: str) -> None:
        start, end = self._span(node)
        before = self._source[start:end].decode()
        if before == after:
            return
        where = ".".join(self._where) or "module"
        line: int = getattr(node, "lineno", 0)
        self._found.append(Mutant(self._path, start, end, operator, before, after, line, where))

    def _span(self, node: Any) -> tuple[int, int]:
        start = self._lines[node.lineno - 1] + node.col_offset
        return start, self._lines[node.end_lineno - 1] + node.end_col_offset

    def _changes(self, node: ast.AST) -> Iterator[Change]:
        for operator in _OPERATORS:
            yield from operator(node)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield from _other_member(self._names.get(node.value.id), node)
        inside = any(name[:1].islower() or name.startswith("_") for name in self._where)
        if inside and isinstance(node, _DELETED) and not _is_docstring(node):
            yield "delete statement", "pass"


def _is_for_checkers(node: ast.AST) -> bool:
    """Whether a part exists for type checkers, or names attributes."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id in ("__slots__", "__all__")
    return isinstance(node, ast.Import | ast.ImportFrom)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _comparison(node: ast.AST) -> Iterator[Change]:
    if not isinstance(node, ast.Compare):
        return
    for table, operator in ((_BOUNDARY, "boundary"), (_NEGATED, "negated comparison")):
        for index, op in enumerate(node.ops):
            if (other := table.get(type(op))) is not None:
                ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                yield operator, _text(ast.Compare(node.left, ops, node.comparators))


def _boolean(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.BoolOp(op=ast.And()):
            yield "and → or", f"({_text(ast.BoolOp(ast.Or(), node.values))})"
        case ast.BoolOp(op=ast.Or()):
            yield "or → and", f"({_text(ast.BoolOp(ast.And(), node.values))})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "not", f"({_text(operand)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield "negated condition", f"({_text(ast.IfExp(test, orelse, body))})"


def _condition(node: ast.AST) -> Iterator[Change]:
    """Negate what is no comparison and no negation; those are changed as such."""
    if not isinstance(node, ast.If | ast.While):
        return
    if isinstance(node.test, ast.Name | ast.Attribute | ast.Call):
        yield "negated condition", f"not {_text(node.test)}"


def _number(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Constant(value=True):
            yield "constant", "False"
        case ast.Constant(value=False):
            yield "constant", "True"
        case ast.Constant(value=int() | float() as number):
            yield "constant", repr(number + 1)
            yield "constant", repr(number - 1) if number else "(-1)"


def _arithmetic(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.BinOp) and (other := _ARITHMETIC.get(type(node.op))) is not None:
        yield "arithmetic", f"({_text(ast.BinOp(node.left, other, node.right))})"
    if isinstance(node, ast.AugAssign) and (other := _ARITHMETIC.get(type(node.op))) is not None:
        yield "arithmetic", _text(ast.AugAssign(node.target, other, node.value))


def _call(node: ast.AST) -> Iterator[Change]:
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Name) and (other := _SWAPPED_CALLS.get(node.func.id)):
        yield "swapped call", _text(ast.Call(ast.Name(other), node.args, node.keywords))
    if node.args and not isinstance(node.args[-1], ast.Starred | ast.GeneratorExp):
        yield "argument drop", _text(ast.Call(node.func, node.args[:-1], node.keywords))
    for index, argument in enumerate(node.args):
        if isinstance(argument, ast.Constant) and argument.value is None:
            args = [*node.args[:index], ast.Constant(1), *node.args[index + 1 :]]
            yield "other argument", _text(ast.Call(node.func, args, node.keywords))
    for index in range(len(node.keywords)):
        fewer = [*node.keywords[:index], *node.keywords[index + 1 :]]
        yield "argument drop", _text(ast.Call(node.func, node.args, fewer))


def _rule(node: ast.AST) -> Iterator[Change]:
    """Let a row of the tables of classification match another code, phrase or part of a message."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ROWS):
        return
    for index, argument in enumerate(node.args):
        if (other := _other_text(argument)) is not None:
            args = [*node.args[:index], other, *node.args[index + 1 :]]
            yield "other text", _text(ast.Call(node.func, args, node.keywords))
    for index, keyword in enumerate(node.keywords):
        if (other := _other_text(keyword.value)) is not None:
            keywords = [*node.keywords[:index], ast.keyword(keyword.arg, other), *node.keywords[index + 1 :]]
            yield "other text", _text(ast.Call(node.func, node.args, keywords))


def _other_text(node: ast.expr) -> ast.expr | None:
    return ast.Constant(f"~{node.value}") if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _flow(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Break():
            yield "break → continue", "continue"
        case ast.Continue():
            yield "continue → break", "break"
        case ast.Return(value=ast.Constant(value=None | False) | None):
            return  # the constant is changed as such: to a caller that asks whether it is so, both are the same
        case ast.Return():
            yield "return None", "return None"


_OPERATORS: tuple[Callable[[ast.AST], Iterator[Change]], ...] = (
    _comparison, _boolean, _number, _arithmetic, _call, _flow, _rule,
)  # fmt: skip


def _other_member(owner: object, node: ast.Attribute) -> Iterator[Change]:
    """Swap a member of an enumeration for each other one, or for the next one where there are many."""
    if isinstance(owner, type) and issubclass(owner, enum.Enum) and node.attr in owner.__members__:
        members = list(owner.__members__)
        index = members.index(node.attr)
        others = [*members[index + 1 :], *members[:index]]
        for other in others if len(members) <= _FEW else others[:1]:
            yield "other member", f"{_text(node.value)}.{other}"


def _text(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(node))


def mutants_of(root: Path, path: str) -> list[Mutant]:
    """Return all mutants of a module of the package, those included that change nothing that could be noticed."""
    module = importlib.import_module(path.removeprefix("src/").removesuffix(".py").replace("/", "."))
    return _Finder(path, (root / path).read_text(encoding="utf-8"), vars(module)).find()
