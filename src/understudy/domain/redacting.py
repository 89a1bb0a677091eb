"""Removes all secrets from a text: known ones, those of a well-known form, and what a pattern matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from understudy.domain.redaction import Redactor
from understudy.domain.secret import Secret
from understudy.domain.secret_forms import REDACTED, without_secrets


def redaction(secrets: Iterable[Secret], patterns: Sequence[re.Pattern[str]] = ()) -> Callable[[str], str]:
    """Return a function that removes these secrets from a text, whatever has the form of a well-known one, and what
    matches a pattern."""
    exact = _redactor_of(tuple(secrets))

    def redact(text: str) -> str:
        text = without_secrets(exact.text(text))
        for pattern in patterns:
            text = pattern.sub(REDACTED, text)
        return text

    return redact


@lru_cache(maxsize=16)
def _redactor_of(secrets: tuple[Secret, ...]) -> Redactor:
    return Redactor(each.reveal() for each in secrets)
