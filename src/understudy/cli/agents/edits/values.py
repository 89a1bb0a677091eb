"""Values by their paths in nested tables."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final, final

Path = tuple[str, ...]
Values = Mapping[Path, Any]


class CannotEdit(ValueError):
    """A file cannot be changed without touching what is not ours. The message states why."""


@final
class Gone:
    """The value of what is to be removed, or is not there."""

    def __repr__(self) -> str:
        return "GONE"

    def __deepcopy__(self, _: Any) -> Gone:
        return self


GONE: Final = Gone()


def value_at(table: Any, path: Path) -> Any:
    """Return the value at a path, or `GONE`."""
    for key in path:
        if not isinstance(table, dict) or key not in table:
            return GONE
        table = table[key]
    return table


def with_values(table: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Return a table with values set or removed; a table that becomes empty by a removal is removed too.

    Raise `CannotEdit` if something on the way is not a table.
    """
    changed: dict[str, Any] = deepcopy(dict(table))
    for path, value in values.items():
        if value is GONE:
            _remove(changed, path)
            continue
        here = changed
        for depth, key in enumerate(path[:-1], start=1):
            here = here.setdefault(key, {})
            if not isinstance(here, dict):
                raise CannotEdit(f"{'.'.join(path[:depth])} is not a table")
        here[path[-1]] = deepcopy(value)
    return changed


def _remove(table: dict[str, Any], path: Path) -> None:
    if len(path) > 1 and isinstance(inner := table.get(path[0]), dict):
        _remove(inner, path[1:])
        if not inner:
            del table[path[0]]
    elif len(path) == 1:
        table.pop(path[0], None)
