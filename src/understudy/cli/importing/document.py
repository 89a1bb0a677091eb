"""A YAML document with the line of every value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from understudy.domain.errors import Misuse

Path = tuple[str | int, ...]

_LARGEST = 4 << 20
_DEEPEST = 100
_MOST = 100_000
"""Values, so that aliases of aliases cannot fill the memory."""


class Document:
    """The values of a file, and where they are written."""

    def __init__(self, values: dict[str, Any], lines: dict[Path, int]) -> None:
        self.values = values
        self._lines = lines

    def has(self, path: Path) -> bool:
        """Check whether a value is written at a path."""
        return path in self._lines

    def line(self, path: Path) -> int:
        """Return the line of a value, or that of what it is in."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def read(data: bytes, name: str) -> Document:
    """Parse a YAML file. Raise `Misuse` if it is not a mapping, or if the parser is not installed."""
    try:
        import yaml
    except ImportError as error:
        raise Misuse("reading YAML needs PyYAML\n  pip install 'understudy[import]'") from error
    if len(data) > _LARGEST:
        raise Misuse(f"{name} is larger than {_LARGEST >> 20} MiB")
    try:
        loader = yaml.SafeLoader(data)
        root = loader.get_single_node()
        reader = _Reader(loader, yaml)
        values = reader.value(root, ()) if root is not None else {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise Misuse(f"{where} is not valid YAML: {getattr(error, 'problem', None) or error}") from error
    except RecursionError as error:
        raise Misuse(f"{name} nests too deeply") from error
    if not isinstance(values, dict):
        raise Misuse(f"{name} is not a configuration of LiteLLM: it contains no mapping")
    return Document(values, reader.lines)


class _Reader:
    """Turns nodes into values."""

    def __init__(self, loader: Any, yaml: Any) -> None:
        self.lines: dict[Path, int] = {}
        self._loader = loader
        self._yaml = yaml
        self._count = 0

    def value(self, node: Any, path: Path) -> Any:
        self._count += 1
        if self._count > _MOST:
            raise self._yaml.YAMLError(f"it has more than {_MOST} values")
        if len(path) > _DEEPEST:
            raise RecursionError
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, self._yaml.MappingNode):
            return dict(self._pairs(node, path))
        if isinstance(node, self._yaml.SequenceNode):
            return [self.value(each, (*path, index)) for index, each in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _pairs(self, node: Any, path: Path) -> Iterator[tuple[str, Any]]:
        self._loader.flatten_mapping(node)  # merge keys, `<<`
        for key, value in node.value:
            name = str(self._loader.construct_object(key))
            yield name, self.value(value, (*path, name))
            self.lines[*path, name] = key.start_mark.line + 1
