"""Ids of tool calls as a wire format accepts them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from understudy.dialects.base import WarningLog


class CallIds:
    """Tool-call ids as a wire format accepts them. An invalid id is replaced by one derived from it, with a warning, in
    the call and in its results.

    `fit` returns a valid id unchanged, else another; always the same for the same id, so that a cached prompt does not
    change. With `distinct`, ids are unique even where a server repeats one in a later turn: a result then belongs to
    the latest call of that id.
    """

    def __init__(self, fit: Callable[[str], str], notes: WarningLog, *, distinct: bool = False) -> None:
        self._fit = fit
        self._notes = notes
        self._distinct = distinct
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()

    def of_call(self, given: str) -> str:
        """Return the id of a call."""
        name = self._fit(given)
        if self._distinct:
            while name in self._taken:
                name = made_id(f"{name} {len(self._taken)}")
            self._taken.add(name)
        self._names[given] = name
        return self._id_of(given, name)

    def of_result(self, given: str) -> str:
        """Return the id of the call that a result answers."""
        return self._id_of(given, self._names.get(given) or self._fit(given))

    def _id_of(self, given: str, name: str) -> str:
        if name != given:
            self._notes.rename("tool call id", "this provider does not accept it, so another id is sent")
        return name


def made_id(text: str) -> str:
    """Return an id derived from a string: 40 characters that every wire format accepts."""
    return "call_" + hashlib.sha256(text.encode()).hexdigest()[:35]


def short_id(limit: int) -> Callable[[str], str]:
    """Return a `fit` for `CallIds` that accepts any id of 1 to `limit` characters."""
    return lambda given: given if 0 < len(given) <= limit else made_id(given)
