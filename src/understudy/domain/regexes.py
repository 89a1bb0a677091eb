"""Regular expressions that are compiled at their first use.

Compiling all of them takes 24 million instructions, a fifteenth of those by which this library is imported and reads a
configuration. Most read damaged JSON, errors or headers, which few processes ever see.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def regex(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what has the methods of the compiled expression, and is not compiled yet."""
    return cast("re.Pattern[AnyStr]", LateRegex(text, flags))


class LateRegex:
    """At first nothing but the text. The first attribute that is asked for compiles it, and puts its methods here."""

    _METHODS = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn")

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._given = (text, flags)

    def __getattr__(self, name: str) -> Any:
        text, flags = self._given
        compiled: re.Pattern[Any] = re.compile(text, flags)
        vars(self).update((method, getattr(compiled, method)) for method in self._METHODS)
        return getattr(compiled, name)
