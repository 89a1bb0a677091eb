"""Which prompts and answers a ledger keeps: the keys, and the secrets of a configuration, which are never kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from understudy.domain.capture import CAPTURE_MODES, KEEP_DAYS, LEAST_BYTES, MAX_BYTES, MOST_BYTES
from understudy.domain.rules import Rule
from understudy.domain.secret import Secret

CAPTURE: Mapping[str, Rule] = {
    "capture": Rule(
        "string",
        '"errors"',
        "which prompts and answers are kept, too: `errors` (of attempts that failed), `all` or `off`; without secrets, "
        "as far as they are recognised",
        "`off`",
        choices=CAPTURE_MODES,
    ),
    "capture_max_bytes": Rule(
        "integer",
        str(MAX_BYTES),
        "size of a prompt, and of an answer, as JSON; of a longer prompt the last messages are kept",
        str(MAX_BYTES),
        least=LEAST_BYTES,
        most=MOST_BYTES,
        unit="bytes",
    ),
    "capture_keep_days": Rule(
        "integer",
        str(KEEP_DAYS),
        "how long prompts and answers are kept; their entries stay",
        str(KEEP_DAYS),
        least=1,
        most=36500,
        unit="days",
    ),
    "capture_redact": Rule(
        "names",
        r"['\bEMP-\d{6}\b']",
        "regular expressions whose matches are removed from prompts and answers, besides secrets",
        "none",
    ),
}
"""The keys of `[llm.ledger]` that begin with `capture`."""


def secrets_in(settings: Any) -> Iterator[Secret]:
    """Yield every secret of some settings, wherever it is in them."""
    match settings:
        case Secret():
            yield settings
        case msgspec.Struct():
            for name in settings.__struct_fields__:
                yield from secrets_in(getattr(settings, name))
        case Mapping():
            yield from _secrets_of(settings.values())
        case list() | tuple() | set() | frozenset():
            yield from _secrets_of(settings)


def _secrets_of(values: Iterable[Any]) -> Iterator[Secret]:
    for value in values:
        yield from secrets_in(value)
