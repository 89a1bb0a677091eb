"""Which recorded request is meant, and if none is, which is the nearest and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from understudy.testing.cassette import RecordedCall

SHOWN = 4
"""Differences that are shown."""
_MISSING = object()


def same(one: RecordedCall, other: RecordedCall) -> bool:
    """Check whether two requests are equal but for their headers."""
    return one.method == other.method and one.url == other.url and one.body == other.body


class Difference(msgspec.Struct, frozen=True):
    """A place in which two requests differ."""

    where: str
    recorded: Any
    sent: Any

    def __str__(self) -> str:
        return f"{self.where}: recorded {_shown(self.recorded)}, sent {_shown(self.sent)}"


def differences(recorded: RecordedCall, sent: RecordedCall) -> list[Difference]:
    """Return where two requests differ."""
    found = [
        Difference(name, was, now)
        for name in ("method", "url")
        if (was := getattr(recorded, name)) != (now := getattr(sent, name))
    ]
    one, other = recorded.body, sent.body
    if one == other:
        return found
    if one is None or other is None or msgspec.UNSET in (one.json, other.json):
        return [*found, Difference("body", *(_MISSING if each is None else each.data() for each in (one, other)))]
    return [*found, *_in_values(one.json, other.json, "body")]


def nearest(recorded: Sequence[RecordedCall], sent: RecordedCall) -> tuple[int, list[Difference]] | None:
    """Return the position of the recorded request with the fewest differences, and these; `None` if there are none."""
    if not recorded:
        return None
    all_found = [differences(each, sent) for each in recorded]
    # Another address is a greater difference than anything in the body.
    weights = [sum(1000 if each.where in ("method", "url") else 1 for each in found) for found in all_found]
    at = weights.index(min(weights))
    return at, all_found[at]


def explained(found: list[Difference]) -> str:
    """Return differences as a sentence's end."""
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(map(str, found[:SHOWN])) + more


def _in_values(was: Any, now: Any, where: str) -> Iterator[Difference]:
    match was, now:
        case dict(), dict():
            for name in dict.fromkeys((*was, *now)):
                yield from _in_values(was.get(name, _MISSING), now.get(name, _MISSING), f"{where}.{name}")
        case list(), list():
            for at in range(max(len(was), len(now))):
                one, other = (each[at] if at < len(each) else _MISSING for each in (was, now))
                yield from _in_values(one, other, f"{where}[{at}]")
        case _ if was != now or type(was) is not type(now):
            yield Difference(where, was, now)


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    text = value if isinstance(value, str) else repr(value) if isinstance(value, bytes) else _json(value)
    return f'"{_cut(text)}"' if isinstance(value, str) else _cut(text)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
