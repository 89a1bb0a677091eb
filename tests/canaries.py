"""Every key that a test makes is a canary: whatever a test prints, logs or has a program print is searched for it.

`watch` notes the value of each `Secret` as it is made; `escaped` looks for them in a text. The hooks in
`conftest.py` search what pytest captured of each test: standard output, standard error, and the log from DEBUG up.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from understudy.domain.secret import Secret

LEAST = 8
"""Characters of a key below which it may stand in a text by chance."""

_made: set[str] = set()


def watch(patch: pytest.MonkeyPatch) -> None:
    """Note every secret that is made from now on."""
    make = Secret.__init__

    def noted(self: Secret, value: str) -> None:
        make(self, value)
        if len(value) >= LEAST:
            _made.add(value)

    patch.setattr(Secret, "__init__", noted)


def forget() -> None:
    """Begin anew, for another test."""
    _made.clear()


def escaped(text: str) -> bool:
    """Whether a key of this test stands in a text, in any case."""
    whole = text.lower()
    return any(value.lower() in whole for value in _made)


def of_environment(environment: Mapping[str, str]) -> list[str]:
    """Return the values of an environment that are keys, by their names."""
    return [v for name, v in environment.items() if name.endswith(("_KEY", "_TOKEN")) and len(v) >= LEAST]
