"""Reports of which every field is filled, with ordinary, missing or hostile values."""

from __future__ import annotations

import types
import typing
from typing import Any

import msgspec

HOSTILE = (
    "<script>alert(1)</script><svg/onload=alert(2)>\"'><img src=x onerror=alert(3)>{{7*7}}{% raw %}javascript:alert(4)"
    "=1+1\x00\x07\x1b[31m\x9b\u202e\u2066\u200b\ufeff\ud800\U000e0041&lt;"
)
AT = 1_796_000_000.0
"""Unix seconds: 29 November 2026, 18:13:20 UTC."""

_WORDS = {"outcome": "failed", "state": "failed", "period": "day", "name": None, "by": "model"}


class Filler:
    """Makes structs. `text`: every string that no other rule determines; `full`: whether optional fields are filled."""

    def __init__(self, text: str = "main", *, full: bool = True, **words: str) -> None:
        self._text = text
        self._full = full
        self._words = words

    def make(self, kind: Any, name: str = "") -> Any:
        """Return a value of a type."""
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            others = [each for each in arguments if each is not type(None)]
            return self.make(others[0], name) if self._full or type(None) not in arguments else None
        if origin is tuple:
            if not self._full:
                return ()
            return tuple(self.make(each, name) for each in arguments if each is not Ellipsis)
        if origin is not None and issubclass(origin, typing.Mapping):
            return {self.make(arguments[0], ""): self.make(arguments[1], name)} if self._full else {}
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            hints = typing.get_type_hints(kind)
            return kind(**{each.name: self.make(hints[each.name], each.name) for each in msgspec.structs.fields(kind)})
        return self._plain(kind, name)

    def _plain(self, kind: Any, name: str) -> Any:
        if kind is Any:
            return self._text
        if kind is bool:
            return self._full
        if kind is int:
            return 3 if self._full else 0
        if kind is float:
            return AT if name in _TIMES else 0.5
        if typing.get_origin(kind) is typing.Literal or hasattr(kind, "__members__"):
            return next(iter(typing.get_args(kind) or kind))
        assert kind is str, (kind, name)
        if name in self._words:
            return self._words[name]
        if name.endswith("_usd") or name in ("rates", "fees", "call"):
            return "1.234567891" if self._full else "0"
        return "2026-11-29" if name in ("day", "price_date", "as_of") else self._text


_TIMES = {"at", "started", "since", "until", "began", "first", "last", "created", "expires", "revoked", "resets"}
