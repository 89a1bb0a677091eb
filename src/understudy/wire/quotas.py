"""Reads what is left of a key's limits from the headers of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from understudy.domain.quotas import Quota
from understudy.domain.regexes import regex
from understudy.domain.usage import MAX_TOKENS
from understudy.wire.hints import time_until

_LISTED = regex(r'"(?P<name>[^"]*)"\s*;\s*r\s*=\s*(?P<left>\d{1,15})(?:\s*;\s*t\s*=\s*(?P<reset>\d{1,9}))?')
_POLICY = regex(r'"(?P<name>[^"]*)"\s*;\s*q\s*=\s*(?P<limit>\d{1,15})')


class QuotaHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """The headers of one limit."""

    unit: str
    left: str
    limit: str | None = None
    reset: str | None = None
    """A duration (`6m0s`), a number of seconds, or a date."""


def by_pattern(pattern: str, *units: str) -> tuple[QuotaHeaders, ...]:
    """Return the headers of some units by a pattern of their names, such as `x-ratelimit-{what}-{unit}`, where `what`
    is `limit`, `remaining` or `reset`."""
    return tuple(
        QuotaHeaders(
            unit=unit,
            left=pattern.format(what="remaining", unit=unit.replace(" ", "-")),
            limit=pattern.format(what="limit", unit=unit.replace(" ", "-")),
            reset=pattern.format(what="reset", unit=unit.replace(" ", "-")),
        )
        for unit in units
    )


def reporting(names: Sequence[QuotaHeaders]) -> frozenset[str]:
    """Return the headers of which an answer that reports a limit has at least one."""
    return frozenset(each.left for each in names)


def read_quotas(headers: Mapping[str, str], names: Sequence[QuotaHeaders]) -> tuple[Quota, ...]:
    """Return the limits that an answer reports; a number that is not one is ignored."""
    found: list[Quota] = []
    for each in names:
        written = headers.get(each.left)
        if written is None:
            continue
        if _LISTED.search(written):
            found += _listed(written, headers.get(each.limit or "", ""))
        elif (left := _count(written)) is not None:
            limit = _count(headers.get(each.limit)) if each.limit else None
            resets = time_until(headers.get(each.reset), headers.get("date")) if each.reset else None
            found.append(Quota(unit=each.unit, left=left, limit=limit, resets=resets))
    return tuple(found)


def _listed(written: str, policy: str) -> list[Quota]:
    """Return the limits of `RateLimit: "api";r=50;t=30`, whose sizes are in `RateLimit-Policy: "api";q=100;w=60`.

    Source: IETF, draft-ietf-httpapi-ratelimit-headers.
    """
    limits = {found["name"]: int(found["limit"]) for found in _POLICY.finditer(policy)}
    return [
        Quota(
            unit=f"requests ({found['name']})" if found["name"] else "requests",
            left=int(found["left"]),
            limit=limits.get(found["name"]),
            resets=float(found["reset"]) if found["reset"] else None,
        )
        for found in _LISTED.finditer(written)
    ]


def _count(text: str | None) -> int | None:
    """Return a count. Absurd ones mean that there is no limit."""
    if text is None or not text.isascii() or not text.strip().isdigit() or len(text) > len(str(MAX_TOKENS)) + 4:
        return None
    count = int(text)
    return count if count <= MAX_TOKENS else None
